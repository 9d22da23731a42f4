"""Effects: has an accepted request brought about what it must? Polled with back-off, and looked at again at the end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from chaoskit.load.sender import Ended, Sender
from chaoskit.load.templates import Draws
from chaoskit.part import Part
from chaoskit.records import Effect
from chaoskit.wire import EffectSpec

FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds between polls: doubled from the first to the longest."""
CHECK_WITHIN = 5.0
LAST_LOOKS_WITHIN = 12.0
"""Seconds for all last looks together: a target that hangs at the end must not hold up the run for ever."""
AT_ONCE = 16
"""Checks under way at one time: the emulator serves the target, too."""


@dataclass
class _Owed:
    load: str
    seq: int
    draws: Draws
    spec: EffectSpec
    accepted: float
    found: float | None = None
    state: str = "unknown"
    last: float = 0.0
    task: asyncio.Task[None] | None = None


class Effects:
    """All effects owed in a run."""

    def __init__(self, part: Part, sender: Sender) -> None:
        self._part, self._sender = part, sender
        self._all: list[_Owed] = []
        self._places = asyncio.Semaphore(AT_ONCE)

    def owe(self, load: str, seq: int, draws: Draws, spec: EffectSpec, accepted: float) -> None:
        """A request was accepted at `accepted`: look for its effect from now on."""
        owed = _Owed(load, seq, draws, spec, accepted)
        owed.task = asyncio.ensure_future(self._poll(owed))
        self._all.append(owed)

    async def settle(self, end: float) -> None:
        """After the load's end: wait for missing ones, each at most `within`, then look at every one again."""
        await asyncio.gather(*(self._await(owed, end + owed.spec.within) for owed in self._all))
        deadline = self._part.clock.now() + LAST_LOOKS_WITHIN
        await asyncio.gather(*(self._last_look(owed, deadline) for owed in self._all))

    async def _poll(self, owed: _Owed) -> None:
        wait = FIRST_WAIT
        while owed.found is None:
            await self._check(owed)
            if owed.found is not None:
                self._emit(owed)
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def _await(self, owed: _Owed, deadline: float) -> None:
        assert owed.task is not None
        rest = max(0.0, deadline - self._part.clock.now())
        await asyncio.wait([owed.task], timeout=rest)
        owed.task.cancel()

    async def _last_look(self, owed: _Owed, deadline: float) -> None:
        owed.state = "unknown"
        try:
            async with asyncio.timeout(deadline - self._part.clock.now()):
                await self._check(owed)
        except TimeoutError:
            owed.last = self._part.clock.now()
        self._emit(owed)

    async def _check(self, owed: _Owed) -> None:
        async with self._places:
            ended = await self._sender.send(owed.spec.check, owed.draws, CHECK_WITHIN)
        owed.last = ended.done
        if not ended.error:
            owed.state = "present"
            owed.found = ended.done if owed.found is None else owed.found
        else:
            owed.state = "unknown" if _check_failed(ended) else "missing"

    def _emit(self, owed: _Owed) -> None:
        count = 1 if owed.state == "present" else 0
        self._part.emit(
            Effect(owed.load, owed.seq, owed.accepted, owed.found, owed.last, owed.state, count)  # type: ignore[arg-type]
        )


def _check_failed(ended: Ended) -> bool:
    """No answer, or one that says the server could not look (5xx): that is no news of the effect."""
    return ended.error not in ("expect", "status") or (ended.status or 0) >= 500
