"""Writes that wait for the origin: journalled before they are accepted, replayed in order, at least once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from journal import Journal
from retry import full_jitter

Invoice = dict[str, Any]


class Full(Exception):
    """No more can be promised."""


class WriteQueue:
    """Bounded, in memory and on disk. Two writes of one id are one entry, the later one.

    Writes are idempotent by their id, so that replaying one twice does no harm. Two locks: a read that asks whether
    its id waits never waits for the disk."""

    def __init__(self, journal: Journal, most: int = 10_000) -> None:
        self._journal, self._most = journal, most
        self._waiting: OrderedDict[str, Invoice] = OrderedDict()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        for entry in journal.entries():
            if "put" in entry:
                self._waiting[entry["put"]["id"]] = entry["put"]
            else:
                self._waiting.pop(entry["done"], None)

    def __len__(self) -> int:
        with self._changed:
            return len(self._waiting)

    def get(self, invoice_id: str) -> Invoice | None:
        """A write that waits: whoever has been told 202 may read what he wrote."""
        with self._changed:
            return self._waiting.get(invoice_id)

    def put(self, invoice: Invoice) -> None:
        """Accept a write: on disk before anybody is told. Raises Full, also when the disk does not take it."""
        with self._writing:
            if len(self) >= self._most:
                raise Full
            try:
                self._journal.append({"put": invoice})
            except OSError as error:
                raise Full from error
            with self._changed:
                self._waiting[invoice["id"]] = invoice
                self._changed.notify()

    def replay(self, write: Callable[[Invoice], bool]) -> None:
        """Forever: `replay_one`, with growing pauses while it fails. Run it in a thread."""
        failures = 0
        while True:
            if self.replay_one(write):
                failures = 0
            else:
                threading.Event().wait(full_jitter(failures, base=0.1, cap=1.0))
                failures = min(failures + 1, 10)

    def replay_one(self, write: Callable[[Invoice], bool]) -> bool:
        """Wait for a write, hand the oldest to `write`, and forget it when that says it is settled."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting))
            invoice = next(iter(self._waiting.values()))
        settled = write(invoice)
        if settled:
            self._done(invoice)
        return settled

    def _done(self, invoice: Invoice) -> None:
        with self._writing:
            with self._changed:
                if self._waiting.get(invoice["id"]) is not invoice:
                    return  # a later write of this id was accepted meanwhile, and waits
                del self._waiting[invoice["id"]]
                empty = not self._waiting
            try:
                self._journal.clear() if empty else self._journal.append({"done": invoice["id"]})
            except OSError:
                return  # it will be replayed once more after a restart
