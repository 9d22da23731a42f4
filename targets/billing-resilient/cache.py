"""A read cache that may serve what is stale when the origin fails, within a bound."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class Entry(Generic[Value]):
    """A value and how old it is, seconds."""

    value: Value
    age: float


class Cache(Generic[Value]):
    """Thread-safe, bounded (least recently used goes first). Values, not failures, are kept; a write replaces them."""

    def __init__(
        self, *, stale: float = 900.0, most: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stale, self._most, self._clock = stale, most, clock
        self._entries: OrderedDict[str, tuple[Value, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Entry[Value] | None:
        """What is kept, if it is at most `stale` seconds old: for when the origin cannot answer."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            value, stored = found
            age = self._clock() - stored
            if age > self._stale:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return Entry(value, age)

    def now(self) -> float:
        """The time to pass to `put`: taken before the origin is asked, since the answer may be as old as that."""
        return self._clock()

    def put(self, key: str, value: Value, as_of: float | None = None) -> None:
        """Keep a value as of a time (default: now), unless a newer one is kept: a slow read must not undo a write."""
        with self._lock:
            stored = self._clock() if as_of is None else as_of
            if key in self._entries and self._entries[key][1] > stored:
                return
            self._entries[key] = (value, stored)
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)

    def forget(self, key: str) -> None:
        """The origin says that there is none."""
        with self._lock:
            self._entries.pop(key, None)
