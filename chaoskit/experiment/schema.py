"""The JSON Schema of experiment files, made from the models of the file."""

from __future__ import annotations

from typing import Any

from chaoskit.experiment.file import ExperimentFile

TEMPLATE = {"type": "string", "pattern": r"\$\{.+\}"}


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12: what editors complete and check. A scalar may be a `${…}` anywhere."""
    made = ExperimentFile.model_json_schema(by_alias=True)
    _allow_templates(made)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "chaoskit experiment"}


def _allow_templates(node: Any) -> None:
    """Enums, numbers and booleans may be given by a var; texts may anyway, unless a pattern forbids it."""
    if isinstance(node, list):
        for item in node:
            _allow_templates(item)
    if not isinstance(node, dict):
        return
    for value in node.values():
        _allow_templates(value)
    for name, child in list(node.get("properties", {}).items()):
        if name != "fault" and _is_narrow(child):
            node["properties"][name] = {"anyOf": [child, TEMPLATE]}


def _is_narrow(child: Any) -> bool:
    return isinstance(child, dict) and (
        "enum" in child or "const" in child or child.get("type") in ("integer", "number", "boolean")
    )
