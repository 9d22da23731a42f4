from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from breaker import CLOSED, OPEN, Breaker
from origin import Origin, Saturated, Unavailable


class DownError(Exception):
    """The dependency's failure."""


def make(places: int = 8, deadline: float = 30.0) -> Origin:
    return Origin(Breaker(rest=600), lambda error: isinstance(error, DownError), places=places, deadline=deadline)


class Calls:
    """Counts the calls, and answers each with `answer`."""

    def __init__(self, answer: Callable[[int], str]) -> None:
        self.count, self._answer = 0, answer

    def __call__(self) -> str:
        self.count += 1
        return self._answer(self.count)


def fail(_count: int) -> str:
    raise DownError


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """An event on which calls hang until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_a_single_failure_is_retried() -> None:
    def once(count: int) -> str:
        return fail(count) if count == 1 else "fine"

    calls = Calls(once)
    assert make().call(calls) == "fine"
    assert calls.count == 2


def test_an_outage_costs_a_few_tries_and_then_none() -> None:
    origin, calls = make(), Calls(fail)
    for _ in range(1000):
        with pytest.raises(Unavailable):
            origin.call(calls)
    assert origin.breaker.state == OPEN
    assert calls.count == 5


def test_without_tokens_nothing_is_retried() -> None:
    origin, calls = make(), Calls(fail)
    while origin.budget.spend():
        pass
    with pytest.raises(Unavailable):
        origin.call(calls)
    assert calls.count == 1


def test_our_own_bugs_are_raised_and_do_not_open_the_breaker() -> None:
    origin = make()
    for _ in range(50):
        with pytest.raises(ZeroDivisionError):
            origin.call(lambda: 1 / 0)
    assert origin.breaker.state == CLOSED


def test_a_call_that_hangs_is_given_up_at_the_deadline(hang: threading.Event) -> None:
    with pytest.raises(Unavailable, match="deadline"):
        make(deadline=0.05).call(hang.wait)


def test_calls_that_hang_fill_the_bulkhead_and_no_more(hang: threading.Event) -> None:
    origin = make(places=2, deadline=0.05)
    for _ in range(2):
        with pytest.raises(Unavailable, match="deadline"):
            origin.call(hang.wait)
    for _ in range(50):
        with pytest.raises(Saturated):
            origin.call(hang.wait)
    assert origin.breaker.state == CLOSED, "that our places are taken is not told to the breaker"


def test_a_place_is_free_again_when_its_call_has_ended(hang: threading.Event) -> None:
    origin = make(places=1, deadline=0.05)
    with pytest.raises(Unavailable):
        origin.call(hang.wait)
    hang.set()
    for _ in range(1000):
        try:
            assert origin.call(lambda: "fine") == "fine"
            return
        except Saturated:
            threading.Event().wait(0.005)
    pytest.fail("the place is still taken")
