"""When the steady state was back: windows of one second, counted from the last undo."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from chaoskit.experiment.conditions import Condition
from chaoskit.history.reader import Observations
from chaoskit.judge.ranges import Ranges
from chaoskit.judge.statistics import percentile
from chaoskit.records import Request

WINDOW = 1.0
"""Seconds."""
IN_A_ROW = 3
"""Windows; time_to_recover ends at the start of the first of them."""

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "==": operator.eq
}  # fmt: skip


def recovery_time(observed: Observations, ranges: Ranges, undo: float, now: float) -> float | None:
    """Seconds from the last undo to recovery; None: not (yet). now: windows are judged once all their requests,
    each of which ends at its timeout at the latest, have ended."""
    last = max((span.end for span in ranges.spans if span.begin <= undo < span.end or span.begin > undo), default=undo)
    slowest = max(stream.timeout for stream in ranges.experiment.load)
    in_a_row = 0
    for number in range(_windows(undo, min(last, now))):
        begin = undo + number * WINDOW
        requests = [r for r in observed.requests if begin <= r.due < begin + WINDOW]
        over = now >= begin + WINDOW + slowest or _all_ended(observed, ranges, begin + WINDOW, now)
        in_a_row = in_a_row + 1 if over and steady(ranges, requests) else 0
        if in_a_row == IN_A_ROW:
            return (number - IN_A_ROW + 1) * WINDOW
    return None


def _windows(begin: float, end: float) -> int:
    return max(0, math.floor((end - begin) / WINDOW + 1e-9)) if end < math.inf else 0


def _all_ended(observed: Observations, ranges: Ranges, end: float, now: float) -> bool:
    """Whether every request due before `end` has its row: as many rows as the rates say, up to one per stream."""
    if now == math.inf:
        return True
    for stream in ranges.experiment.load:
        rows = sum(1 for r in observed.requests if r.load == stream.name and end - WINDOW <= r.due < end)
        if rows < math.floor(stream.rate * WINDOW):
            return False
    return True


def steady(ranges: Ranges, requests: list[Request]) -> bool:
    """Whether all steady conditions hold over one window's requests, by point value; an empty window does not."""
    return bool(requests) and all(_holds(ranges, condition, requests) for condition in ranges.experiment.steady)


def _holds(ranges: Ranges, condition: Condition, requests: list[Request]) -> bool:
    loads = {address.name for address in condition.of}
    value = _point(condition, [r for r in requests if not loads or r.load in loads])
    bound: float | None = condition.bound
    if condition.relative:
        baseline = _point(condition, ranges.requests((ranges.experiment.phases[0].name,), tuple(loads)))
        bound = condition.bound * baseline if baseline else None
    return value is not None and bound is not None and OPERATORS[condition.op](value, bound)


def _point(condition: Condition, requests: list[Request]) -> float | None:
    """success_rate and latency are all that a steady state can hold a window to."""
    if not requests:
        return None
    if condition.measure == "success_rate":
        return sum(r.outcome == "ok" for r in requests) / len(requests)
    ordered = sorted(r.done - r.due if r.outcome == "ok" else math.inf for r in requests)
    if condition.stat.startswith("p"):
        return percentile(ordered, float(condition.stat[1:]) / 100)
    return {"mean": sum(ordered) / len(ordered), "max": ordered[-1], "min": ordered[0]}[condition.stat]
