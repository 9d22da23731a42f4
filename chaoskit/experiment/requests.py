"""Loads: streams of requests and their effects, as the load worker takes them."""

from __future__ import annotations

import re

from chaoskit.experiment.calls import operation_problem, parameter_problems
from chaoskit.experiment.file import (
    CallExpectFile,
    CallFile,
    CallRequestFile,
    HttpExpectFile,
    HttpFile,
    HttpRequestFile,
    LoadFile,
)
from chaoskit.experiment.models import AwsDependency
from chaoskit.experiment.names import Names
from chaoskit.experiment.nodes import Node, Report, nearest, show
from chaoskit.experiment.validate import bare
from chaoskit.wire import AwsRequest, EffectSpec, Expect, HttpRequest, LoadItem, LoadStream

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset(("host", "content-length", "transfer-encoding", "connection"))
"""Headers that the load worker sets."""


def resolve_load(name: str, load: LoadFile, node: Node, names: Names, report: Report) -> LoadStream:
    """One stream. Requests that are wrong go to the report and are left out."""
    requests = node.child("requests") or node
    items = [
        item
        for index, request in enumerate(load.requests)
        if (item := _item(request, requests.child(index) or requests, names, report)) is not None
    ]
    return LoadStream(name, load.rate, load.timeout, tuple(items))


def sends_http(stream: LoadStream) -> bool:
    """Whether the stream, or an effect of it, talks to the target's port."""
    return any(
        isinstance(request, HttpRequest)
        for item in stream.items
        for request in (item.request, item.effect.check if item.effect else None)
    )


def _item(request: HttpRequestFile | CallRequestFile, node: Node, names: Names, report: Report) -> LoadItem | None:
    made = _request(request, node, names, report)
    effect = request.effect
    spec = None
    if effect is not None:
        inner = node.child("effect") or node
        check = _request(effect, inner, names, report)
        spec = None if check is None else EffectSpec(check, effect.within)
    return None if made is None else LoadItem(made, spec)


def _request(request: HttpFile | CallFile, node: Node, names: Names, report: Report) -> HttpRequest | AwsRequest | None:
    return _call(request, node, names, report) if isinstance(request, CallFile) else _http(request, node, report)


# ---------------------------------------------------------------- http


def _http(request: HttpFile, node: Node, report: Report) -> HttpRequest | None:
    method, path = request.line
    place = node.at(method) if isinstance(node.value, dict) else node.place
    if not path.startswith("/"):
        report.add(place, f"{show(path)} is no path: it begins with /", f"write /{path[:64]}")
        return None
    if re.search(r"[\s\x00-\x1f\x7f]", path):
        report.add(place, f"{show(path)} holds white space", "write %20 for a space")
        return None
    _check_headers(request.headers, node.child("headers"), report, _OURS)
    return HttpRequest(
        method.upper(),
        path,
        request.headers,
        bare(request.json_),
        "json_" in request.model_fields_set,
        request.body,
        _expect(request.expect, node, report),
    )


def _check_headers(headers: dict[str, str], node: Node | None, report: Report, ours: frozenset[str]) -> None:
    for name, value in headers.items() if node is not None else ():
        assert node is not None
        if not _HEADER.fullmatch(name):
            report.add(node.keys[name], f"{show(name)} is no name of a header")
        elif name.lower() in ours:
            report.add(node.keys[name], f"the header {name} is made by the load itself", "leave it out")
        if re.search(r"[\r\n\x00]", value) or not value.isascii():
            report.add(node.at(name), f"the header {name[:64]} holds what no header may: line breaks or non-ASCII")


# ---------------------------------------------------------------- calls


def _call(request: CallFile, node: Node, names: Names, report: Report) -> AwsRequest | None:
    place = node.at("call")
    name, dot, operation = request.call.partition(".")
    if not dot or not operation:
        report.add(place, f"{show(request.call)} is no call", "write dependency.Operation, e.g. dynamodb.GetItem")
        return None
    dependency = names.dependency(name, place, report)
    if dependency is None:
        return None
    if not isinstance(dependency, AwsDependency):
        report.add(place, f"{name!r} is a tcp dependency: it has no operations")
        return None
    if problem := operation_problem(dependency.service, operation):
        report.add(place, *problem)
        return None
    arguments = bare(request.with_)
    for text in parameter_problems(dependency.service, operation, arguments):
        _parameter_problem(text, node, report)
    return AwsRequest(name, operation, arguments, _expect(request.expect, node, report))


def _parameter_problem(text: str, node: Node, report: Report) -> None:
    """botocore's sentence, at the parameter where it names one of the outermost."""
    place = node.child("with") or node
    unknown = re.match(r'Unknown parameter in input: "(.+?)", must be one of: (.*)', text)
    if unknown and unknown[1] in place.keys:
        report.add(
            place.keys[unknown[1]], f"no parameter {unknown[1][:64]!r}", nearest(unknown[1], unknown[2].split(", "))
        )
        return
    named = re.search(r"parameter (\w+)", text)
    report.add(place.at(named[1]) if named and named[1] in place.keys else place.place, text[:300])


# ---------------------------------------------------------------- expect


def _expect(expect: CallExpectFile, node: Node, report: Report) -> Expect:
    inner = node.child("expect") or node
    for path in expect.json_:
        if not all(path.split(".")):
            report.add(inner.at("json"), f"{show(path)} is no path", "write names and numbers with dots: items.0.id")
    if not isinstance(expect, HttpExpectFile):
        return Expect(tuple(expect.status), bare(expect.json_))
    _check_headers(expect.headers, inner.child("headers"), report, frozenset())
    return Expect(tuple(expect.status), bare(expect.json_), expect.body, expect.headers)
