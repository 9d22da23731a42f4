"""A retry budget and full jitter."""

from __future__ import annotations

import random
import threading


class RetryBudget:
    """A bucket of tokens: a success earns `ratio` of one, a retry costs one. So retries are at most that share of
    the successes, and in an outage, which has none, they stop by themselves."""

    def __init__(self, ratio: float = 0.1, most: float = 10.0) -> None:
        self._ratio, self._most = ratio, most
        self._tokens = most
        self._lock = threading.Lock()

    def earn(self) -> None:
        """A call succeeded."""
        with self._lock:
            self._tokens = min(self._most, self._tokens + self._ratio)

    def spend(self) -> bool:
        """Whether one retry may be made."""
        with self._lock:
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


def full_jitter(attempt: int, base: float = 0.02, cap: float = 0.2) -> float:
    """Seconds before retry `attempt` (from 0): U(0, min(cap, base * 2^attempt)). A herd that waits for random times
    comes back spread out; one that adds ten percent to the same time comes back as a herd."""
    return random.uniform(0, min(cap, base * 2**attempt))
