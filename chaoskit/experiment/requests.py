"""`load:` as values for the load worker; AWS calls checked against botocore's model of the service."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable
from typing import Any

from chaoskit.experiment.file import METHODS, CheckFile, ExpectFile, LoadFile, RequestFile
from chaoskit.experiment.models import AwsDependency, Dependency
from chaoskit.experiment.yaml12 import Node
from chaoskit.wire import AwsRequest, EffectSpec, Expect, HttpRequest, LoadItem, LoadRequest, LoadStream

Complain = Callable[..., None]
Known = dict[str, Dependency]


def make_stream(name: str, file: LoadFile, known: Known, node: Node, complain: Complain) -> LoadStream:
    """One named load."""
    items = tuple(_item(request, known, node.at(("requests", i)), complain) for i, request in enumerate(file.requests))
    return LoadStream(name, file.rate, file.timeout, items)


def _item(file: RequestFile, known: Known, node: Node, complain: Complain) -> LoadItem:
    effect = None
    if file.effect is not None:
        check = _request(file.effect, known, node.at(("effect",)), complain)
        effect = EffectSpec(check, file.effect.within)
    return LoadItem(_request(file, known, node, complain), effect)


def _request(file: CheckFile, known: Known, node: Node, complain: Complain) -> LoadRequest:
    given = [method for method in (*METHODS, "call") if getattr(file, method) is not None]
    if len(given) != 1:
        found = f"not {' and '.join(given)}" if given else "and none is given"
        complain(node, f"a request is one of {', '.join(METHODS)} and call, {found}", "get: /path")
        return HttpRequest("GET", "/")
    if given[0] == "call":
        return _call(file, known, node, complain)
    return _http(file, given[0], node, complain)


def _http(file: CheckFile, method: str, node: Node, complain: Complain) -> HttpRequest:
    path: str = getattr(file, method)
    if not path.startswith("/") or any(character in path for character in " \r\n"):
        complain(node, f"{path!r} is no path", "a path begins with / and holds no blanks")
    if file.with_:
        complain(node.at(("with",)), "`with` belongs to `call`", "json: for a body")
    has_json = "json_" in file.model_fields_set
    if has_json and file.body is not None:
        complain(node.at(("body",)), "a request has `json` or `body`, not both")
    for name, value in file.headers.items():
        if any(character in name + value for character in "\r\n"):
            complain(node.at(("headers", name)), "a header is one line")
    return HttpRequest(method.upper(), path, file.headers, file.json_, has_json, file.body, _expect(file.expect))


def _expect(file: ExpectFile) -> Expect:
    return Expect(tuple(file.status), file.json_, file.body, file.headers)


# ---------------------------------------------------------------- call


def _call(file: CheckFile, known: Known, node: Node, complain: Complain) -> AwsRequest:
    place = node.at(("call",))
    name, _, operation = (file.call or "").partition(".")
    request = AwsRequest(name, operation, file.with_, _expect(file.expect))
    extra = [key for key in ("json_", "body", "headers") if key in file.model_fields_set]
    if extra:
        complain(node, f"{extra[0].rstrip('_')!r} belongs to an HTTP request; a call has `with`")
    dependency = known.get(name)
    if not isinstance(dependency, AwsDependency):
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else "call: dependency.Operation, e.g. dynamodb.GetItem"
        complain(place, f"no AWS dependency {name!r}", hint)
        return request
    operations = _model(dependency.service).operation_names
    if operation not in operations:
        near = difflib.get_close_matches(operation, operations, 1)
        complain(
            place, f"{dependency.service} has no operation {operation!r}", f"did you mean {near[0]}?" if near else ""
        )
        return request
    for problem in _argument_problems(dependency.service, operation, file.with_):
        complain(node.at(("with",)), f"{operation}: {problem}")
    return request


@functools.cache
def _model(service: str) -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _argument_problems(service: str, operation: str, arguments: dict[str, Any]) -> list[str]:
    from botocore.validate import ParamValidator

    shape = _model(service).operation_model(operation).input_shape
    if shape is None:
        return ["takes no arguments"] if arguments else []
    report = ParamValidator().validate(arguments, shape).generate_report()
    return [line.strip() for line in report.splitlines() if line.strip()]
