"""The end of effects: what settles, and in what time."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from chaoskit.clock import RunClock
from chaoskit.load import effects as module
from chaoskit.load.effects import Effects
from chaoskit.load.sender import Ended, Sender
from chaoskit.load.templates import draw
from chaoskit.part import Part
from chaoskit.records import Effect
from chaoskit.wire import EffectSpec
from tests.load.helpers import GET


class _Part:
    def __init__(self) -> None:
        self.clock = RunClock()
        self.records: list[Effect] = []

    def emit(self, record: Effect) -> None:
        self.records.append(record)


class _Sender:
    """Answers with the next of its errors; the last one goes on; `hang` never answers."""

    def __init__(self, *errors: str) -> None:
        self.errors = list(errors)
        self.checks = 0

    async def send(self, *_: Any) -> Ended:
        self.checks += 1
        error = self.errors.pop(0) if len(self.errors) > 1 else self.errors[0]
        if error == "hang":
            await asyncio.Event().wait()
        return Ended("GET /", 0.0, 0.0, 1.0, error, None, 0)


def _settled(sender: _Sender, within: float) -> tuple[list[Effect], float]:
    """The records of one owed effect, and the seconds it took to settle."""
    part = _Part()

    async def settle() -> float:
        owing = Effects(cast("Part", part), cast("Sender", sender))
        owing.owe("writes", 0, draw(1, "writes", 0), EffectSpec(GET, within), part.clock.now())
        begun = part.clock.now()
        await owing.settle(begun)
        return part.clock.now() - begun

    return part.records, asyncio.run(settle())


def test_what_is_found_early_is_not_waited_for() -> None:
    """All there: the end comes long before `within`, with a last look at each."""
    sender = _Sender("")
    records, took = _settled(sender, within=60.0)
    assert [record.state for record in records] == ["present", "present"]
    assert sender.checks == 2
    assert took < 30


def test_an_effect_that_is_gone_again_is_missing() -> None:
    """Found once, missing at the last look: the last record says missing, and when it was found."""
    records, _ = _settled(_Sender("", "expect"), within=60.0)
    assert (records[-1].state, records[-1].count) == ("missing", 0)
    assert records[-1].found is not None


def test_a_check_that_hangs_at_the_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers no check makes its effects unknown; it does not hold up the run."""
    monkeypatch.setattr(module, "LAST_LOOKS_WITHIN", 0.2)
    records, took = _settled(_Sender("hang"), within=0.1)
    assert [record.state for record in records] == ["unknown"]
    assert took < 30
