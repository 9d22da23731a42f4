"""The open loop: every request is sent when it is due, whatever became of those before it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine, Iterator

from chaoskit.load.effects import Effects
from chaoskit.load.schedule import arrivals
from chaoskit.load.sender import Ended, Sender
from chaoskit.load.templates import draw
from chaoskit.part import FLUSH_EVERY, Part
from chaoskit.records import Request, Tick
from chaoskit.wire import Begin, Command, EndAt, Flush, LoadItem, LoadSettings, LoadStream, Status, Stop

SHORTEST_SLEEP = 0.001
"""Seconds: the grain of uvloop's timers. Nothing is sent before it is due (its latency would come out too small);
what became due during the sleep is sent together, up to a millisecond late, and its record says so."""

LONGEST_SLEEP = 0.1
"""Seconds: how soon an `EndAt` is heeded."""

Due = tuple[float, int, int]
"""When (run time), index of the stream, number in the stream."""


class Worker:
    """One load worker. `run` until Stop."""

    def __init__(self, part: Part) -> None:
        assert isinstance(part.settings, LoadSettings)
        self._part, self._settings = part, part.settings
        self._sender = Sender(part.settings, part.clock)
        self._effects = Effects(part, self._sender)
        self._end = float("inf")
        self._zero = 0.0
        self._due = 0
        self._sent = 0
        self._late = 0.0
        self._open: set[asyncio.Task[None]] = set()
        self._playing: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._crash: BaseException | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Serve the channel; flush records on time. Raises what a task of ours raised: no request may get lost."""
        asyncio.get_running_loop().add_reader(self._part.channel.fileno(), self._command)
        self._part.ready()
        while not self._stop.is_set():
            self._flush()
            try:
                await asyncio.wait_for(self._stop.wait(), FLUSH_EVERY)
            except TimeoutError:
                pass
        if self._crash is not None:
            raise self._crash

    def _keep(self, tasks: set[asyncio.Task[None]], work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (crash := task.exception()) is not None:
            self._crash = crash
            self._stop.set()

    # ------------------------------------------------------------ schedule

    async def _play(self) -> None:
        now = self._part.clock.now
        for due, index, seq in self._schedule():
            while (rest := due - now()) > 0 and due < self._end:
                await asyncio.sleep(min(max(rest, SHORTEST_SLEEP), LONGEST_SLEEP))
            if due >= self._end:
                return
            self._due += 1
            self._keep(self._open, self._one(self._settings.streams[index], seq, due))

    def _schedule(self) -> Iterator[Due]:
        streams = [self._stream(index, stream) for index, stream in enumerate(self._settings.streams)]
        return heapq.merge(*streams)

    def _stream(self, index: int, stream: LoadStream) -> Iterator[Due]:
        for seq, at in enumerate(arrivals(stream, self._settings.seed, self._settings.span)):
            yield self._zero + at, index, seq

    async def _one(self, stream: LoadStream, seq: int, due: float) -> None:
        item: LoadItem = stream.items[seq % len(stream.items)]
        draws = draw(self._settings.seed, stream.name, seq)
        rest = due + stream.timeout - self._part.clock.now()
        ended = await self._sender.send(item.request, draws, rest)
        if ended.sent is not None:
            self._sent += 1
            self._late = max(self._late, ended.sent - due)
        self._part.emit(_record(stream, seq, due, ended))
        if not ended.error and item.effect is not None:
            self._effects.owe(stream.name, seq, draws, item.effect, ended.done)

    # ------------------------------------------------------------ commands

    def _command(self) -> None:
        command = self._part.next_command()
        match command.do:
            case Begin(at, host):
                self._zero = at
                if host:
                    self._sender.aim(host)
                self._keep(self._playing, self._play())
            case EndAt(at):
                self._end = min(self._end, at)
                self._keep(self._ending, self._finish(command))
                return
            case Flush() | Stop():
                self._flush()
                self._part.flush()
            case Status():
                self._part.done(command, tuple[str, ...]())
                return
        self._part.done(command)
        if isinstance(command.do, Stop):
            self._stop.set()

    async def _finish(self, command: Command) -> None:
        """Answer once nothing is open any more."""
        for tasks in (self._playing, self._open):
            if tasks:
                await asyncio.wait(set(tasks))
        await self._effects.settle(min(self._end, self._part.clock.now()))
        self._flush()
        self._part.flush()
        self._part.done(command, self._due)

    def _flush(self) -> None:
        if self._sent:
            self._part.emit(Tick(self._part.clock.now(), self._sent, self._late))
            self._sent, self._late = 0, 0.0
        self._part.tick()


def _record(stream: LoadStream, seq: int, due: float, ended: Ended) -> Request:
    return Request(
        stream.name, seq, due, ended.sent, ended.first_byte, ended.done, "failed" if ended.error else "ok",
        ended.error, ended.status, ended.size, ended.label,
    )  # fmt: skip
