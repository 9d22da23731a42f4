"""What was due, told from a stream's rate and one of its rows: constant arrivals are 1 / rate apart."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from chaoskit.records import Request
from chaoskit.wire import LoadStream

GRAIN = 1e-6
"""Seconds: what lies nearer to an edge than this may be on either side of it."""


def due_before(row: Request, rate: float, at: float) -> int:
    """How many requests of the row's stream were due before a moment; `row` is any of them."""
    return max(0, row.seq + math.ceil((at - row.due) * rate))


def due_between(row: Request, rate: float, begin: float, end: float) -> int:
    """How many requests were surely due in [begin, end)."""
    return max(0, due_before(row, rate, end - GRAIN) - due_before(row, rate, begin + GRAIN))


def unanswered(requests: Sequence[Request], streams: Sequence[LoadStream], end: float) -> Iterator[Request]:
    """Requests due before the load's end whose worker recorded no outcome: failed ones, never absent ones.

    A stream without any row yields none: that the worker sent nothing is for `soundness` to say."""
    counts = Counter(request.load for request in requests)
    some = {request.load: request for request in requests}
    for stream in streams:
        row = some.get(stream.name)
        if row is not None and counts[stream.name] < (due := due_before(row, stream.rate, end - GRAIN)):
            known = {request.seq for request in requests if request.load == stream.name}
            yield from (_missing(row, stream, seq) for seq in range(due) if seq not in known)


def _missing(row: Request, stream: LoadStream, seq: int) -> Request:
    due = row.due + (seq - row.seq) / stream.rate
    return Request(stream.name, seq, due, None, None, due + stream.timeout, "failed", "unanswered", None, 0, "")
