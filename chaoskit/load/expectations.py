"""Did an answer satisfy its `expect`?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from chaoskit.load.templates import Draws
from chaoskit.wire import JSON, Expect

_MISSING = object()


@dataclass
class Answer:
    """A whole HTTP answer. Names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def holds(expect: Expect, answer: Answer, draws: Draws) -> str:
    """Empty when it holds, else the class of the failure: status or expect."""
    if not status_holds(expect, answer.status):
        return "status"
    if expect.body is not None and draws.text(expect.body).encode() not in answer.body:
        return "expect"
    if any(answer.headers.get(name.lower()) != draws.text(value) for name, value in expect.headers.items()):
        return "expect"
    return "" if not expect.json or json_holds(expect, _parsed(answer.body), draws) else "expect"


def status_holds(expect: Expect, status: int) -> bool:
    """One of those named, or any 2xx or 3xx."""
    return status in expect.status if expect.status else 200 <= status < 400


def json_holds(expect: Expect, value: JSON, draws: Draws) -> bool:
    """Every path has its value, or is present, or absent."""
    return all(_path_holds(value, draws.text(path), draws.json(wanted)) for path, wanted in expect.json.items())


def _path_holds(value: JSON, path: str, wanted: JSON) -> bool:
    found = _look_up(value, path)
    if wanted == "present":
        return found is not _MISSING and found is not None
    if wanted == "absent":
        return found is _MISSING or found is None
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)  # in Python 1 is True


def _look_up(value: JSON, path: str) -> JSON:
    for word in path.split("."):
        if isinstance(value, dict) and word in value:
            value = value[word]
        elif isinstance(value, list) and word.isdecimal() and int(word) < len(value):
            value = value[int(word)]
        else:
            return _MISSING
    return value


def _parsed(body: bytes) -> JSON:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _MISSING
