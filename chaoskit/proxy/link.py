"""One direction of one connection: read, through the stages, write; back-pressure and half-close."""

from __future__ import annotations

import fcntl
import os
import socket
from collections import deque
from collections.abc import Callable

from chaoskit.clock import Clock
from chaoskit.proxy.toxics import Chunk, Stage

CHUNK = 65536
MOST_WAITING = 1 << 20
"""Bytes waiting for a slow reader before reading stops."""
BULK_AFTER = 3
"""Full reads in a row that make a direction bulk: from then on the kernel moves it by splice."""
PIPE_SIZE = 1 << 20
_F_SETPIPE_SZ = 1031
_SPLICE = os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE


class Link:
    """src → dst. changed: the interest in events has changed; ended: this direction is over."""

    def __init__(
        self,
        src: socket.socket,
        dst: socket.socket,
        clock: Clock,
        changed: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        self.src, self.dst = src, dst
        self.bytes = 0
        self.finished = False
        self.last = clock.now()
        self.stages: list[Stage] = []
        self._clock = clock
        self._changed, self._ended = changed, ended
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0
        self._eof = False
        self._full_reads = 0
        self._pipe: tuple[int, int] | None = None
        self._in_pipe = 0

    # ------------------------------------------------------------ interest

    @property
    def wants_read(self) -> bool:
        """Whether the source should be read."""
        full = self._waiting_bytes >= MOST_WAITING or self._in_pipe or any(stage.full for stage in self.stages)
        return not self._eof and not full

    @property
    def wants_write(self) -> bool:
        """Whether something waits for the destination."""
        return bool(self._waiting or self._in_pipe)

    # ------------------------------------------------------------ stages

    def set_stages(self, stages: list[Stage]) -> None:
        """Join the stages into a chain that ends in the destination."""
        self.stages = stages
        for index, stage in enumerate(stages):
            stage.out = stages[index + 1].push if index + 1 < len(stages) else self._out
            stage.drained = self._drained

    def _drained(self) -> None:
        self._changed()
        self._finish_if_over()

    # ------------------------------------------------------------ reading

    def readable(self) -> None:
        """Move what there is. Raises OSError when an end is broken."""
        self.last = self._clock.now()
        if self._full_reads >= BULK_AFTER and not self.stages and not self._waiting:
            self._splice()
            return
        try:
            data = self.src.recv(CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._end_of_data()
            return
        self._full_reads = self._full_reads + 1 if len(data) == CHUNK else 0
        self.bytes += len(data)
        if self.stages:
            self.stages[0].push(self.last, data)
        else:
            self._out(self.last, data)

    def _splice(self) -> None:
        """Socket → pipe → socket without a copy into this process."""
        if self._pipe is None:
            self._pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.fcntl(self._pipe[1], _F_SETPIPE_SZ, PIPE_SIZE)
            except OSError:
                pass  # the user's pipe quota is used up: a small pipe serves, too
        try:
            count = os.splice(self.src.fileno(), self._pipe[1], PIPE_SIZE, flags=_SPLICE)
        except BlockingIOError:
            return
        if not count:
            self._end_of_data()
            return
        self.bytes += count
        self._in_pipe = count
        if count < CHUNK // 4:
            self._full_reads = 0
        self._empty_pipe()
        if self._in_pipe:
            self._changed()

    def _empty_pipe(self) -> None:
        assert self._pipe is not None
        try:
            while self._in_pipe:
                self._in_pipe -= os.splice(self._pipe[0], self.dst.fileno(), self._in_pipe, flags=_SPLICE)
        except BlockingIOError:
            pass

    def _end_of_data(self) -> None:
        self._eof = True
        self._changed()
        self._finish_if_over()

    # ------------------------------------------------------------ writing

    def _out(self, _at: float, data: Chunk) -> None:
        sent = 0
        if not self.wants_write:
            try:
                sent = self.dst.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._ended()
                return
        if sent < len(data):
            rest = memoryview(data)[sent:]
            self._waiting.append(rest)
            self._waiting_bytes += len(rest)
            self._changed()

    def writable(self) -> None:
        """Send what waits. Raises OSError when the destination is broken."""
        self.last = self._clock.now()
        if self._in_pipe:
            self._empty_pipe()
            if self._in_pipe:
                return
        while self._waiting:
            try:
                sent = self.dst.send(self._waiting[0])
            except BlockingIOError:
                break
            self._waiting_bytes -= sent
            if sent < len(self._waiting[0]):
                self._waiting[0] = self._waiting[0][sent:]
                break
            self._waiting.popleft()
        self._changed()
        self._finish_if_over()

    def _finish_if_over(self) -> None:
        """Pass the end on once everything before it is out: a half-close, so that the answer can still come."""
        if not self._eof or self.finished or self.wants_write or any(stage.busy for stage in self.stages):
            return
        self.finished = True
        try:
            self.dst.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        self._ended()

    def close(self) -> None:
        """Give back the pipe."""
        if self._pipe is not None:
            os.close(self._pipe[0])
            os.close(self._pipe[1])
            self._pipe = None
