"""A journal on disk: JSON lines, appended and fsynced, read back at the start; one process has it at a time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

INSTANCES = 64
"""Instances that may share a folder."""


class Journal:
    """Raises OSError: BlockingIOError when another process has the file, others when it cannot be opened.

    most: bytes; an append that would make the file larger raises OSError, like one that finds the disk full."""

    def __init__(self, path: Path, most: int = 16_000_000) -> None:
        self._most = most
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise
        self._cut_half_line()

    def entries(self) -> Iterator[Any]:
        """All that was appended, oldest first."""
        for line in self._read().splitlines():
            yield json.loads(line)

    def append(self, entry: Any) -> None:
        """On disk when this returns; not in the file at all when it raises OSError."""
        line = json.dumps(entry).encode() + b"\n"
        size = os.fstat(self._file).st_size
        if size + len(line) > self._most:
            raise OSError("the journal is full")
        try:
            if os.write(self._file, line) != len(line):
                raise OSError("the disk is full")
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, size)  # what follows must not be glued to half a line
            raise

    def clear(self) -> None:
        """Nothing in it matters any more."""
        os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._file)

    def _cut_half_line(self) -> None:
        """A process that died while it wrote left half a line. Its caller was never told yes."""
        os.ftruncate(self._file, self._read().rfind(b"\n") + 1)

    def _read(self) -> bytes:
        return os.pread(self._file, os.fstat(self._file).st_size, 0)


def claim(folder: Path) -> Journal:
    """The first journal of a folder that nobody holds: after a crash that is the one left behind, so an accepted
    write outlives the process that accepted it, whatever its pid. Raises OSError when all are taken."""
    for number in range(INSTANCES):
        try:
            return Journal(folder / f"billing-{number}.journal")
        except (BlockingIOError, PermissionError):
            continue
    raise OSError(f"{INSTANCES} instances have their journal in {folder}")
