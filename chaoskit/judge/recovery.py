"""When the steady state was back: windows of one second, counted from the last undo."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable

from chaoskit.experiment.conditions import Condition
from chaoskit.judge.due import due_between
from chaoskit.judge.points import loads_of, point
from chaoskit.judge.ranges import Ranges
from chaoskit.records import Request

WINDOW = 1.0
"""Seconds."""
IN_A_ROW = 3
"""Windows; time_to_recover ends at the start of the first of them."""

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "==": operator.eq
}  # fmt: skip
Bounds = list[tuple[Condition, float | None]]
"""The steady conditions, each with its bound; None where the baseline gives none."""


def recovery_time(ranges: Ranges, undo: float, now: float = math.inf) -> float | None:
    """Seconds from the last undo to recovery; None: not (yet). now: windows are judged once all their requests,
    each of which ends at its timeout at the latest, have ended; infinite: the run is over."""
    bounds = [(condition, _bound(ranges, condition)) for condition in ranges.experiment.steady]
    some = {request.load: request for request in ranges.due} if now < math.inf else {}
    in_a_row = 0
    for number, requests in enumerate(_by_window(ranges, undo, windows_after(ranges, undo, now))):
        over = now == math.inf or _ended(ranges, some, requests, undo + number * WINDOW, now)
        in_a_row = in_a_row + 1 if over and _steady(bounds, requests) else 0
        if in_a_row == IN_A_ROW:
            return (number - IN_A_ROW + 1) * WINDOW
    return None


def windows_after(ranges: Ranges, undo: float, now: float = math.inf) -> int:
    """How many whole windows lie between the last undo and the end of the load (or now); 0 when nobody knows it."""
    last = max((span.end for span in ranges.spans if span.end > undo), default=undo)
    end = min(last, now)
    return max(0, math.floor((end - undo) / WINDOW + 1e-9)) if end < math.inf else 0


def _by_window(ranges: Ranges, undo: float, count: int) -> list[list[Request]]:
    windows: list[list[Request]] = [[] for _ in range(count)]
    for request in ranges.due:
        if undo <= request.due < undo + count * WINDOW:
            windows[min(count - 1, int((request.due - undo) / WINDOW))].append(request)
    return windows


def _ended(ranges: Ranges, some: dict[str, Request], requests: list[Request], begin: float, now: float) -> bool:
    """Whether all requests due in the window that begins there have ended: they are there, or timed out long ago.

    some: a row of each stream, by which to know what is due."""
    slowest = max(stream.timeout for stream in ranges.experiment.load)
    if now >= begin + WINDOW + slowest:
        return True
    found = Counter(request.load for request in requests)
    return all(
        stream.name in some and found[stream.name] >= due_between(some[stream.name], stream.rate, begin, begin + WINDOW)
        for stream in ranges.experiment.load
    )


def _steady(bounds: Bounds, requests: list[Request]) -> bool:
    """Whether all steady conditions hold over one window's requests, by point value; an empty window does not."""
    return bool(requests) and all(_holds(condition, bound, requests) for condition, bound in bounds)


def _holds(condition: Condition, bound: float | None, requests: list[Request]) -> bool:
    loads = loads_of(condition)
    value = point(condition, [r for r in requests if not loads or r.load in loads])
    return value is not None and bound is not None and OPERATORS[condition.op](value, bound)


def _bound(ranges: Ranges, condition: Condition) -> float | None:
    if not condition.relative:
        return condition.bound
    baseline = point(condition, ranges.requests((ranges.experiment.phases[0].name,), loads_of(condition)))
    return relative_bound(condition, baseline)


def relative_bound(condition: Condition, baseline: float | None) -> float | None:
    """`N x baseline` as a number; None when the baseline has no value, or 0, or one beyond any bound."""
    return condition.bound * baseline if baseline and math.isfinite(baseline) else None
