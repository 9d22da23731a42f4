"""Pipes for splice, lent out while they hold something and kept for the next one."""

from __future__ import annotations

import fcntl
import os

PIPE_SIZE = 1 << 20
"""Bytes, /proc/sys/fs/pipe-max-size of an ordinary user."""
MOST_KEPT = 16

Pipe = tuple[int, int]


class Pipes:
    """Empty pipes, ready for use."""

    def __init__(self) -> None:
        self._free: list[Pipe] = []

    def borrow(self) -> Pipe | None:
        """An empty pipe (read end, write end); None when there are no descriptors left for one."""
        if self._free:
            return self._free.pop()
        try:
            pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        except OSError:
            pass  # the user's pipe quota is used up: a small pipe serves, too
        return pipe

    def give_back(self, pipe: Pipe, empty: bool = True) -> None:
        """One that still holds something is of no use to anybody else."""
        if empty and len(self._free) < MOST_KEPT:
            self._free.append(pipe)
        else:
            os.close(pipe[0])
            os.close(pipe[1])
