"""The coordinator under a fake clock and on a fake stack: order, times, the gate, the cut, the undo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chaoskit.clock import FakeClock
from chaoskit.errors import StackBroken, Stopped
from chaoskit.experiment.models import Experiment, Phase
from chaoskit.history.reader import History
from chaoskit.plan import describe, make_plan
from chaoskit.records import Record, Request
from chaoskit.runner.coordinator import Coordinator, View
from chaoskit.runner.counters import Counters
from chaoskit.runner.faultkeeper import FaultKeeper
from chaoskit.runner.ledger import Ledger, read_ledger
from chaoskit.runner.recorder import Recorder
from chaoskit.wire import Begin, EndAt
from tests.judge.build import NODATA, RATE, experiment

Did = tuple[float, str]


@dataclass
class FakeStack:
    """Answers the schedule's requests by `good(due)`; its levers note what they are told."""

    clock: FakeClock
    recorder: Recorder
    good: Any = lambda _due: True
    did: list[Did] = field(default_factory=list)
    acting: set[str] = field(default_factory=set)
    host: str = "127.0.0.1"
    stuck: bool = False
    sent: int = 0
    zero: float = 0.0

    @property
    def levers(self) -> FakeStack:
        return self

    load = dns = proxy = connections = levers

    def ask(self, command: object, _deadline: float = 0) -> object:
        if isinstance(command, Begin):
            self.zero = command.at
        if isinstance(command, EndAt):
            self.did.append((round(command.at - self.zero, 1), "end"))
        return None

    def flush(self) -> None:
        rows: list[Record] = []
        while (due := self.zero + self.sent / RATE) + 0.02 < self.clock.now():
            ok = "ok" if self.good(due - self.zero) else "failed"
            rows.append(Request("reads", self.sent, due, due, due, due + 0.01, ok, "", 200, 0, ""))  # type: ignore[arg-type]
            self.sent += 1
        self.recorder.take(tuple(rows))

    def trouble(self) -> str | None:
        if self.sent or self.clock.now() > self.zero:
            self.flush()
        return None

    def note(self, what: str) -> None:
        self.did.append((round(self.clock.now() - self.zero, 1), what))

    def answer(self, fault: str, dependency: str, how: str, delay: float) -> None:
        self.note(f"{how} {dependency}")
        self.acting.add(fault)

    def clear(self, fault: str) -> None:
        self.note("clear")
        if not self.stuck:
            self.acting.discard(fault)

    def drain(self, dependency: str) -> None:
        self.note(f"drain {dependency}")

    def in_force(self) -> set[str]:
        return set(self.acting)


class Play:
    """One run in no time."""

    def __init__(self, folder: Path, spec: Experiment, **stack: Any) -> None:
        self.clock = FakeClock()
        self.recorder = Recorder(folder / "history.sqlite", Counters())
        self.stack = FakeStack(self.clock, self.recorder, **stack)
        self.ledger = folder / "ledger.jsonl"
        self.keeper = FaultKeeper(Ledger(self.ledger), self.clock, self.recorder.take)
        plan = make_plan(spec, 1)
        self.views: list[View] = []
        self.coordinator = Coordinator(
            plan,
            self.stack,
            self.recorder,
            self.keeper,
            self.clock,
            folder / "history.sqlite",  # type: ignore[arg-type]
        )

    def go(self, check: Any = lambda: None) -> list[Did]:
        self.coordinator.play(check, self.views.append)
        return self.stack.did


def test_faults_are_injected_and_undone_on_schedule(tmp_path: Path) -> None:
    """At their phases' boundaries; the ledger is settled."""
    play = Play(tmp_path, experiment())
    assert play.go() == [(10, "nodata dynamodb"), (10, "drain dynamodb"), (20, "clear"), (30, "end")]
    assert read_ledger(play.ledger) == ()
    assert play.views[0].phase == "baseline"
    assert {view.phase for view in play.views if view.active} == {"outage"}


def test_two_hours_take_no_time(tmp_path: Path) -> None:
    """A plan of two hours under a fake clock."""
    long = tuple(msgspec.structs.replace(phase, length=2400) for phase in experiment().phases)
    slow = (msgspec.structs.replace(experiment().load[0], rate=RATE),)
    play = Play(tmp_path, experiment(phases=long, load=slow))
    play.stack.trouble = lambda: None  # type: ignore[method-assign]
    play.coordinator._gate_holds = lambda: True  # type: ignore[method-assign]
    play.go()
    assert play.clock.now() == pytest.approx(7200.1, abs=0.1)


def test_a_gate_that_does_not_hold_injects_nothing(tmp_path: Path) -> None:
    """The load ends where the fault would have begun."""
    play = Play(tmp_path, experiment(), good=lambda due: due > 5)
    assert play.go() == [(10, "end")]
    assert play.ledger.read_text() == ""


def test_a_late_wake_up_invents_no_request(tmp_path: Path) -> None:
    """The load ends where its schedule does, however late that is noticed: nothing is due after it."""
    play = Play(tmp_path, experiment())
    on_time = play.clock.sleep
    play.clock.sleep = lambda seconds: on_time(seconds + 0.03)  # type: ignore[method-assign]
    play.go()
    with History(tmp_path / "history.sqlite") as history:
        last = history.load().phase_events[-1]
    assert (last.event, last.at) == ("end", pytest.approx(play.stack.zero + 30, abs=1e-9))


def test_until_steady_cuts_the_phase_and_shifts_what_follows(tmp_path: Path) -> None:
    """Bad until 22: the windows 22 to 25 are steady, so recovery ends soon after 25 and not at 50."""
    phases = (
        Phase("baseline", 10), Phase("outage", 10, (NODATA,)), Phase("recovery", 30, until_steady=True), Phase("after", 5)
    )  # fmt: skip
    play = Play(tmp_path, experiment(phases=phases), good=lambda due: due < 10 or due >= 22)
    did = play.go()
    assert did[2] == (20, "clear")
    at, word = did[-1]
    assert word == "end"
    assert 25 + 5 <= at <= 27 + 5


def test_a_stop_ends_the_play_and_the_fault_is_still_owed(tmp_path: Path) -> None:
    """The keeper undoes what the ledger holds, newest first."""
    play = Play(tmp_path, experiment())

    def check() -> None:
        if play.clock.now() > 15:
            raise Stopped

    with pytest.raises(Stopped):
        play.go(check)
    assert [entry.kind for entry in read_ledger(play.ledger)] == ["dns.nodata"]
    assert play.keeper.owed() == "dns.nodata of dynamodb"
    play.keeper.undo_all(play.stack)
    assert (play.stack.acting, read_ledger(play.ledger)) == (set(), ())


def test_an_undo_that_does_not_take_is_not_believed(tmp_path: Path) -> None:
    """It is verified by asking what is in force; the entry stays in the ledger."""
    play = Play(tmp_path, experiment(), stuck=True)
    with pytest.raises(Exception, match="still in force"):
        play.go()
    assert read_ledger(play.ledger)


def test_an_injection_that_does_not_take_is_not_believed_either(tmp_path: Path) -> None:
    """A fault that is not in force is a broken stack, not a passed run."""
    play = Play(tmp_path, experiment())
    play.stack.answer = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(StackBroken, match="not in force"):
        play.go()


def test_a_plan_is_pure_and_says_everything() -> None:
    """The same experiment and seed, the same plan; it warns of an SLO that the run is too short to decide."""
    spec = experiment("success_rate >= 99.9% during outage", "success_rate >= 90% during outage")
    assert make_plan(spec, 1) == make_plan(spec, 1)
    text = describe(make_plan(spec, 1))
    assert "10.0 s  inject dns.nodata of dynamodb" in text
    assert "20.0 s  undo dns.nodata of dynamodb" in text
    assert "10.0 s  gate" in text
    (warning,) = make_plan(spec, 1).warnings
    assert "3,838" in warning


def test_a_plan_warns_of_a_share_that_nothing_can_decide() -> None:
    """Not even a million good requests put an interval at 100 %."""
    (warning,) = make_plan(experiment("success_rate >= 100% during outage"), 1).warnings
    assert "cannot pass" in warning


def test_an_identical_fault_goes_on_untouched() -> None:
    """No undo and no second inject between two phases that have it."""
    phases = (Phase("baseline", 1), Phase("a", 1, (NODATA,)), Phase("b", 1, (NODATA,)), Phase("c", 1))
    steps = [(step.at, step.action) for step in make_plan(experiment(phases=phases), 1).steps]
    assert [step for step in steps if step[1] in ("inject", "undo")] == [(1, "inject"), (3, "undo")]
