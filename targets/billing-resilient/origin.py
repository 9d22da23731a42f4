"""Calls to the origin: behind the breaker, in a pool of their own, with a deadline and a retry budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from threading import BoundedSemaphore
from typing import Any

from breaker import Breaker, Permit
from retry import RetryBudget, full_jitter


class Unavailable(Exception):
    """The origin cannot be asked, or did not answer in time."""


class Saturated(Unavailable):
    """All places are taken. That is said of us, not of the origin: the breaker does not count it, nobody retries."""


class Origin:
    """dependency_failed: tells the dependency's failures from the caller's mistakes, which are passed on.

    places: the bulkhead, fewer than the threads that serve. A thread that hangs in a name lookup cannot be stopped,
    but it can be walled in. deadline: seconds for one call with its retries."""

    def __init__(
        self,
        breaker: Breaker,
        dependency_failed: Callable[[Exception], bool],
        *,
        places: int = 8,
        deadline: float = 0.5,
        retries: int = 1,
    ) -> None:
        self.breaker, self.budget = breaker, RetryBudget()
        self._failed, self._deadline, self._retries = dependency_failed, deadline, retries
        self._places = BoundedSemaphore(places)
        self._pool = ThreadPoolExecutor(places, thread_name_prefix="origin")

    def call(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """Call, within the deadline in all. Raises Unavailable, or the caller's own mistake."""
        end = time.monotonic() + self._deadline
        for attempt in range(self._retries + 1):
            permit = self.breaker.permit()
            if permit is None:
                raise Unavailable("the breaker is open")
            try:
                return self._try(permit, end - time.monotonic(), function, arguments)
            except Saturated:
                raise
            except Unavailable:
                pause = full_jitter(attempt)
                last = attempt == self._retries or time.monotonic() + pause >= end
                if permit.probe or last or not self.budget.spend():
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _try(self, permit: Permit, within: float, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if not self._places.acquire(blocking=False):
            self.breaker.abandoned(permit)
            raise Saturated("all places are taken")
        future = self._pool.submit(function, **arguments)
        future.add_done_callback(lambda _future: self._places.release())
        try:
            result = future.result(max(0.0, within))
        except Late:
            self.breaker.failed(permit)
            raise Unavailable("no answer within the deadline") from None
        except Exception as error:
            if self._failed(error):
                self.breaker.failed(permit)
                raise Unavailable(str(error)) from error
            self.breaker.abandoned(permit)
            raise
        self.breaker.succeeded(permit)
        self.budget.earn()
        return result
