"""Request bodies, read as Go's encoding/json reads them into Toxiproxy's structures.

One value is read and what follows it ignored; keys match whatever their case; unknown keys are ignored; null keeps the
default; a number for an integer must be written as one."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

Json = dict[str, Any]


class BadBody(Exception):  # noqa: N818
    """What is wrong, in Go's words."""


def decode(body: bytes) -> object:
    """The first JSON value. Raises BadBody."""
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise BadBody("EOF")
    try:
        return json.JSONDecoder(parse_constant=_no_constant).raw_decode(text)[0]
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise BadBody("unexpected EOF") from None
        raise BadBody(f"invalid character '{text[error.pos]}' looking for beginning of value") from None
    except RecursionError:
        raise BadBody("json: exceeded max depth") from None
    except ValueError:  # more digits than Python reads
        raise BadBody("json: cannot unmarshal number") from None


def _no_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(name, name, 0)


def fold(value: object, struct: str) -> Json:
    """An object with its keys in lower case, without its nulls; null itself is an empty one. Raises BadBody."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadBody(f"json: cannot unmarshal {_kind(value)} into Go value of type toxiproxy.{struct}")
    return {str(key).lower(): item for key, item in value.items() if item is not None}


def proxy(value: object) -> Json:
    """A proxy's name, listen, upstream and enabled, each where given, and of its type. Raises BadBody."""
    given = fold(value, "Proxy")
    found: Json = {key: _text(given, key, "Proxy") for key in ("name", "listen", "upstream") if key in given}
    if "enabled" in given:
        if not isinstance(given["enabled"], bool):
            _wrong(given["enabled"], "Proxy.enabled", "bool")
        found["enabled"] = given["enabled"]
    if "connections" in given:  # ours
        found["connections"] = _text(given, "connections", "Proxy")
    return found


def toxic(value: object) -> Json:
    """A toxic's name, type, stream, toxicity and attributes, each where given. Raises BadBody."""
    given = fold(value, "Toxic")
    found: Json = {key: _text(given, key, "ToxicWrapper") for key in ("name", "type", "stream") if key in given}
    if "toxicity" in given:
        found["toxicity"] = _number(given["toxicity"])
    found["attributes"] = fold(given.get("attributes"), "attributes")
    return found


def integers(given: Json, names: tuple[str, ...]) -> dict[str, int]:
    """Those of the named attributes that are given: 64-bit integers. Raises BadBody."""
    for name in names:
        value = given.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or not -(1 << 63) <= value < 1 << 63:
            _wrong(value, f"Toxic.{name}", "int64")
    return {name: given[name] for name in names if name in given}


def _text(given: Json, key: str, struct: str) -> str:
    value = given[key]
    if not isinstance(value, str):
        _wrong(value, f"{struct}.{key}", "string")
    return str(value).encode("utf-8", "replace").decode()  # half a surrogate pair is no text


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        _wrong(value, "ToxicWrapper.toxicity", "float32")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        _wrong(value, "ToxicWrapper.toxicity", "float32")
    return int(number) if number.is_integer() else number


def _kind(value: object) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
    return "object"


def _wrong(value: object, field: str, kind: str) -> NoReturn:
    raise BadBody(f"json: cannot unmarshal {_kind(value)} into Go struct field {field} of type {kind}")
