"""The recorder: the only writer of the history. Parts' records come in on their reader threads, one thread writes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path

from chaoskit.errors import StackBroken
from chaoskit.history.writer import Writer
from chaoskit.records import Record
from chaoskit.runner.counters import Counters


class Recorder:
    """Takes records from any thread; `sync` waits until all taken so far are in the file."""

    def __init__(self, path: Path, counters: Counters) -> None:
        self._counters = counters
        self._queue: queue.SimpleQueue[Callable[[Writer], None] | None] = queue.SimpleQueue()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(path,), name="recorder", daemon=True)
        self._thread.start()

    def take(self, records: tuple[Record, ...]) -> None:
        """Queue records; never blocks."""
        self._counters.take(records)
        self._queue.put(lambda writer: writer.write(records))

    def header(self, key: str, value: str) -> None:
        """Queue one value of the header (JSON text), in order with the records."""
        self._queue.put(lambda writer: writer.header(key, value))

    def sync(self, deadline: float = 10.0) -> None:
        """Return once everything taken so far is in the file. Raises StackBroken when writing failed or hangs."""
        written = threading.Event()
        self._queue.put(lambda _writer: written.set())
        if not written.wait(deadline) or self._error is not None:
            raise StackBroken(f"the history could not be written: {self._error or 'the disk does not answer'}")

    def close(self) -> None:
        """Write what is queued and close the file."""
        self._queue.put(None)
        self._thread.join(10)

    def _run(self, path: Path) -> None:
        writer = Writer(path)
        try:
            while (job := self._queue.get()) is not None:
                try:
                    job(writer)
                except Exception as error:  # noqa: BLE001 - kept, and raised by the next sync
                    self._error = self._error or error
        finally:
            writer.close()
