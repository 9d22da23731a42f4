"""Was the instrument itself sound? Else its numbers are not the target's."""

from __future__ import annotations

import math
from collections.abc import Iterator

from chaoskit.experiment.models import Experiment
from chaoskit.judge.ranges import Ranges, Span
from chaoskit.records import Request

LATE = 0.05
"""Seconds: a send later than this was late."""
MOST_LATE = 0.01
LEAST_SENT = 0.99
"""Shares of a phase's requests."""


def unsound(ranges: Ranges, experiment: Experiment) -> Iterator[str]:
    """A sentence per phase in which the load worker did not do what the schedule says.

    A request counts for the phase it was due in, wherever it is judged."""
    due: dict[str | None, list[Request]] = {}
    for request in ranges.due:
        due.setdefault(ranges.phase_at(request.due), []).append(request)
    for phase in experiment.phases:
        span = ranges.span(phase.name)
        if span is not None and span.end < math.inf:
            requests = due.get(phase.name, [])
            yield from _late(phase.name, requests)
            yield from _unsent(experiment, span, requests)


def _late(phase: str, requests: list[Request]) -> Iterator[str]:
    late = sum(request.sent is not None and request.sent - request.due > LATE for request in requests)
    if late > MOST_LATE * len(requests):
        yield (
            f"{late:,} of {len(requests):,} requests of phase {phase} were sent more than 50 ms late: "
            "the machine could not keep the schedule"
        )


def _unsent(experiment: Experiment, span: Span, requests: list[Request]) -> Iterator[str]:
    due = sum(stream.rate for stream in experiment.load) * (span.end - span.begin)
    sent = sum(request.sent is not None for request in requests)
    # One per stream may fall on the other side of an edge of the phase.
    if sent < LEAST_SENT * due - len(experiment.load):
        yield f"the load worker sent {sent:,} of {due:,.0f} requests due in phase {span.phase}"
