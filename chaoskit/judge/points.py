"""Point values of some requests: what the measures put an interval around, and what a recovery window is held to."""

from __future__ import annotations

import math

from chaoskit.experiment.conditions import Condition
from chaoskit.judge.statistics import percentile
from chaoskit.records import Request


def loads_of(condition: Condition) -> tuple[str, ...]:
    """The loads it names; none: all."""
    return tuple(address.name for address in condition.of)


def good(requests: list[Request]) -> int:
    """How many ended as expected."""
    return sum(request.outcome == "ok" for request in requests)


def latencies(requests: list[Request]) -> list[float]:
    """Sorted, seconds; infinite for the failed: they are slower than any bound."""
    return sorted(request.done - request.due if request.outcome == "ok" else math.inf for request in requests)


def share_of(stat: str) -> float | None:
    """The share of a percentile, `p99` → 0.99; None for mean, max and min."""
    return float(stat[1:]) / 100 if stat.startswith("p") else None


def latency_point(ordered: list[float], stat: str) -> float:
    """A statistic of sorted latencies, of which there must be one."""
    if (share := share_of(stat)) is not None:
        return percentile(ordered, share)
    return {"mean": sum(ordered) / len(ordered), "max": ordered[-1], "min": ordered[0]}[stat]


def point(condition: Condition, requests: list[Request]) -> float | None:
    """success_rate or latency, all that a steady state can hold a window to; None without requests."""
    if not requests:
        return None
    if condition.measure == "success_rate":
        return good(requests) / len(requests)
    return latency_point(latencies(requests), condition.stat)
