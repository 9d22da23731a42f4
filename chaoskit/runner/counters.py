"""What the live view shows, counted from the records as they come in. Never judged: the history is."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass

from chaoskit.records import Connection, Lookup, Record, Request, Touched

WINDOW = 3.0
"""Seconds of requests that the live rate, errors and p99 are over."""


@dataclass(frozen=True)
class Recent:
    """The last WINDOW seconds, as of the newest request seen."""

    rate: float
    errors: float
    p99: float | None


class Counters:
    """Thread-safe; parts' reader threads write, the coordinator reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, float, bool]] = deque()
        self._touched: Counter[str] = Counter()
        self._syns: Counter[str] = Counter()

    def take(self, records: tuple[Record, ...]) -> None:
        """Count records."""
        with self._lock:
            for record in records:
                self._count(record)

    def _count(self, record: Record) -> None:
        match record:
            case Request():
                self._recent.append((record.done, record.done - record.due, record.outcome == "ok"))
            case Lookup() if record.fault:
                self._touched[record.fault] += 1
            case Touched() if record.bytes:
                self._touched[record.fault] += record.count
            case Connection(event="syn"):
                self._syns[record.dependency] += 1

    def recent(self, now: float) -> Recent:
        """Rate, errors and p99 of the requests that ended in the last WINDOW seconds."""
        with self._lock:
            while self._recent and self._recent[0][0] < now - WINDOW:
                self._recent.popleft()
            rows = list(self._recent)
        if not rows:
            return Recent(0.0, 0.0, None)
        delays = sorted(delay for _, delay, _ in rows)
        errors = sum(not ok for _, _, ok in rows)
        return Recent(len(rows) / WINDOW, errors / WINDOW, delays[min(len(delays) - 1, int(len(delays) * 0.99))])

    def touched(self, fault: str) -> int:
        """How often a fault has touched traffic so far."""
        with self._lock:
            return self._touched[fault]

    def syns(self, dependency: str) -> int:
        """How many SYNs to a dependency were seen so far."""
        with self._lock:
            return self._syns[dependency]
