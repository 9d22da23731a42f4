"""What every part shares: the parent watch, handed-in sockets, readiness, the record stream.

A part's `__main__` is:

    if __name__ == "__main__":
        run_part(serve)

where `serve(part)` builds its servers, calls `part.ready(...)`, and drives its own loop. It reads commands
whenever `part.channel` is readable (`part.next_command()`), answers each with `part.done(...)`, and returns
after `Stop`. A part ends with its parent whatever happens: the parent's pidfd is watched by a thread, and
PR_SET_PDEATHSIG kills it even while it is stopped (SIGSTOP).
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable

import msgspec

from chaoskit.channel import Channel, Closed
from chaoskit.clock import RunClock
from chaoskit.records import Record
from chaoskit.wire import AnySettings, Batch, Command, Done, Failed, FromPart, Ready, Start, ToPart

FLUSH_EVERY = 0.1
"""Seconds between batches of records, at most."""
FLUSH_AT = 500
"""Records that make a batch leave before that."""

_PR_SET_PDEATHSIG = 1


class Part:
    """The part's side of its channel."""

    def __init__(self, channel: Channel, start: Start, descriptors: list[int]) -> None:
        self.channel = channel
        self.settings: AnySettings = start.settings
        self.clock = RunClock(start.origin)
        self.descriptors = dict(zip(start.sockets, descriptors, strict=True))
        self._decode = msgspec.json.Decoder(ToPart)
        self._encode = msgspec.json.Encoder()
        self._waiting: list[Record] = []
        self._last_flush = self.clock.now()
        self._lock = threading.RLock()

    def take(self, name: str) -> socket.socket:
        """The handed-in socket of that name (family and type as it was made)."""
        return socket.socket(fileno=self.descriptors.pop(name))

    def say(self, message: FromPart) -> None:
        """Send one message. Thread-safe. The orchestrator being gone ends the process."""
        with self._lock:
            try:
                self.channel.send(self._encode.encode(message))
            except Closed:
                os._exit(0)

    def ready(self, **facts: str) -> None:
        """Tell that the part serves."""
        self.say(Ready(facts))

    def next_command(self) -> Command:
        """The next command (blocks). The orchestrator being gone ends the process."""
        try:
            frame, _ = self.channel.receive()
        except Closed:
            os._exit(0)
        message = self._decode.decode(frame)
        assert isinstance(message, Command)
        return message

    def done(self, command: Command, value: str | int | tuple[str, ...] | None = None, error: str = "") -> None:
        """Answer a command."""
        self.say(Done(command.number, value, error))

    def emit(self, record: Record) -> None:
        """Queue one record; batches leave at FLUSH_AT, or at the next `tick` after FLUSH_EVERY."""
        with self._lock:
            self._waiting.append(record)
            if len(self._waiting) >= FLUSH_AT:
                self.flush()

    def flush(self) -> None:
        """Send all queued records now."""
        with self._lock:
            self._last_flush = self.clock.now()
            if self._waiting:
                records, self._waiting = tuple(self._waiting), []
                self.say(Batch(records))

    def tick(self) -> float:
        """Flush when it is time; returns the seconds until the next flush is due. Call it from the loop."""
        rest = self._last_flush + FLUSH_EVERY - self.clock.now()
        if rest <= 0:
            self.flush()
            rest = FLUSH_EVERY
        return rest


def die_with_parent(expected: int) -> int:
    """Arrange to be killed when the parent ends; returns a pidfd of it (readable once it has ended).

    The parent starts every part from one thread that lives as long as itself: PDEATHSIG fires at the end
    of the starting *thread* (`man 2 PR_SET_PDEATHSIG`). Both ends of the race with an early death are
    closed by comparing getppid() after each step.
    """
    parent = os.pidfd_open(os.getppid())
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != expected:
        os._exit(0)
    return parent


def watch(parent: int) -> None:
    """End this process when `parent` (a pidfd) does."""

    def wait() -> None:
        select.select([parent], [], [])
        os._exit(0)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()


def run_part(
    serve: Callable[[Part], None], before_threads: Callable[[Start, dict[str, int]], None] | None = None
) -> None:
    """Run a part: `argv` is CHANNEL_FD PARENT_PID.

    before_threads: called with the start message and the descriptors by name while the process still has
    one thread (setns(CLONE_NEWUSER) needs that, `man 2 setns`).
    """
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    os.set_inheritable(channel.fileno(), False)
    parent = die_with_parent(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        frame, descriptors = channel.receive()
    except Closed:
        os._exit(0)
    start = msgspec.json.decode(frame, type=ToPart)
    assert isinstance(start, Start)
    part = Part(channel, start, descriptors)
    try:
        if before_threads is not None:
            before_threads(start, part.descriptors)
        watch(parent)
        serve(part)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the coordinator must hear it
        part.flush()
        traceback.print_exc()  # into the part's log in the run folder
        part.say(Failed(f"{type(error).__name__}: {error}"))
        os._exit(1)
    os._exit(0)
