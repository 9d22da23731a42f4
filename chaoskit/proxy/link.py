"""One direction of one connection: read, through the stages, write; back-pressure and half-close."""

from __future__ import annotations

import os
import socket
from collections import deque
from typing import Protocol

from chaoskit.proxy.loop import Loop
from chaoskit.proxy.pipes import PIPE_SIZE, Pipe, Pipes
from chaoskit.proxy.toxics import Chunk, Stage

CHUNK = 65536
"""Bytes of one read."""
MOST_WAITING = 1 << 20
"""Bytes waiting for a slow reader before reading stops."""
BULK_AFTER = 3
"""Full reads in a row that make a direction bulk: from then on the kernel moves it by splice."""
SMALL = CHUNK // 4
"""A splice of fewer bytes ends that again: for small messages recv and send are quicker."""
_SPLICE = os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE


class Owner(Protocol):
    """What a link tells its connection."""

    def changed(self) -> None:
        """The interest in events may have changed."""

    def eof(self, link: Link) -> None:
        """Its source has no more to say."""

    def finished(self) -> None:
        """A direction is over: all is delivered, and the end, too."""

    def source_failed(self, link: Link) -> None:
        """Its source was reset."""

    def sink_failed(self, link: Link) -> None:
        """Its destination takes no more."""


class Shared:
    """What all connections share: the loop, a buffer for reading, pipes for splicing."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.view = memoryview(bytearray(CHUNK))
        self.pipes = Pipes()


class Link:
    """src → dst."""

    def __init__(self, src: socket.socket, dst: socket.socket, shared: Shared, owner: Owner) -> None:
        self.bytes = 0
        self.finished = False
        self.last = shared.loop.clock.now()
        self.stages: list[Stage] = []
        self._dst = dst
        self._recv_into, self._send = src.recv_into, dst.send
        self._from, self._to = src.fileno(), dst.fileno()
        self._loop, self._view, self._pipes = shared.loop, shared.view, shared.pipes
        self._owner = owner
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0
        self._eof = False
        self._full_reads = 0
        self._pipe: Pipe | None = None
        self._in_pipe = 0

    # ------------------------------------------------------------ interest

    @property
    def wants_read(self) -> bool:
        """Whether the source should be read."""
        if self._eof or self._in_pipe or self._waiting_bytes >= MOST_WAITING:
            return False
        return not any(stage.full for stage in self.stages)

    @property
    def wants_write(self) -> bool:
        """Whether something waits for the destination."""
        return bool(self._waiting or self._in_pipe)

    @property
    def busy(self) -> bool:
        """Whether anything is on its way in here."""
        return self.wants_write or any(stage.busy for stage in self.stages)

    # ------------------------------------------------------------ stages

    def set_stages(self, stages: list[Stage]) -> None:
        """Join the stages into a chain that ends in the destination."""
        self.stages = stages
        for index, stage in enumerate(stages):
            stage.out = stages[index + 1].push if index + 1 < len(stages) else self._out
            stage.drained = self._drained

    def _drained(self) -> None:
        self._owner.changed()
        self._finish_if_over()

    # ------------------------------------------------------------ reading

    def readable(self, _events: int = 0) -> None:
        """Move what there is."""
        if self._full_reads >= BULK_AFTER and not self.stages and not self._waiting:
            self._splice()
            return
        try:
            count = self._recv_into(self._view)
        except BlockingIOError:
            return
        except OSError:
            self._owner.source_failed(self)
            return
        if not count:
            self.end_of_data()
            return
        self.bytes += count
        self.last = self._loop.now
        self._full_reads = self._full_reads + 1 if count == CHUNK else 0
        if self.stages:
            self.stages[0].push(self._loop.clock.now(), bytes(self._view[:count]))
            if not self.wants_read:
                self._owner.changed()
        else:
            self._out(self.last, self._view[:count])

    def _splice(self) -> None:
        """Socket → pipe → socket without a copy into this process."""
        pipe = self._pipes.borrow()
        if pipe is None:
            self._full_reads = 0
            return
        try:
            count = os.splice(self._from, pipe[1], PIPE_SIZE, flags=_SPLICE)
        except BlockingIOError:
            self._pipes.give_back(pipe)
            return
        except OSError:
            self._pipes.give_back(pipe)
            self._owner.source_failed(self)
            return
        self._pipe, self._in_pipe = pipe, count
        if not count:
            self._empty_pipe()
            self.end_of_data()
            return
        self.bytes += count
        self.last = self._loop.now
        if count < SMALL:
            self._full_reads = 0
        self._empty_pipe()
        if self._in_pipe:
            self._owner.changed()

    def _empty_pipe(self) -> None:
        assert self._pipe is not None
        try:
            while self._in_pipe:
                self._in_pipe -= os.splice(self._pipe[0], self._to, self._in_pipe, flags=_SPLICE)
        except BlockingIOError:
            return
        except OSError:
            self._owner.sink_failed(self)
            return
        self._pipes.give_back(self._pipe)
        self._pipe = None

    def end_of_data(self) -> None:
        """Nothing more comes from the source; what is here is still delivered."""
        if not self._eof:
            self._eof = True
            self._owner.eof(self)
            self._owner.changed()
            self._finish_if_over()

    # ------------------------------------------------------------ writing

    def _out(self, _at: float, data: Chunk) -> None:
        if self.finished:
            return
        sent = 0
        if not (self._waiting or self._in_pipe):
            try:
                sent = self._send(data)
            except BlockingIOError:
                pass
            except OSError:
                self._owner.sink_failed(self)
                return
            if sent == len(data):
                return
        # The data may lie in the shared buffer; `bytes` of bytes copies nothing.
        self._waiting.append(memoryview(bytes(data[sent:])))
        self._waiting_bytes += len(data) - sent
        self._owner.changed()

    def writable(self) -> None:
        """Send what waits."""
        self.last = self._loop.now
        if self._in_pipe:
            self._empty_pipe()
            if self._in_pipe:
                return
        try:
            while self._waiting:
                self._sent(self._send(self._waiting[0]))
        except BlockingIOError:
            pass
        except OSError:
            self._owner.sink_failed(self)
            return
        self._owner.changed()
        self._finish_if_over()

    def _sent(self, count: int) -> None:
        self._waiting_bytes -= count
        if count < len(self._waiting[0]):
            self._waiting[0] = self._waiting[0][count:]
        else:
            self._waiting.popleft()

    def _finish_if_over(self) -> None:
        """Pass the end on once everything before it is out: a half-close, so that the answer can still come."""
        if not self._eof or self.finished or self.busy:
            return
        self.finished = True
        try:
            self._dst.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone already, which the other direction will notice
        self._owner.finished()

    def abandon(self) -> None:
        """Over, now; what is still here is dropped, for nobody can take it."""
        self.finished = self._eof = True
        self.stages = []
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._pipe is not None:
            self._pipes.give_back(self._pipe, empty=not self._in_pipe)
            self._pipe, self._in_pipe = None, 0
