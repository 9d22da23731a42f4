"""The host's side of a part: its process, its channel, its answers."""

from __future__ import annotations

import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from chaoskit.channel import Channel, Closed
from chaoskit.clock import RunClock
from chaoskit.errors import PartFailed, StackBroken
from chaoskit.records import Record
from chaoskit.wire import AnyCommand, AnySettings, Batch, Command, Done, Failed, FromPart, Ready, Start, Stop

OnRecords = Callable[[tuple[Record, ...]], None]
OnEnd = Callable[["PartProcess"], None]
Value = str | int | tuple[str, ...] | None


class PartProcess:
    """One part, started with `python -m chaoskit.NAME` in a session of its own (Ctrl-C must not reach it).

    on_records is called from this object's reader thread, on_end once when the part's channel closes.
    Start parts from a thread that lives as long as the process: they die with it (`part.die_with_parent`).
    """

    def __init__(
        self, name: str, clock: RunClock, on_records: OnRecords, log: Path, on_end: OnEnd | None = None
    ) -> None:
        self.name = name
        self.pid = -1
        self.pidfd = -1
        self._clock = clock
        self._on_records = on_records
        self._on_end = on_end
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._decode = msgspec.json.Decoder(FromPart)
        self._encode = msgspec.json.Encoder()
        self._ready: queue.Queue[dict[str, str] | None] = queue.Queue()
        self._answers: dict[int, queue.Queue[Done | None]] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._error = ""
        self._gone = False

    def start(self, settings: AnySettings, sockets: Mapping[str, socket.socket | int]) -> None:
        """Start the process and send it its settings and sockets; returns at once. Ours stay open here."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", f"chaoskit.{self.name}", str(theirs.fileno()), str(os.getpid())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.pidfd = os.pidfd_open(self.pid)
        self._channel = Channel(ours)
        first = Start(self._clock.origin, tuple(sockets), settings)
        descriptors = [s if isinstance(s, int) else s.fileno() for s in sockets.values()]
        threading.Thread(target=self._read, name=f"from-{self.name}", daemon=True).start()
        try:
            self._channel.send(self._encode.encode(first), descriptors)
        except Closed:
            self._error = self._error or "it ended at its start"

    def wait_ready(self, deadline: float = 10.0, check: Callable[[], None] = lambda: None) -> dict[str, str]:
        """The facts of its `Ready`. Raises StackBroken when it failed or took longer than `deadline` seconds.

        check: called while waiting; may raise to end the wait.
        """
        end = self._clock.now() + deadline
        while True:
            check()
            try:
                facts = self._ready.get(timeout=0.1)
            except queue.Empty:
                if self._clock.now() > end:
                    raise StackBroken(f"{self.name}: not ready after {deadline:g} s; see {self._log}") from None
                continue
            if facts is None:
                raise self._failure()
            return facts

    def epitaph(self) -> str:
        """Why it ended, for a person."""
        return str(self._failure())

    def ask(self, command: AnyCommand, deadline: float = 10.0) -> Value:
        """Send a command and wait for its answer; any thread. Raises PartFailed or StackBroken."""
        answer: queue.Queue[Done | None] = queue.Queue()
        with self._lock:
            if self._gone:
                raise self._failure()
            self._number += 1
            number = self._number
            self._answers[number] = answer
            try:
                self._channel.send(self._encode.encode(Command(number, command)))
            except Closed:
                raise self._failure() from None
        try:
            done = answer.get(timeout=deadline)
        except queue.Empty:
            word = type(command).__name__
            raise StackBroken(f"{self.name}: no answer to {word} within {deadline:g} s; see {self._log}") from None
        finally:
            self._answers.pop(number, None)
        if done is None:
            raise self._failure()
        if done.error:
            raise PartFailed(f"{self.name}: {done.error}")
        return done.value

    def stop(self, deadline: float = 3.0) -> None:
        """Ask it to flush and end; kill it when it does not. Never raises for a part that is gone already."""
        if self._process is None:
            return
        try:
            self.ask(Stop(), deadline)
        except StackBroken:
            pass
        self.kill(deadline)

    def kill(self, grace: float = 0.0) -> None:
        """Wait `grace` seconds for it to end by itself, then SIGKILL; reaps it and closes the channel."""
        if self._process is None:
            return
        if not select.select([self.pidfd], [], [], grace)[0]:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        self._process.wait()
        self._process = None
        os.close(self.pidfd)
        self._channel.close()

    @property
    def alive(self) -> bool:
        """Whether its channel is open."""
        return not self._gone

    def _failure(self) -> StackBroken:
        if self._error:
            return PartFailed(f"{self.name}: {self._error}")
        return StackBroken(f"{self.name}: its process ended; see {self._log}")

    def _read(self) -> None:
        try:
            while True:
                frame, _ = self._channel.receive()
                self._take(self._decode.decode(frame))
        except (Closed, OSError):
            pass
        except msgspec.DecodeError as error:
            self._error = f"it answered nonsense: {error}"
        self._end()

    def _take(self, message: FromPart) -> None:
        match message:
            case Batch(records):
                self._on_records(records)
            case Done(number):
                if answer := self._answers.get(number):
                    answer.put(message)
            case Ready(facts):
                self._ready.put(facts)
            case Failed(error):
                self._error = error.strip()

    def _end(self) -> None:
        with self._lock:
            self._gone = True
        self._ready.put(None)
        for answer in list(self._answers.values()):
            answer.put(None)
        if self._on_end is not None:
            self._on_end(self)
