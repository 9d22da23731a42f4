"""Single flight: callers that ask the same at the same time share one call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Value = TypeVar("Value")


class SingleFlight(Generic[Value]):
    """Nothing is kept: once a call has ended, the next one asks again."""

    def __init__(self) -> None:
        self._flights: dict[str, Future[Value]] = {}
        self._lock = threading.Lock()

    def do(self, key: str, call: Callable[[], Value]) -> Value:
        """The result of `call`, or of the one under way for the key. What it raises, all its callers get."""
        with self._lock:
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if leads:
            self._fly(key, flight, call)
        return flight.result()

    def forget(self, key: str) -> None:
        """What is under way for the key may be outdated (it was written to): who asks from now on asks afresh."""
        with self._lock:
            self._flights.pop(key, None)

    def _fly(self, key: str, flight: Future[Value], call: Callable[[], Value]) -> None:
        try:
            flight.set_result(call())
        except BaseException as error:
            flight.set_exception(error)  # whatever it is: nobody may wait for ever
            raise
        finally:
            with self._lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
