"""pydantic's errors in our words, at their place in the file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from chaoskit.experiment.file import (
    FAULT_MODELS,
    AwsFile,
    CheckFile,
    EffectFile,
    ExpectFile,
    ExperimentFile,
    LoadFile,
    PhaseFile,
    ReadyFile,
    RequestFile,
    TableFile,
    TargetFile,
    TcpFile,
)
from chaoskit.experiment.yaml12 import Node

Explained = tuple[str, str, int, int]
"""message, hint, line, column"""


def explain(details: Mapping[str, Any], root: Node) -> Explained:
    """One error of pydantic as message, hint and place."""
    path: tuple[str | int, ...] = details["loc"]
    kind, context = details["type"], details.get("ctx", {})
    node = root.at(path)
    if kind == "extra_forbidden":
        return _unknown_key(path, root)
    if kind == "missing":
        where = _name_of(path[:-1])
        return f"{where} needs the key {path[-1]!r}", "", node.line, node.column
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_fault(node)
    message = _message(kind, context, details["msg"])
    return f"{_name_of(path)}: {message}", _hint(kind, context, details.get("input")), node.line, node.column


def _unknown_key(path: tuple[str | int, ...], root: Node) -> Explained:
    key = str(path[-1])
    parent = root.at(path[:-1])
    line, column = parent.keys.get(key, (parent.line, parent.column))
    known = _known_keys(path[:-1])
    near = difflib.get_close_matches(key, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    return f"unknown key {key!r}", hint, line, column


def _known_keys(path: tuple[str | int, ...]) -> list[str]:
    """The keys of the model at a path."""
    words = [str(step) for step in path if isinstance(step, str)]
    model: type[Any] = ExperimentFile
    for depth, word in enumerate(words):
        model = _step(model, words, depth, word)
    return [field.alias or name for name, field in model.model_fields.items()]


def _step(model: type[Any], words: list[str], depth: int, word: str) -> type[Any]:
    if word in FAULT_MODELS:
        return FAULT_MODELS[word]
    if word == "effect":
        return EffectFile
    names: dict[str, type[Any]] = {
        "target": TargetFile, "ready": ReadyFile, "tables": TableFile, "requests": RequestFile,
        "expect": ExpectFile, "phases": PhaseFile, "aws": AwsFile, "tcp": TcpFile,
    }  # fmt: skip
    if depth == 1 and words[0] == "load":
        return LoadFile
    return names.get(word, CheckFile if model is CheckFile else model)


def _unknown_fault(node: Node) -> Explained:
    if not isinstance(node.value, dict) or "fault" not in node.value:
        return "a fault needs the key 'fault'", f"one of {', '.join(FAULT_MODELS)}", node.line, node.column
    kind = node.value["fault"]
    near = difflib.get_close_matches(str(kind.value), FAULT_MODELS, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"faults: {', '.join(FAULT_MODELS)}"
    return f"no fault {kind.value!r}", hint, kind.line, kind.column


def _name_of(path: tuple[str | int, ...]) -> str:
    text = ""
    for step in path:
        if step in FAULT_MODELS:
            continue
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "the experiment"


def _message(kind: str, context: Mapping[str, Any], message: str) -> str:
    match kind:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"must be {context['expected']}"
        case "string_pattern_mismatch":
            return "a name is lower-case letters, digits, - and _, beginning with a letter" if "a-z" in str(
                context.get("pattern")
            ) else f"does not match {context.get('pattern')}"  # fmt: skip
        case "string_type":
            return "must be a text"
        case _:
            return message[:1].lower() + message[1:]


def _hint(kind: str, context: Mapping[str, Any], value: Any) -> str:
    if kind == "literal_error" and isinstance(value, str):
        words = [word.strip("' ") for word in str(context["expected"]).replace(" or ", ",").split(",")]
        if near := difflib.get_close_matches(value, words, 1):
            return f"did you mean {near[0]}?"
    if kind == "string_type" and value is not None and not isinstance(value, dict | list):
        return f'quote it: "{value}"'
    return ""


def explain_in(part: str, details: Mapping[str, Any], root: Node) -> Explained:
    """Like `explain`, for a file that holds what an experiment has under the key `part`."""
    message, hint, line, column = explain(
        {**details, "loc": (part, *details["loc"])}, Node({part: root}, root.line, root.column)
    )
    return message, hint, line, column
