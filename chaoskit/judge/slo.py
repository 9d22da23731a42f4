"""One condition over a history: passed, failed or inconclusive, and the sentence that says why."""

from __future__ import annotations

import math

from chaoskit.experiment.conditions import Condition
from chaoskit.judge.measures import FUNCTIONS, Measured, Scene
from chaoskit.judge.recovery import OPERATORS
from chaoskit.judge.statistics import CONFIDENCE, percentile_samples_needed, requests_needed
from chaoskit.judge.verdict import Answer, Judged
from chaoskit.measures import MEASURES
from chaoskit.units import show_duration, show_share


def judge_condition(scene: Scene, condition: Condition, phases: tuple[str, ...], *, point: bool = False) -> Judged:
    """Judge one condition over some phases. point: by the point value (gate), not by the interval."""
    measured = FUNCTIONS[condition.measure](scene, condition, phases)
    bound = _bound(scene, condition)
    if bound is None:
        why = "the baseline's value is 0 or missing, so a bound relative to it means nothing"
        return _judged(condition, measured, "inconclusive", why)
    verdict = _verdict(condition, measured, bound, point)
    return _judged(condition, measured, verdict, _why(condition, measured, bound, verdict, phases))


def _bound(scene: Scene, condition: Condition) -> float | None:
    if not condition.relative:
        return condition.bound
    baseline = (scene.ranges.experiment.phases[0].name,)
    value = FUNCTIONS[condition.measure](scene, condition, baseline).value
    return condition.bound * value if value else None


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
    exact = measured.low is None
    return Judged(
        slo=condition.text,
        verdict=verdict,
        unit=MEASURES[condition.measure].unit,
        value=_finite(measured.value),
        low=_finite(measured.low),
        high=_finite(measured.high),
        confidence=None if exact else CONFIDENCE,
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


def _why(condition: Condition, measured: Measured, bound: float, verdict: Answer, phases: tuple[str, ...]) -> str:
    unit = MEASURES[condition.measure].unit
    name = " ".join(filter(None, [condition.measure, condition.stat]))
    if condition.of:
        name += " of " + ", ".join(".".join(filter(None, [a.name, a.operation])) for a in condition.of)
    where = "" if condition.measure == "time_to_recover" else f" during {', '.join(phases)}"
    objective = f"the objective is {condition.op} {show(bound, unit)}"
    if measured.never:
        return f"the steady state did not come back: {objective}"
    if measured.value is None:
        return f"nothing was measured for {name}{where}: {objective}"
    between = ""
    if measured.low is not None and measured.high is not None:
        between = f" ({show(measured.low, unit)} to {show(measured.high, unit)})"
    text = f"{name} was {show(measured.value, unit)}{between}{where}; {objective}"
    if verdict == "inconclusive":
        text += f"; {measured.samples:,} requests do not settle it{_needed(condition, bound)}"
    return text


def _needed(condition: Condition, bound: float) -> str:
    if condition.measure == "success_rate" and 0 < bound < 1:
        return f", {requests_needed(bound):,} without a failure would"
    if condition.stat.startswith("p"):
        return f", a {condition.stat} needs {percentile_samples_needed(float(condition.stat[1:]) / 100):,} at least"
    return ""
