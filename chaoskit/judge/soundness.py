"""Was the instrument itself sound? Else its numbers are not the target's."""

from __future__ import annotations

from collections.abc import Iterator

from chaoskit.experiment.models import Experiment
from chaoskit.judge.ranges import Ranges
from chaoskit.records import Request

LATE = 0.05
"""Seconds: a send later than this was late."""
MOST_LATE = 0.01
LEAST_SENT = 0.99
"""Shares of a phase's requests."""


def unsound(ranges: Ranges, experiment: Experiment) -> Iterator[str]:
    """A sentence per phase in which the load worker did not do what the schedule says."""
    for phase in experiment.phases:
        span = ranges.span(phase.name)
        requests = ranges.by_phase.get(phase.name, [])
        if span is None or span.end == float("inf"):
            continue
        yield from _late(phase.name, requests)
        due = sum(stream.rate for stream in experiment.load) * (span.end - span.begin)
        # One per stream may fall on either side of each end; injections move those in flight.
        slack = 2 * len(experiment.load) + sum(ranges.phase_at(r.due) != phase.name for r in requests)
        sent = sum(request.sent is not None for request in requests)
        if sent < LEAST_SENT * due - slack - _moved_away(ranges, phase.name):
            yield f"the load worker sent {sent:,} of {due:,.0f} requests due in phase {phase.name}"


def _late(phase: str, requests: list[Request]) -> Iterator[str]:
    late = sum(request.sent is not None and request.sent - request.due > LATE for request in requests)
    if requests and late > MOST_LATE * len(requests):
        yield (
            f"{late:,} of {len(requests):,} requests of phase {phase} were sent more than 50 ms late: "
            "the machine could not keep the schedule"
        )


def _moved_away(ranges: Ranges, phase: str) -> int:
    """Requests due in this phase that an injection moved into another."""
    others = (requests for name, requests in ranges.by_phase.items() if name != phase)
    return sum(ranges.phase_at(request.due) == phase for requests in others for request in requests)
