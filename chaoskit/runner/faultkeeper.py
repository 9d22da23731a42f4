"""Injecting and undoing: the ledger first, the fault second, and a look whether it is so."""

from __future__ import annotations

from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, StackBroken, UndoFailed
from chaoskit.experiment.models import PlacedFault
from chaoskit.faults import Levers
from chaoskit.records import FaultEvent, FaultMoment
from chaoskit.runner.ledger import Entry, Ledger
from chaoskit.stack.process import OnRecords


class FaultKeeper:
    """Knows which faults are in; nobody else injects or undoes."""

    def __init__(self, ledger: Ledger, clock: Clock, note: OnRecords) -> None:
        self._ledger = ledger
        self._clock = clock
        self._note = note
        self._placed: dict[int, tuple[Entry, PlacedFault]] = {}

    def inject(self, levers: Levers, placed: PlacedFault) -> None:
        """Inject a fault for each dependency it is of, in order. Raises StackBroken when it did not take."""
        for dependency in placed.of:
            entry = self._ledger.owe(placed.id, placed.fault.kind, dependency)
            self._placed[entry.number] = (entry, placed)
            self._event(placed, dependency, "inject")
            placed.fault.inject(levers, placed.id, dependency)
            if placed.fault.mark(placed.id, dependency) not in levers.in_force():
                raise StackBroken(f"{placed.fault.kind} of {dependency} was injected but is not in force")
            self._event(placed, dependency, "injected")

    def undo(self, levers: Levers, placed: PlacedFault) -> None:
        """Undo a fault everywhere, newest first, and verify. Raises UndoFailed with every failure."""
        self._undo(levers, [pair for pair in self._placed.values() if pair[1].id == placed.id])

    def undo_all(self, levers: Levers) -> None:
        """Undo whatever the ledger still owes, newest first. Raises UndoFailed with every failure."""
        self._undo(levers, list(self._placed.values()))

    def active(self) -> tuple[PlacedFault, ...]:
        """The faults that are in, oldest first, each once."""
        return tuple({placed.id: placed for _, placed in self._placed.values()}.values())

    def owed(self) -> str:
        """What is still to be undone, for a person."""
        return ", ".join(f"{entry.kind} of {entry.of}" for entry in self._ledger.owed())

    def _undo(self, levers: Levers, pairs: list[tuple[Entry, PlacedFault]]) -> None:
        failures = []
        for entry, placed in reversed(pairs):
            try:
                self._undo_one(levers, entry, placed)
            except ChaoskitError as error:
                failures.append(f"{entry.kind} of {entry.of}: {error}")
                self._event(placed, entry.of, "failed", str(error))
        if failures:
            raise UndoFailed("; ".join(failures))

    def _undo_one(self, levers: Levers, entry: Entry, placed: PlacedFault) -> None:
        self._event(placed, entry.of, "undo")
        placed.fault.undo(levers, placed.id, entry.of)
        others = {p.fault.mark(p.id, e.of) for e, p in self._placed.values() if e.number != entry.number}
        mark = placed.fault.mark(placed.id, entry.of)
        if mark in levers.in_force() and mark not in others:
            raise UndoFailed(f"{entry.kind} of {entry.of} is still in force")
        self._ledger.settle(entry)
        del self._placed[entry.number]
        self._event(placed, entry.of, "undone")

    def _event(self, placed: PlacedFault, of: str, event: FaultMoment, detail: str = "") -> None:
        record = FaultEvent(self._clock.now(), placed.id, placed.fault.kind, of, event, detail)
        self._note((record,))
