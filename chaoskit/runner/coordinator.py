"""The coordinator: plays a plan's steps on a stack, on schedule, and owns all state of the run.

Parts' records flow past it into the history; what it must know to go on (does the gate hold, is the steady
state back) it asks the judge over that history.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, StackBroken
from chaoskit.experiment.models import Experiment, PlacedFault
from chaoskit.history.reader import History
from chaoskit.judge import gate, recovered
from chaoskit.plan import Plan, Step
from chaoskit.records import PhaseEvent
from chaoskit.runner.faultkeeper import FaultKeeper
from chaoskit.runner.recorder import Recorder
from chaoskit.stack.base import Stack
from chaoskit.wire import Begin, EndAt, LoadStream

LEAD = 0.1
"""Seconds between `Begin` and the first request due: the worker must have heard of it."""
LOOK_EVERY = 0.25
"""Seconds between two looks at the steady state, and between two frames of the live view."""
NAP = 0.05
"""Seconds, at most, until a stop or a dead part is noticed."""


@dataclass(frozen=True)
class View:
    """What there is to see at one moment."""

    phase: str
    left: float
    """Seconds until the phase ends, at most."""
    until_steady: bool
    active: tuple[PlacedFault, ...]


class Coordinator:
    """One run of one plan. `play` once."""

    def __init__(
        self, plan: Plan, stack: Stack, recorder: Recorder, keeper: FaultKeeper, clock: Clock, history: Path
    ) -> None:
        self.plan = plan
        self.keeper = keeper
        self._stack = stack
        self._recorder = recorder
        self._clock = clock
        self._history = history
        self._zero = 0.0
        self._step = plan.steps[0]
        self._saved = 0.0
        self._last_undo = 0.0
        self._next_look = 0.0
        self._next_steady = 0.0

    def play(self, check: Callable[[], None], watch: Callable[[View], None]) -> None:
        """Play all steps. check: raises to end the run. watch: shown a View a few times a second.

        Returns early, with no fault injected, when the gate does not hold.
        """
        self._check, self._watch = check, watch
        self._zero = self._clock.now() + LEAD
        self._stack.load.ask(Begin(self._zero, self._stack.host))
        for step in self.plan.steps:
            self._wait(step)
            if not self._do(step):
                break
        self._end()

    # ------------------------------------------------------------ time

    def _wait(self, step: Step) -> None:
        """Until the step's moment; or until the steady state is back, where that ends the phase."""
        while (rest := self._moment(step) - self._clock.now()) > 0:
            self._look(rest)
            if self._step.until_steady and self._steady_again():
                self._saved += self._moment(step) - self._clock.now()
                return
            self._clock.sleep(min(rest, NAP))

    def _moment(self, step: Step) -> float:
        return self._zero + step.at - self._saved

    def _look(self, left: float) -> None:
        self._check()
        if trouble := self._stack.trouble():
            raise StackBroken(trouble)
        if self._clock.now() >= max(self._next_look, self._zero):
            self._next_look = self._clock.now() + LOOK_EVERY
            self._watch(View(self._step.phase, left, self._step.until_steady, self.keeper.active()))

    def _steady_again(self) -> bool:
        if self._clock.now() < self._next_steady:
            return False
        self._next_steady = self._clock.now() + LOOK_EVERY
        self._recorder.sync()
        with History(self._history) as history:
            observed = history.load()
        return recovered(observed, self.plan.experiment, self._last_undo, self._clock.now()) is not None

    # ------------------------------------------------------------ steps

    def _do(self, step: Step) -> bool:
        """Do one step; False ends the load here (the last step, or a gate that does not hold)."""
        match step.action:
            case "begin":
                self._begin(step)
            case "gate":
                return self._gate_holds()
            case "inject":
                assert step.fault is not None
                self.keeper.inject(self._stack.levers, step.fault)
            case "undo":
                assert step.fault is not None
                self.keeper.undo(self._stack.levers, step.fault)
                self._last_undo = self._clock.now()
            case "end":
                return False
        return True

    def _begin(self, step: Step) -> None:
        now = self._clock.now()
        if step is not self.plan.steps[0]:
            self._note(PhaseEvent(now, self._step.phase, "end", ""))
        self._step = step
        self._note(PhaseEvent(now, step.phase, "begin", ""))

    def _gate_holds(self) -> bool:
        self._stack.flush()
        self._recorder.sync()
        with History(self._history) as history:
            observed = history.load()
        return all(judged.verdict == "passed" for judged in gate(observed, self.plan.experiment))

    def _end(self) -> None:
        """Stop the load where we are, then wait for open requests and the effects' last check."""
        # Not later than the schedule's own end: what a late wake-up adds would count as requests due and never sent.
        now = min(self._clock.now(), self._zero + self.plan.span)
        self._note(PhaseEvent(now, self._step.phase, "end", ""))
        failure: list[ChaoskitError] = []

        def drain() -> None:
            try:
                self._stack.load.ask(EndAt(now), drain_deadline(self.plan.experiment))
            except ChaoskitError as error:
                failure.append(error)

        thread = threading.Thread(target=drain, name="drain", daemon=True)
        thread.start()
        while thread.is_alive():
            self._look(0.0)
            thread.join(NAP)
        if failure:
            raise failure[0]
        self._stack.flush()
        self._recorder.sync()

    def _note(self, event: PhaseEvent) -> None:
        self._recorder.take((event,))


def drain_deadline(experiment: Experiment) -> float:
    """Seconds after the load's end in which all outcomes and last checks must be there: a generous bound."""
    return max(stream.timeout + _within(stream) for stream in experiment.load) + 15.0


def _within(stream: LoadStream) -> float:
    return max((item.effect.within for item in stream.items if item.effect), default=0.0)
