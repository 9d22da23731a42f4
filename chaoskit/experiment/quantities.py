"""The scalar types of the file's models: quantities with their unit, names, texts; each with its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from chaoskit import units
from chaoskit.experiment.nodes import show

NAME = re.compile(r"[a-z][a-z0-9_-]*")
TRUTHS = frozenset(("on", "off", "yes", "no", "y", "n", "true", "false", "null"))
"""Words that some YAML tools read as something else than text."""
_DURATION = r"^([0-9]+(\.[0-9]+)?(us|ms|s|m|h))+$"
_RATE = r"^[0-9]+(\.[0-9]+)?/(s|sec|min|m|h)$"


def _quantity(read: Callable[[str], float], example: str) -> Callable[[Any], float]:
    def validate(value: Any) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = f"{value}"
        if not isinstance(value, str):
            raise PydanticCustomError("quantity", f"{_safe(show(value))} is not a quantity; write e.g. {example}")
        try:
            if len(value) > 64:
                raise ValueError(f"{show(value)} is too long for a quantity; write e.g. {example}")
            return read(value)
        except ValueError as error:
            raise PydanticCustomError("quantity", _safe(str(error))) from None

    return validate


def _safe(text: str) -> str:
    """pydantic fills in what stands in braces."""
    return text.replace("{", "{{").replace("}", "}}")


def _between(read: Callable[[str], float], least: str, most: str) -> Callable[[str], float]:
    """Bounds, as they are written. The upper ones keep a slip of the finger from making a plan of years."""

    def checked(text: str) -> float:
        value = read(text)
        if least and value <= 0:
            raise ValueError(f"{text!r}: {least}")
        if value > read(most):
            raise ValueError(f"{text!r} is more than {most}")
        return value

    return checked


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise PydanticCustomError(
            "name", _safe(f"{show(value)} is not a name: a lower case letter, then letters, digits, _ and -")
        )
    if value in TRUTHS:
        raise PydanticCustomError("name", _safe(f"the name {value!r} is a truth value to other YAML tools"))
    return value


def _environment_text(value: Any) -> Any:
    """Numbers and truth values become text in headers and environments, where all is text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(_quantity(_between(units.duration, "", "168h"), "250ms, 5s, 2m")),
    WithJsonSchema({"type": "string", "pattern": _DURATION}),
]
LongDuration: TypeAlias = Annotated[
    float,
    BeforeValidator(_quantity(_between(units.duration, "must be longer than nothing", "168h"), "250ms, 5s, 2m")),
    WithJsonSchema({"type": "string", "pattern": _DURATION}),
]
Rate: TypeAlias = Annotated[
    float,
    BeforeValidator(_quantity(_between(units.rate, "must be more than none", "100000/s"), "50/s, 6/min")),
    WithJsonSchema({"type": "string", "pattern": _RATE}),
]
Name: TypeAlias = Annotated[
    str, BeforeValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"})
]
EnvironmentText: TypeAlias = Annotated[
    str, BeforeValidator(_environment_text), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
Port: TypeAlias = Annotated[int, Field(ge=1, le=65535)]
Word: TypeAlias = Annotated[str, Field(min_length=1)]
