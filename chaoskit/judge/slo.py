"""One condition over a history: passed, failed or inconclusive, and the sentence that says why."""

from __future__ import annotations

import math

from chaoskit.experiment.conditions import Condition
from chaoskit.judge.measures import FUNCTIONS, Measured, Scene
from chaoskit.judge.points import good, latencies, loads_of, share_of
from chaoskit.judge.recovery import OPERATORS, relative_bound
from chaoskit.judge.statistics import percentile_samples_needed, requests_to_settle
from chaoskit.judge.verdict import Answer, Judged
from chaoskit.measures import MEASURES
from chaoskit.units import show_duration, show_share


def judge_condition(scene: Scene, condition: Condition, phases: tuple[str, ...], *, point: bool = False) -> Judged:
    """Judge one condition over some phases. point: by the point value (gate), not by the interval."""
    measured = FUNCTIONS[condition.measure](scene, condition, phases)
    bound = _bound(scene, condition)
    if bound is None:
        why = (
            f"`{condition.text}` is relative to the baseline, whose value is missing, 0 or that of failed requests: "
            "a bound made from it means nothing"
        )
        return _judged(condition, measured, "inconclusive", why)
    verdict = _verdict(condition, measured, bound, point)
    why = _why(condition, measured, bound, phases)
    if verdict == "inconclusive" and measured.confidence is not None:
        why += f"; {measured.samples:,} requests do not settle it{_needed(scene, condition, bound, phases)}"
    return _judged(condition, measured, verdict, why)


def _bound(scene: Scene, condition: Condition) -> float | None:
    if not condition.relative:
        return condition.bound
    baseline = (scene.ranges.experiment.phases[0].name,)
    return relative_bound(condition, FUNCTIONS[condition.measure](scene, condition, baseline).value)


def _verdict(condition: Condition, measured: Measured, bound: float, point: bool) -> Answer:
    if measured.never:
        return "failed"
    if measured.value is None:
        return "inconclusive"
    holds = OPERATORS[condition.op]
    if point or measured.low is None or measured.high is None:
        return "passed" if holds(measured.value, bound) else "failed"
    ends = {holds(measured.low, bound), holds(measured.high, bound)}
    if len(ends) == 2 or (condition.op == "==" and measured.low < bound < measured.high):
        return "inconclusive"
    return "passed" if ends.pop() else "failed"


def _judged(condition: Condition, measured: Measured, verdict: Answer, why: str) -> Judged:
    return Judged(
        slo=condition.text,
        verdict=verdict,
        unit=MEASURES[condition.measure].unit,
        value=_finite(measured.value),
        low=_finite(measured.low),
        high=_finite(measured.high),
        confidence=measured.confidence,
        samples=measured.samples,
        why=why,
    )


def _finite(value: float | None) -> float | None:
    """JSON has no infinity: a percentile that lies among failed requests has no value."""
    return value if value is not None and math.isfinite(value) else None


# ---------------------------------------------------------------- sentences


def show(value: float | None, unit: str) -> str:
    """A value in its unit, for a person."""
    if value is None:
        return "none"
    if math.isinf(value):
        return "beyond any bound (failed requests)"
    match unit:
        case "share":
            return show_share(value)
        case "seconds":
            return show_duration(value)
        case "count":
            return f"{value:,.0f}"
        case _:
            return f"{value:.2f}x"


def _why(condition: Condition, measured: Measured, bound: float, phases: tuple[str, ...]) -> str:
    unit = MEASURES[condition.measure].unit
    name = " ".join(filter(None, [condition.measure, condition.stat]))
    if condition.of:
        name += " of " + ", ".join(map(str, condition.of))
    where = "" if condition.measure == "time_to_recover" else f" during {', '.join(phases)}"
    objective = f"the objective is {condition.op} {show(bound, unit)}"
    note = f"; {measured.note}" if measured.note else ""
    if measured.never:
        return f"the steady state did not come back: {objective}"
    if measured.value is None:
        return f"nothing was measured for {name}{where}: {objective}{note}"
    between = ""
    if measured.low is not None and measured.high is not None and measured.low < math.inf:
        between = f" ({show(measured.low, unit)} to {show(measured.high, unit)})"
    return f"{name} was {show(measured.value, unit)}{between}{where}; {objective}{note}"


def _needed(scene: Scene, condition: Condition, bound: float, phases: tuple[str, ...]) -> str:
    """How long a run would settle it, if its requests went on as they did."""
    requests = scene.ranges.requests(phases, loads_of(condition))
    percentile_share = share_of(condition.stat)
    if percentile_share is None:
        objective, count_good = bound, good(requests)
    else:  # a percentile is at most its bound when at least that share of the requests is
        objective, count_good = percentile_share, sum(latency <= bound for latency in latencies(requests))
    share = count_good / len(requests)
    if objective >= 1:
        return ", and no number of them could: hold it to a share below 100 %"
    if share == objective or objective <= 0:
        return ""
    all_good = share == 1.0 and condition.measure == "latency"
    count = percentile_samples_needed(objective) if all_good else requests_to_settle(share, objective)
    loads = loads_of(condition)
    rate = sum(stream.rate for stream in scene.ranges.experiment.load if not loads or stream.name in loads)
    like = "without a failure" if share == 1.0 else "that end alike"
    return f", {count:,} {like} would ({show_duration(count / rate)} at this rate)"
