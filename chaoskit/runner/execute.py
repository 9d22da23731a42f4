"""One run from plan to verdict: folder, history, stack, steps, undo, judgement."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from chaoskit import __version__
from chaoskit.clock import RunClock, wall
from chaoskit.errors import ChaoskitError, StackBroken, Stopped, TargetNotReady, UndoFailed
from chaoskit.history.reader import History
from chaoskit.judge import judge
from chaoskit.judge.verdict import Verdict, Word
from chaoskit.plan import Plan
from chaoskit.records import Record
from chaoskit.runner.coordinator import Coordinator, View
from chaoskit.runner.counters import Counters
from chaoskit.runner.faultkeeper import FaultKeeper
from chaoskit.runner.folder import make_run_folder
from chaoskit.runner.ledger import Ledger
from chaoskit.runner.masking import mask_records, mask_text
from chaoskit.runner.recorder import Recorder
from chaoskit.runner.stop import StopFlag
from chaoskit.stack.embedded.stack import EmbeddedStack

End = Word | Literal["broken", "dirty", "stopped"]
CAUSE_WITHIN = 0.3
"""Seconds to wait for the news of a part's death."""
Watch = Callable[[View, Counters, float], None]
"""Called a few times a second with what there is to see and the run's time."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `verdict` is None for an unjudged end (broken, dirty, stopped); `error` then says why."""

    plan: Plan
    end: End
    verdict: Verdict | None
    error: str
    folder: Path
    started: datetime
    wall: float
    """Seconds from first to last."""
    ready: float
    """Seconds until the target was ready (0: never)."""
    notes: tuple[str, ...] = ()


def execute(plan: Plan, runs: Path, flag: StopFlag, watch: Watch) -> Outcome:
    """Run a plan and judge it. Once there is a run folder, every end is an Outcome. Raises StackBroken without one."""
    return _Execution(plan, make_run_folder(runs, plan.experiment.name), flag, watch).run()


class _Execution:
    """Owns the run's parts for as long as it takes."""

    def __init__(self, plan: Plan, folder: Path, flag: StopFlag, watch: Watch) -> None:
        self.plan, self.folder, self.flag, self.watch = plan, folder, flag, watch
        self.started = wall()
        self.clock = RunClock()
        self.counters = Counters()
        self.history = folder / "history.sqlite"
        self.recorder = Recorder(self.history, self.counters)
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.keeper = FaultKeeper(self.ledger, self.clock, self.take)
        self.stack = EmbeddedStack(plan.experiment, plan.seed, plan.span, self.clock, folder, self.take)
        self.ready = 0.0
        flag.left = self.keeper.owed

    def take(self, records: tuple[Record, ...]) -> None:
        self.recorder.take(mask_records(records, self.plan.experiment.secrets))

    def run(self) -> Outcome:
        self._header()
        error = self._play()
        error = self._undo(error)
        self.recorder.header("end", json.dumps(_end_of(error)))
        self.recorder.close()
        self.ledger.close()
        return self._outcome(error)

    def _play(self) -> ChaoskitError | None:
        coordinator = Coordinator(self.plan, self.stack, self.recorder, self.keeper, self.clock, self.history)
        try:
            self.stack.start(self.flag.check)
            self.ready = self.clock.now()
            self.recorder.header("ready", json.dumps(self.ready))
            coordinator.play(self.flag.check, lambda view: self.watch(view, self.counters, self.clock.now()))
        except ChaoskitError as error:
            # Ctrl-C reaches a target's `setup` too, which then fails: the end is still the user's.
            return Stopped("stopped by the user") if self.flag.requested else self._cause(error)
        except OSError as error:
            # The machine refused something we did not foresee (a full disk, a limit); the stack must still be ended.
            return self._cause(StackBroken(f"the machine refused a step of the run: {error}"))
        return None

    def _cause(self, error: ChaoskitError) -> ChaoskitError:
        """A part that died is the cause of what failed because of it; its end may be heard of a moment later."""
        end = self.clock.now() + CAUSE_WITHIN
        while (trouble := self.stack.trouble()) is None and self.clock.now() < end:
            self.clock.sleep(0.02)
        return StackBroken(trouble) if trouble else error

    def _undo(self, cause: ChaoskitError | None) -> ChaoskitError | None:
        """Undo what is owed, then end the stack. On this stack nothing outlives its processes, so a failed undo
        is only dirt when a process could not be ended; the cause of the failure is kept either way."""
        try:
            if self.keeper.active():
                self.keeper.undo_all(self.stack.levers)
        except ChaoskitError as error:
            cause = cause or error
        left = self.stack.close()
        if left:
            return UndoFailed(f"could not be ended: {', '.join(left)}" + (f"; after: {cause}" if cause else ""))
        if isinstance(cause, UndoFailed):
            return StackBroken(f"{cause}; it ended with its process")
        return cause

    def _header(self) -> None:
        experiment = self.plan.experiment
        values: dict[str, object] = {
            "experiment": experiment.name,
            "title": experiment.title,
            "file": str(experiment.file),
            "digest": experiment.digest,
            "seed": self.plan.seed,
            "stack": self.plan.stack,
            "started": self.started.isoformat(),
            "origin": self.clock.origin,
            "argv": [mask_text(word, experiment.secrets) for word in sys.argv],
            "versions": {"chaoskit": __version__, "python": platform.python_version(), "kernel": platform.release()},
            "expect": experiment.expect,
        }
        for key, value in values.items():
            self.recorder.header(key, json.dumps(value))
        if experiment.file.is_file():
            (self.folder / "experiment.yaml").write_bytes(experiment.file.read_bytes())

    def _outcome(self, error: ChaoskitError | None) -> Outcome:
        text = mask_text(str(error), self.plan.experiment.secrets) if error else ""
        end = _end_of(error)
        outcome = Outcome(
            self.plan, end or "broken", None, text, self.folder, self.started, self.clock.now(), self.ready,
            tuple(self.stack.notes),
        )  # fmt: skip
        if isinstance(error, TargetNotReady):
            return replace(outcome, verdict=Verdict("void", (text,), (), (), ()))
        if error is not None:
            return outcome
        with History(self.history) as history:
            verdict = judge(history.load(), self.plan.experiment)
        return replace(outcome, end=verdict.word, verdict=verdict)


def _end_of(error: ChaoskitError | None) -> End | None:
    """The word for an end that is no verdict; None when the judge has the word."""
    match error:
        case None:
            return None
        case TargetNotReady():
            return "void"
        case Stopped():
            return "stopped"
        case UndoFailed():
            return "dirty"
        case _:
            return "broken"
