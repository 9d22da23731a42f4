"""What each fault touched, counted at the point of injection while it was active."""

from __future__ import annotations

import math

from chaoskit.experiment.models import Experiment, PlacedFault
from chaoskit.history.reader import Observations
from chaoskit.judge.verdict import FaultEvidence
from chaoskit.records import FaultMoment

Window = tuple[float, float]


def evidence(observed: Observations, experiment: Experiment) -> tuple[FaultEvidence, ...]:
    """One entry per fault and dependency, in the order of the file."""
    placed = {fault.id: fault for phase in experiment.phases for fault in phase.faults}
    return tuple(_of(observed, fault, dependency) for fault in placed.values() for dependency in fault.of)


def bitten(faults: tuple[FaultEvidence, ...]) -> dict[str, bool]:
    """Per fault: whether it touched anything; one dependency of several suffices."""
    found: dict[str, bool] = {}
    for fault in faults:
        found[fault.id] = found.get(fault.id, False) or fault.evidence > 0
    return found


def _of(observed: Observations, placed: PlacedFault, dependency: str) -> FaultEvidence:
    times = {e.event: e.at for e in observed.fault_events if e.fault == placed.id and e.of == dependency}
    if "injected" not in times:
        return FaultEvidence(placed.id, placed.fault.kind, dependency, False, 0, "it was never injected")
    count, what = _count(observed, placed, dependency, times)
    moved = _connections(observed, dependency, (times["injected"], times.get("undone", math.inf)))
    return FaultEvidence(placed.id, placed.fault.kind, dependency, True, count, f"{count:,} {what}; {moved}")


def _count(
    observed: Observations, placed: PlacedFault, dependency: str, times: dict[FaultMoment, float]
) -> tuple[int, str]:
    """What bears the fault's id counts from the injection's first moment to the undo's last; a SYN bears none, and
    counts only while new connections were surely refused."""
    if placed.fault.kind.startswith("dns."):
        window = times["inject"], times.get("undone", math.inf)
        lookups = (x for x in observed.lookups if x.fault == placed.id and x.dependency == dependency)
        return sum(_within(row.at, window) for row in lookups), "queries answered or dropped by it"
    if placed.fault.kind == "net.down":
        window = times["injected"], times.get("undo", math.inf)
        syns = (c for c in observed.connections if c.event == "syn" and c.dependency == dependency)
        return sum(_within(row.at, window) for row in syns), "attempts to connect (SYNs) seen"
    touched = (t for t in observed.touched if t.fault == placed.id and t.dependency == dependency)
    return sum(row.count for row in touched if row.bytes), "chunks of data delayed"


def _connections(observed: Observations, dependency: str, window: Window) -> str:
    rows = [c for c in observed.connections if c.dependency == dependency and _within(c.at, window)]
    opened, closed = (sum(row.event == event for row in rows) for event in ("opened", "closed"))
    ours = [(sum(row.cause == cause for row in rows), cause) for cause in ("drain", "cut")]
    how = ", ".join(f"{count:,} by {cause}" for count, cause in ours if count)
    return f"{opened:,} connections opened and {closed:,} closed{f' ({how})' if how else ''} meanwhile"


def _within(at: float, window: Window) -> bool:
    return window[0] <= at <= window[1]
