"""The JSON Schema of experiment files, made from the models of the file."""

from __future__ import annotations

from typing import Any

from chaoskit.experiment.file import ExperimentFile

TEMPLATE = {"type": "string", "pattern": r"\$\{.+\}"}
ANNOTATIONS = {"title", "description", "default"}
"""Keys that allow and forbid nothing."""


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12: what editors complete and check. A scalar may be a `${…}` anywhere."""
    made = ExperimentFile.model_json_schema(by_alias=True)
    _allow_templates(made)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "chaoskit experiment"}


def _allow_templates(node: Any) -> None:
    """Wherever a value may stand, a `${…}` may, too: the loader looks at values only once they are filled in."""
    if isinstance(node, list):
        for item in node:
            _allow_templates(item)
    if not isinstance(node, dict):
        return
    for value in node.values():
        _allow_templates(value)
    if "oneOf" in node:  # a template fits every alternative, and `oneOf` takes one only
        node["anyOf"] = node.pop("oneOf")
        node.pop("discriminator", None)
    for group in ("properties", "patternProperties"):
        for name, child in node.get(group, {}).items():
            node[group][name] = _or_template(child)
    if "patternProperties" in node:
        node["additionalProperties"] = False  # a name that fits no pattern is no name
    for key in ("items", "additionalProperties"):
        if key in node:
            node[key] = _or_template(node[key])


def _or_template(child: Any) -> Any:
    """The schema, or a template; as it is where any text will do (and where it is no schema)."""
    if not isinstance(child, dict) or not (child.keys() - ANNOTATIONS) or child == {"type": "string"}:
        return child
    kept = {key: child[key] for key in ("description", "default", "title") if key in child}
    return {**kept, "anyOf": [{key: value for key, value in child.items() if key not in kept}, TEMPLATE]}
