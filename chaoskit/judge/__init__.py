"""The judge: pure functions over a history."""

from __future__ import annotations

from collections.abc import Iterator

from chaoskit.experiment.models import Experiment
from chaoskit.history.reader import Observations
from chaoskit.judge.evidence import bitten, evidence
from chaoskit.judge.measures import Scene
from chaoskit.judge.ranges import Ranges
from chaoskit.judge.recovery import recovery_time
from chaoskit.judge.slo import judge_condition
from chaoskit.judge.soundness import unsound
from chaoskit.judge.statistics import percentile
from chaoskit.judge.verdict import FaultEvidence, Judged, Verdict, Word
from chaoskit.units import show_duration

__all__ = ["gate", "judge", "recovered"]


def gate(observed: Observations, experiment: Experiment) -> tuple[Judged, ...]:
    """The steady state over the whole baseline, by point value. A run with one phase has no gate.

    Conditions relative to the baseline take part in recovery, not here."""
    if len(experiment.phases) < 2:
        return ()
    scene = Scene(observed, Ranges(observed, experiment))
    baseline = (experiment.phases[0].name,)
    return tuple(
        judge_condition(scene, condition, baseline, point=True)
        for condition in experiment.steady
        if not condition.relative
    )


def recovered(observed: Observations, experiment: Experiment, since: float, now: float) -> float | None:
    """Seconds from the last undo (`since`) to recovery, as far as it can be told at `now`; None: not yet."""
    return recovery_time(observed, Ranges(observed, experiment), since, now)


def judge(observed: Observations, experiment: Experiment) -> Verdict:
    """The verdict. The first that applies: void, inconclusive (instrument, evidence), failed, inconclusive (an SLO
    undecided), passed."""
    scene = Scene(observed, Ranges(observed, experiment))
    gated = gate(observed, experiment)
    findings = tuple(_findings(observed))
    if any(judged.verdict != "passed" for judged in gated):
        reasons = tuple(j.why for j in gated if j.verdict != "passed")
        first = "the steady state did not hold before the first fault, so nothing was injected"
        return Verdict("void", (first, *reasons), (), gated, evidence(observed, experiment), findings)
    slos = tuple(judge_condition(scene, slo, scene.ranges.phases(slo)) for slo in experiment.slos)
    faults = evidence(observed, experiment)
    word, reasons = _conclude(slos, faults, tuple(unsound(scene.ranges, experiment)))
    return Verdict(word, reasons, slos, gated, faults, findings)


def _conclude(
    slos: tuple[Judged, ...], faults: tuple[FaultEvidence, ...], unsoundness: tuple[str, ...]
) -> tuple[Word, tuple[str, ...]]:
    untouched = tuple(_not_exercised(faults))
    if unsoundness or untouched:
        return "inconclusive", unsoundness + untouched
    broken = tuple(judged.why for judged in slos if judged.verdict == "failed")
    if broken:
        return "failed", broken
    undecided = tuple(judged.why for judged in slos if judged.verdict == "inconclusive")
    if undecided:
        return "inconclusive", undecided
    held = f"all {len(slos)} SLOs held" if slos else "the steady state held"
    exercised = ", and every fault demonstrably touched the target" if faults else ""
    return "passed", (held + exercised,)


def _not_exercised(faults: tuple[FaultEvidence, ...]) -> Iterator[str]:
    touched = bitten(faults)
    for fault in faults:
        if not touched[fault.id]:
            yield f"fault not exercised: {fault.fault} of {fault.of} touched nothing ({fault.detail})"


def _findings(observed: Observations) -> Iterator[str]:
    for event in observed.target_events:
        if event.event == "exited":
            yield f"the target ended at {event.at:.1f} s ({event.detail})"
    late = sorted(r.sent - r.due for r in observed.requests if r.sent is not None)
    if late:
        yield f"the load worker's sends were at most {show_duration(percentile(late, 0.99))} late (p99)"
