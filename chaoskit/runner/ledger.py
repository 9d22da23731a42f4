"""The ledger: what was changed and must be put back, on disk before it happens.

One JSON line per entry, fsynced, so that it tells the truth also after a power cut.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """One undo that is owed (`open`) or was done (`done`). `number` joins the two."""

    number: int
    state: Literal["open", "done"]
    fault: str = ""
    kind: str = ""
    of: str = ""


class Ledger:
    """Append-only; one owner, the coordinator."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._open: dict[int, Entry] = {}
        self._next = 1

    def owe(self, fault: str, kind: str, of: str) -> Entry:
        """Note an undo, durably, before the change is made."""
        entry = Entry(self._next, "open", fault, kind, of)
        self._next += 1
        self._append(entry)
        self._open[entry.number] = entry
        return entry

    def settle(self, entry: Entry) -> None:
        """Note that an undo is done and verified."""
        self._append(Entry(entry.number, "done"))
        self._open.pop(entry.number, None)

    def owed(self) -> tuple[Entry, ...]:
        """What is still to be undone, newest first."""
        return tuple(reversed(self._open.values()))

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _append(self, entry: Entry) -> None:
        os.write(self._fd, msgspec.json.encode(entry) + b"\n")
        os.fsync(self._fd)


def read_ledger(path: Path) -> tuple[Entry, ...]:
    """What a run's ledger still owes, newest first; a half-written last line is ignored."""
    entries: dict[int, Entry] = {}
    for line in path.read_bytes().splitlines():
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except msgspec.DecodeError:
            continue
        if entry.state == "open":
            entries[entry.number] = entry
        else:
            entries.pop(entry.number, None)
    return tuple(reversed(entries.values()))
