"""When requests are due: data made from rate and seed alone, the same for the plan and for the worker."""

from __future__ import annotations

import math
from collections.abc import Iterator

from chaoskit.chance import stream as chance_stream
from chaoskit.wire import LoadStream


def offset(stream: LoadStream, seed: int) -> float:
    """Seconds until a stream's first request: a part of one interval, so that streams do not tick together."""
    return chance_stream(seed, "load", stream.name, "offset").random() / stream.rate


def arrivals(stream: LoadStream, seed: int, span: float) -> Iterator[float]:
    """Due times in [0, span), seconds from the schedule's zero: constant intervals of 1 / rate."""
    start = offset(stream, seed)
    for number in range(due_between(stream, seed, 0.0, span)):
        yield start + number / stream.rate


def due_between(stream: LoadStream, seed: int, begin: float, end: float) -> int:
    """How many requests are due in [begin, end)."""
    return max(0, _due_before(stream, seed, end) - _due_before(stream, seed, begin))


def _due_before(stream: LoadStream, seed: int, at: float) -> int:
    return max(0, math.ceil((at - offset(stream, seed)) * stream.rate - 1e-9))
