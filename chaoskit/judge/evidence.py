"""What each fault touched, counted at the point of injection while it was active."""

from __future__ import annotations

from chaoskit.experiment.models import Experiment, PlacedFault
from chaoskit.history.reader import Observations
from chaoskit.judge.verdict import FaultEvidence

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
    window = _active(observed, placed.id, dependency)
    if window is None:
        return FaultEvidence(placed.id, placed.fault.kind, dependency, False, 0, "it was never injected")
    count, what = _count(observed, placed, dependency, window)
    moved = _connections(observed, dependency, window)
    return FaultEvidence(placed.id, placed.fault.kind, dependency, True, count, f"{count:,} {what}; {moved}")


def _active(observed: Observations, fault: str, dependency: str) -> Window | None:
    """From when the injection began (its first effect may precede its confirmation) to the undo."""
    events = [e for e in observed.fault_events if e.fault == fault and e.of == dependency]
    begin = next((e.at for e in events if e.event == "inject"), None)
    if begin is None or not any(e.event == "injected" for e in events):
        return None
    return begin, next((e.at for e in events if e.event == "undone"), float("inf"))


def _count(observed: Observations, placed: PlacedFault, dependency: str, window: Window) -> tuple[int, str]:
    if placed.fault.kind.startswith("dns."):
        rows = [x for x in observed.lookups if x.fault == placed.id and x.dependency == dependency]
        return sum(_within(row.at, window) for row in rows), "queries answered or dropped by it"
    if placed.fault.kind == "net.down":
        syns = [c for c in observed.connections if c.event == "syn" and c.dependency == dependency]
        return sum(_within(row.at, window) for row in syns), "attempts to connect (SYNs) seen"
    rows_touched = [t for t in observed.touched if t.fault == placed.id and t.dependency == dependency]
    return sum(row.count for row in rows_touched if row.bytes), "chunks of data delayed"


def _connections(observed: Observations, dependency: str, window: Window) -> str:
    rows = [c for c in observed.connections if c.dependency == dependency and _within(c.at, window)]
    opened, closed = (sum(row.event == event for row in rows) for event in ("opened", "closed"))
    return f"{opened:,} connections opened and {closed:,} closed meanwhile"


def _within(at: float, window: Window) -> bool:
    return window[0] <= at <= window[1]
