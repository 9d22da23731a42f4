"""What was due is known from the rate and any one row."""

from __future__ import annotations

from typing import cast

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chaoskit.history.reader import Observations
from chaoskit.judge import judge
from chaoskit.judge.due import due_before, due_between, unanswered
from chaoskit.judge.ranges import Ranges
from chaoskit.load.schedule import arrivals
from chaoskit.load.schedule import due_between as planned
from chaoskit.records import Request
from chaoskit.wire import LoadStream
from tests.judge.build import evidence, experiment, healthy, history, request, requests


def rows(stream: LoadStream, span: float) -> list[Request]:
    due = arrivals(stream, 7, span)
    return [msgspec.structs.replace(request(seq, at), load=stream.name) for seq, at in enumerate(due)]


@given(rate=st.floats(0.05, 200), span=st.floats(1, 40), pick=st.integers(0, 10_000), begin=st.floats(0, 1))
def test_it_is_what_the_load_workers_schedule_has(rate: float, span: float, pick: int, begin: float) -> None:
    """From whichever row it is told: the number due before a moment, and in a window (but for its very edges)."""
    stream = LoadStream("reads", rate, 2.0, ())
    scheduled = rows(stream, span)
    if not scheduled:
        return
    row = scheduled[pick % len(scheduled)]
    assert abs(due_before(row, rate, span) - len(scheduled)) <= sum(span - r.due < 1e-6 for r in scheduled) + 1
    told, right = due_between(row, rate, begin * span, span), planned(stream, 7, begin * span, span)
    assert right - 2 <= told <= right


@given(st.sets(st.integers(0, 99), max_size=99))
def test_every_request_without_an_outcome_is_found_and_no_other(missing: set[int]) -> None:
    """Wherever the gaps are: at the start, at the end, in between; due when it was due."""
    stream = LoadStream("reads", 50.0, 2.0, ())
    kept = [row for row in rows(stream, 2.0) if row.seq not in missing]
    found = {row.seq: row for row in unanswered(kept, [stream], 2.0)}
    if kept:
        assert set(found) == missing
    for seq, row in found.items():
        assert abs(row.due - rows(stream, 2.0)[seq].due) < 1e-9
        assert (row.outcome, row.error, row.sent) == ("failed", "unanswered", None)


def test_a_missing_outcome_is_a_failure() -> None:
    """4 of 500 missing: too few to call the instrument unsound, and none of them is a success."""
    kept = [row for row in healthy() if not 600 <= cast(Request, row).seq < 604]
    verdict = judge(history(kept, evidence()), experiment("success_rate >= 90% during outage"))
    assert (verdict.slos[0].value, verdict.slos[0].samples) == (496 / 500, 500)
    assert any("no outcome of 4 requests" in finding for finding in verdict.findings)


def test_while_the_load_goes_on_nothing_is_missing() -> None:
    """What has no outcome yet may be in flight."""
    observed = history(requests(0, 10), requests(10, 12))
    going = Observations(requests=observed.requests, phase_events=observed.phase_events[:3])
    ranges = Ranges(going, experiment())
    assert len(ranges.due) == 600
