"""The one clock. No other module asks the operating system for the time.

A run's times are seconds since its origin, a reading of CLOCK_MONOTONIC, which all processes of one
machine share (`man 2 clock_gettime`); so the records of every part stand on one axis.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What anything that needs the time asks for it."""

    def now(self) -> float:
        """Seconds since the origin."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; a fake clock merely moves on."""
        ...


class RunClock:
    """The real clock, counted from `origin` (default: now).

    origin: a reading of `monotonic()`, seconds.
    """

    def __init__(self, origin: float | None = None) -> None:
        self.origin = time.monotonic() if origin is None else origin

    def now(self) -> float:
        """Seconds since the origin."""
        return time.monotonic() - self.origin

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds; nothing for a negative number."""
        if seconds > 0:
            time.sleep(seconds)


class FakeClock:
    """A clock for tests: it moves only when told, or when somebody sleeps."""

    def __init__(self, at: float = 0.0) -> None:
        self.at = at
        self.slept: list[float] = []

    def now(self) -> float:
        """The time it was set to."""
        return self.at

    def sleep(self, seconds: float) -> None:
        """Move on at once, and remember the request."""
        self.slept.append(seconds)
        self.at += max(0.0, seconds)


def monotonic() -> float:
    """CLOCK_MONOTONIC, seconds."""
    return time.monotonic()


def wall() -> datetime:
    """The wall clock, UTC: for names and headers, never for measuring."""
    return datetime.now(UTC)
