"""Writes that wait for the origin: journalled before they are accepted, replayed in order, at least once."""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

Invoice = dict[str, Any]


class Full(Exception):
    """No more can be promised."""


class WriteQueue:
    """A bounded queue with a journal: an append-only file of JSON lines, fsynced, read back at the start.

    Writes are idempotent by their id, so that replaying one twice does no harm."""

    def __init__(self, journal: Path, most: int = 10_000) -> None:
        self._path, self._most = journal, most
        self._waiting: OrderedDict[str, Invoice] = OrderedDict()
        self._changed = threading.Condition()
        self._read_back()
        self._file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __len__(self) -> int:
        with self._changed:
            return len(self._waiting)

    def get(self, invoice_id: str) -> Invoice | None:
        """A write that waits: whoever has been told 202 may read what he wrote."""
        with self._changed:
            return self._waiting.get(invoice_id)

    def put(self, invoice: Invoice) -> None:
        """Accept a write: on disk before anybody is told. Raises Full."""
        with self._changed:
            if len(self._waiting) >= self._most:
                raise Full
            self._append({"put": invoice})
            self._waiting[invoice["id"]] = invoice
            self._changed.notify()

    def replay(self, write: Callable[[Invoice], bool], pause: float = 0.1) -> None:
        """Forever: write what waits, oldest first; `write` says whether it worked. Run it in a thread."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                invoice = next(iter(self._waiting.values()))
            if write(invoice):
                self._done(invoice)
            else:
                threading.Event().wait(pause)

    def _done(self, invoice: Invoice) -> None:
        with self._changed:
            if self._waiting.get(invoice["id"]) is invoice:
                del self._waiting[invoice["id"]]
            self._append({"done": invoice["id"]})
            if not self._waiting:
                os.ftruncate(self._file, 0)

    def _append(self, entry: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(entry).encode() + b"\n")
        os.fsync(self._file)

    def _read_back(self) -> None:
        if not self._path.exists():
            return
        for line in self._path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # half a line: its writer was never told yes
            if "put" in entry:
                self._waiting[entry["put"]["id"]] = entry["put"]
            else:
                self._waiting.pop(entry["done"], None)
