from __future__ import annotations

import threading

import pytest
from breaker import CLOSED, HALF_OPEN, OPEN, Breaker, Permit

from tests.targets.conftest import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(window=10, minimum=4, threshold=0.5, rest=1.0, clock=clock)


def permit(breaker: Breaker) -> Permit:
    given = breaker.permit()
    assert given is not None
    return given


def trip(breaker: Breaker) -> None:
    while breaker.state == CLOSED:
        breaker.failed(permit(breaker))


def test_it_opens_at_the_threshold_and_not_before_the_minimum(breaker: Breaker) -> None:
    for _ in range(3):
        breaker.failed(permit(breaker))
        assert breaker.state == CLOSED
    breaker.failed(permit(breaker))
    assert breaker.state == OPEN
    assert breaker.permit() is None


def test_it_goes_by_the_share_of_failures_and_not_by_failures_in_a_row(breaker: Breaker) -> None:
    for _ in range(3):
        breaker.succeeded(permit(breaker))
    for _ in range(2):
        breaker.failed(permit(breaker))
    assert breaker.state == CLOSED  # two of five
    breaker.failed(permit(breaker))
    assert breaker.state == OPEN  # three of six


def test_failures_leave_the_window(breaker: Breaker) -> None:
    for _ in range(3):
        breaker.failed(permit(breaker))
        for _ in range(10):
            breaker.succeeded(permit(breaker))
    breaker.failed(permit(breaker))
    assert breaker.state == CLOSED


def test_of_a_hundred_callers_at_the_end_of_the_rest_one_gets_the_probe(breaker: Breaker, clock: Clock) -> None:
    trip(breaker)
    clock.now += 1.0
    barrier, given = threading.Barrier(100), []

    def caller() -> None:
        barrier.wait(10)
        given.append(breaker.permit())

    threads = [threading.Thread(target=caller) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(given) == 100
    assert [one.probe for one in given if one is not None] == [True]
    assert breaker.state == HALF_OPEN


def test_a_probe_that_works_closes_with_an_empty_window(breaker: Breaker, clock: Clock) -> None:
    trip(breaker)
    clock.now += 1.0
    breaker.succeeded(permit(breaker))
    assert breaker.state == CLOSED
    breaker.failed(permit(breaker))
    assert breaker.state == CLOSED


def test_a_probe_that_fails_opens_for_a_whole_rest(breaker: Breaker, clock: Clock) -> None:
    trip(breaker)
    clock.now += 1.0
    breaker.failed(permit(breaker))
    clock.now += 0.9
    assert breaker.permit() is None
    clock.now += 0.1
    assert permit(breaker).probe


def test_a_success_from_before_the_trip_closes_nothing(breaker: Breaker, clock: Clock) -> None:
    late = permit(breaker)
    trip(breaker)
    breaker.succeeded(late)
    assert breaker.state == OPEN
    clock.now += 1.0
    permit(breaker)
    breaker.succeeded(late)
    assert breaker.state == HALF_OPEN


def test_a_failure_from_before_the_trip_does_not_open_again(breaker: Breaker, clock: Clock) -> None:
    late = [permit(breaker) for _ in range(10)]
    trip(breaker)
    clock.now += 1.0
    breaker.succeeded(permit(breaker))
    for one in late:
        breaker.failed(one)
    assert breaker.state == CLOSED


def test_a_probe_that_told_nothing_lets_another_pass(breaker: Breaker, clock: Clock) -> None:
    trip(breaker)
    clock.now += 1.0
    breaker.abandoned(permit(breaker))
    assert permit(breaker).probe
