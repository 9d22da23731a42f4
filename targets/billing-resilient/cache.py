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

    def put(self, key: str, value: Value) -> None:
        """Keep a value as of now."""
        with self._lock:
            self._entries[key] = (value, self._clock())
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
