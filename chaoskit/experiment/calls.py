"""AWS calls, checked against botocore's models of the services: the operation, and its parameters."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from chaoskit.experiment.nodes import nearest

_TEMPLATE = re.compile(r"\$\$\{|\$\{(?:(uuid)|(seq)|(-?\d+)\.\.-?\d+)\}")
_UUID = "00000000-0000-4000-8000-000000000000"


@lru_cache
def _model(service: str) -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def operation_problem(service: str, operation: str) -> tuple[str, str] | None:
    """What is wrong with an operation's name, and the nearest right one; None when nothing is."""
    names = list(_model(service).operation_names)
    if operation in names:
        return None
    by_case = {name.lower(): name for name in names}
    if operation.lower() in by_case:
        return f"{service} has no operation {operation!r}", f"did you mean {by_case[operation.lower()]}?"
    return f"{service} has no operation {operation[:64]!r}", nearest(operation, names)


def parameter_problems(service: str, operation: str, arguments: Any) -> list[str]:
    """What is wrong with the arguments of an operation, one sentence each. Templates count as what they will be."""
    from botocore.validate import ParamValidator

    shape = _model(service).operation_model(operation).input_shape
    if shape is None:
        return [f"{operation} takes no parameters"] if arguments else []
    report = ParamValidator().validate(sample(arguments), shape)
    return [" ".join(line.split()) for line in report.generate_report().splitlines() if line.strip()]


def sample(value: Any) -> Any:
    """A value with a draw in place of each per-request template, of the type that a draw has."""
    if isinstance(value, dict):
        return {key: sample(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [sample(inner) for inner in value]
    if not isinstance(value, str):
        return value
    whole = _TEMPLATE.fullmatch(value)
    if whole is not None and whole[0] != "$${":
        return _draw(whole)
    return _TEMPLATE.sub(lambda match: str(_draw(match)), value)


def _draw(match: re.Match[str]) -> str | int:
    if match[1]:
        return _UUID
    if match[2]:
        return 1
    return int(match[3]) if match[3] else "${"
