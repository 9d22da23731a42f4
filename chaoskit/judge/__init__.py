"""The judge: pure functions over a history."""

from __future__ import annotations

from collections.abc import Iterator

from chaoskit.experiment.models import Experiment, baseline
from chaoskit.history.reader import Observations
from chaoskit.judge.evidence import bitten, evidence
from chaoskit.judge.measures import Scene
from chaoskit.judge.ranges import Ranges
from chaoskit.judge.recovery import IN_A_ROW, WINDOW, recovery_time, windows_after
from chaoskit.judge.slo import judge_condition
from chaoskit.judge.soundness import unsound
from chaoskit.judge.statistics import percentile
from chaoskit.judge.verdict import FaultEvidence, Judged, Verdict, Word
from chaoskit.units import show_duration

__all__ = ["gate", "judge", "recovered"]


def gate(observed: Observations, experiment: Experiment) -> tuple[Judged, ...]:
    """The steady state over the whole baseline, by point value. A run with one phase has no gate.

    Conditions relative to the baseline take part in recovery, not here."""
    return _gate(Scene(observed, Ranges(observed, experiment)))


def _gate(scene: Scene) -> tuple[Judged, ...]:
    first = baseline(scene.ranges.experiment.phases)
    if first is None:
        return ()
    return tuple(
        judge_condition(scene, condition, (first.name,), point=True)
        for condition in scene.ranges.experiment.steady
        if not condition.relative
    )


def recovered(observed: Observations, experiment: Experiment, since: float, now: float) -> float | None:
    """Seconds from the last undo to recovery, as far as it can be told at `now`; None: not yet.

    The undo's own record says when it was, so that the run is cut by the windows it is judged by; since: when there
    is none."""
    ranges = Ranges(observed, experiment)
    return recovery_time(ranges, since if ranges.last_undo is None else ranges.last_undo, now)


def judge(observed: Observations, experiment: Experiment) -> Verdict:
    """The verdict. The first that applies: void, inconclusive (instrument, evidence), failed, inconclusive (an SLO
    undecided), passed."""
    scene = Scene(observed, Ranges(observed, experiment))
    gated = _gate(scene)
    findings = tuple(_findings(scene))
    if any(judged.verdict != "passed" for judged in gated):
        reasons = tuple(j.why for j in gated if j.verdict != "passed")
        first = "the steady state did not hold before the first fault"
        if not any(event.event == "injected" for event in observed.fault_events):
            first += ", so nothing was injected"
        return Verdict("void", (first, *reasons), (), gated, evidence(observed, experiment), findings)
    slos = tuple(judge_condition(scene, slo, scene.ranges.phases(slo)) for slo in experiment.slos)
    faults = evidence(observed, experiment)
    word, reasons = _conclude(slos, gated, faults, tuple(unsound(scene.ranges, experiment)))
    return Verdict(word, reasons, slos, gated, faults, findings)


def _conclude(
    slos: tuple[Judged, ...],
    gated: tuple[Judged, ...],
    faults: tuple[FaultEvidence, ...],
    unsoundness: tuple[str, ...],
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
    if not slos and not gated:
        return "inconclusive", ("nothing was judged: the file has no SLO, and no baseline before another phase",)
    held = f"all {len(slos)} SLOs held" if slos else "the steady state held"
    exercised = ", and every fault demonstrably touched the target" if faults else ""
    return "passed", (held + exercised,)


def _not_exercised(faults: tuple[FaultEvidence, ...]) -> Iterator[str]:
    touched = bitten(faults)
    for fault in faults:
        if not touched[fault.id]:
            yield f"fault not exercised: {fault.fault} of {fault.of} touched nothing ({fault.detail})"


def _findings(scene: Scene) -> Iterator[str]:
    ranges = scene.ranges
    for event in scene.observed.target_events:
        if event.event == "exited":
            yield f"the target ended at {event.at:.1f} s ({event.detail})"
    if (undo := ranges.last_undo) is not None:
        windows = windows_after(ranges, undo)
        if windows >= IN_A_ROW and recovery_time(ranges, undo) is None:
            yield f"the steady state did not come back within the {windows * WINDOW:.0f} s observed after the last undo"
    if unanswered := sum(request.error == "unanswered" for request in ranges.due):
        yield f"the load worker recorded no outcome of {unanswered:,} requests; they count as failed"
    late = sorted(r.sent - r.due for r in ranges.due if r.sent is not None)
    if late:
        yield f"the load worker's sends were at most {show_duration(percentile(late, 0.99))} late (p99)"
