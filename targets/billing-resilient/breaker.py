"""A circuit breaker: closed, open, half-open with a single probe."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"


@dataclass(frozen=True)
class Permit:
    """The leave to make one call. `epoch`: the breaker's state when it was given; an outcome from another is late."""

    epoch: int
    probe: bool


class Breaker:
    """Opens when `threshold` of the last `window` calls failed (once `minimum` were made); after `rest` seconds one
    probe may pass: its success closes, its failure opens again. Only failures of the dependency must be told."""

    def __init__(
        self,
        *,
        window: int = 20,
        minimum: int = 5,
        threshold: float = 0.5,
        rest: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outcomes: deque[bool] = deque(maxlen=window)
        self._minimum, self._threshold, self._rest, self._clock = minimum, threshold, rest, clock
        self._lock = threading.Lock()
        self._state = CLOSED
        self._epoch = 0
        self._opened = 0.0

    @property
    def state(self) -> str:
        """closed, open or half-open."""
        with self._lock:
            return self._state

    def permit(self) -> Permit | None:
        """Leave to call; None: not now. Of a hundred callers at the end of the rest, one gets the probe."""
        with self._lock:
            if self._state == CLOSED:
                return Permit(self._epoch, probe=False)
            if self._state == OPEN and self._clock() - self._opened >= self._rest:
                self._move(HALF_OPEN)
                return Permit(self._epoch, probe=True)
            return None

    def succeeded(self, permit: Permit) -> None:
        """The call worked. One that began before the breaker opened says nothing about now."""
        with self._lock:
            if permit.epoch != self._epoch:
                return
            if permit.probe:
                self._outcomes.clear()
                self._move(CLOSED)
            else:
                self._outcomes.append(True)

    def failed(self, permit: Permit) -> None:
        """The dependency failed."""
        with self._lock:
            if permit.epoch != self._epoch:
                return
            self._outcomes.append(False)
            if permit.probe or self._too_many():
                self._opened = self._clock()
                self._move(OPEN)

    def abandoned(self, permit: Permit) -> None:
        """The call told nothing of the dependency (the caller's own mistake): a probe must not be lost by it."""
        with self._lock:
            if permit.probe and permit.epoch == self._epoch:
                self._move(OPEN)

    def _too_many(self) -> bool:
        count = len(self._outcomes)
        return count >= self._minimum and self._outcomes.count(False) / count >= self._threshold

    def _move(self, state: str) -> None:
        self._state = state
        self._epoch += 1
