"""A tree of nodes as a model: every problem at its place, and as much of the model as is sound.

What is wrong is cut out and the rest validated again, so that what comes after (names, combinations) is checked as far
as it can be, in the same go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from chaoskit.experiment.file import Model, Written
from chaoskit.experiment.nodes import Node, Report, nearest, show

Path = tuple[str | int, ...]
Kind = TypeVar("Kind", bound=Model)
ROUNDS = 60
"""Cuts at most: each goes at least one level up, or takes another problem out."""
_KINDS = {
    "string_type": "text (quote it)",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def validate(
    model: type[Kind], node: Node, report: Report, instead: Mapping[str, Node] | None = None
) -> tuple[Kind, Node] | None:
    """The model of a node without what is wrong in it, and the node so cut; None when nothing is left.

    instead: what stands in for a top-level key that is missing (or wrong), so that the rest can be looked at."""
    first = True
    for _ in range(ROUNDS):
        try:
            return model.model_validate(plain(node), context=report), node
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            paths = [_report(node, detail, report, first) for detail in details]
        first = False
        node, paths = _stand_in(node, paths, details, instead or {})
        pruned = _without(node, paths)
        if pruned is None:
            return None
        node = pruned
    return None


def _stand_in(
    node: Node, paths: list[Path], details: list[ErrorDetails], instead: Mapping[str, Node]
) -> tuple[Node, list[Path]]:
    """Put in what is missing at the top, where there is something to put in."""
    missing = [str(detail["loc"][0]) for detail in details if detail["type"] == "missing" and len(detail["loc"]) == 1]
    filling = {key: instead[key] for key in missing if key in instead}
    if not filling or len(filling) < len(missing):
        return node, paths
    return _like(node, {**node.entries(), **filling}), [path for path in paths if path]


def plain(node: Node) -> Any:
    """A node's values; mappings remember their node."""
    if isinstance(node.value, dict):
        return Written(node, {key: plain(inner) for key, inner in node.value.items()})
    if isinstance(node.value, list):
        return [plain(inner) for inner in node.value]
    return node.value


def bare(value: Any) -> Any:
    """Plain values without any memory."""
    if isinstance(value, dict):
        return {key: bare(inner) for key, inner in value.items()}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def _report(node: Node, detail: ErrorDetails, report: Report, first: bool) -> Path:
    """Report one of pydantic's errors; the path of what is to be cut out.

    Later rounds only report what the first could not see: what is missing then was cut out."""
    path, is_key = _path(node, detail["loc"])
    missing = detail["type"] in ("missing", "too_short", "union_tag_not_found", "dependency", "one_of")
    if first or not missing:
        place = node.at(*path[:-1]) if detail["type"] == "missing" else node.at(*path)
        if detail["type"] == "union_tag_invalid":
            place = node.at(*path, "fault")
        if is_key:
            place = _parent(node, path).keys[str(path[-1])]
        message, hint = _words(node, path, detail)
        report.add(place, message, hint)
    return path[:-1] if detail["type"] == "missing" else path


def _path(node: Node, loc: Iterable[str | int]) -> tuple[Path, bool]:
    """pydantic's location as a path in the file: without the tags of unions, and whether it means the key."""
    path = list[str | int]()
    words = list(loc)
    for index, word in enumerate(words):
        if word == "[key]":
            return tuple(path), True
        inner = node.child(word)
        if inner is not None:
            path.append(word)
            node = inner
        elif index == len(words) - 1 and isinstance(node.value, dict) and isinstance(word, str):
            path.append(word)  # what is missing
    return tuple(path), False


def _parent(node: Node, path: Path) -> Node:
    for step in path[:-1]:
        node = node.child(step) or node
    return node


def _words(node: Node, path: Path, detail: ErrorDetails) -> tuple[str, str]:
    """pydantic's error in our words, and a hint."""
    kind, context = detail["type"], detail.get("ctx", {})
    found = _found(node, path)
    if kind == "missing":
        return f"missing key {str(path[-1])!r}", ""
    if kind == "literal_error":
        shown = _called(found) if isinstance(found, list | dict) else show(found)
        return f"{shown} is not {context['expected']}", _near_literal(found, context["expected"])
    if kind == "union_tag_invalid":
        tags = [tag.strip("' ") for tag in context["expected_tags"].split(",")]
        return f"no fault {context['tag'][:64]!r}", nearest(context["tag"], tags)
    if kind == "union_tag_not_found":
        return "missing key 'fault'", ""
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}, and is {_called(found)}", ""
    if kind == "string_pattern_mismatch":
        return f"{show(found)} does not match {context['pattern']}", ""
    if kind in ("too_short", "string_too_short"):
        return "must not be empty", ""
    message = detail["msg"]
    return message[0].lower() + message[1:] if message.startswith(("Input", "List", "Dictionary")) else message, ""


def _found(node: Node, path: Path) -> object:
    inner: Node | None = node
    for step in path:
        inner = inner.child(step) if inner is not None else None
    return None if inner is None else inner.value


def _called(found: object) -> str:
    """What somebody wrote, by its kind."""
    match found:
        case None:
            return "empty"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case bool():
            return f"a truth value: {show(found)}"
        case str():
            return f"text: {show(found)}"
        case _:
            return f"a number: {show(found)}"


def _near_literal(found: object, expected: str) -> str:
    words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
    hint = nearest(found, words)
    return hint if hint.startswith("did") else ""


def _without(node: Node, paths: list[Path]) -> Node | None:
    """The node without what the paths lead to; None when that is the node itself."""
    if any(not path for path in paths):
        return None
    inner: dict[str | int, list[Path]] = {}
    for path in paths:
        inner.setdefault(path[0], []).append(path[1:])
    if isinstance(node.value, list):
        kept = [_cut(element, inner.get(index)) for index, element in enumerate(node.value)]
        return _like(node, [element for element in kept if element is not None])
    entries = {key: _cut(entry, inner.get(key)) for key, entry in node.entries().items()}
    return _like(node, {key: entry for key, entry in entries.items() if entry is not None})


def _cut(node: Node, paths: list[Path] | None) -> Node | None:
    return node if paths is None else _without(node, paths)


def _like(node: Node, value: list[Node] | dict[str, Node]) -> Node:
    return Node(node.place, value, node.keys, node.size, node.templated)
