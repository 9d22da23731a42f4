from __future__ import annotations

import threading

import pytest
from cache import Cache, Entry
from single_flight import SingleFlight

from tests.conftest import wait_until
from tests.targets.conftest import Clock


def test_what_is_kept_is_served_up_to_the_bound_with_its_age() -> None:
    clock = Clock()
    cache: Cache[int] = Cache(stale=900, clock=clock)
    cache.put("1", 12)
    clock.now += 900
    assert cache.get("1") == Entry(12, 900)
    clock.now += 1
    assert cache.get("1") is None


def test_a_slow_read_does_not_undo_a_write() -> None:
    clock = Clock()
    cache: Cache[int] = Cache(clock=clock)
    asked = cache.now()
    clock.now += 1
    cache.put("1", 99)
    cache.put("1", 12, asked)
    assert cache.get("1") == Entry(99, 0)


def test_it_is_bounded_and_the_least_recently_used_goes_first() -> None:
    cache: Cache[int] = Cache(most=2)
    cache.put("1", 1)
    cache.put("2", 2)
    cache.get("1")
    cache.put("3", 3)
    assert [cache.get(key) is not None for key in "123"] == [True, False, True]


def test_what_the_origin_no_longer_has_is_forgotten() -> None:
    cache: Cache[int] = Cache()
    cache.put("1", 1)
    cache.forget("1")
    cache.forget("2")
    assert cache.get("1") is None


def test_entries_that_expire_under_concurrent_readers_raise_nothing() -> None:
    """`in` then `[]` would be a KeyError here: everything is always just expired or just evicted."""
    clock, errors = Clock(), []
    cache: Cache[int] = Cache(stale=0, most=3, clock=clock)

    def hammer() -> None:
        try:
            for n in range(3000):
                cache.put(str(n % 5), n)
                clock.now += 1
                cache.get(str((n + 1) % 5))
        except KeyError as error:
            errors.append(error)

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


class Flight:
    """A call that is under way until it is landed."""

    def __init__(self) -> None:
        self.count, self.under_way, self._landed = 0, threading.Event(), threading.Event()

    def __call__(self) -> int:
        self.count += 1
        self.under_way.set()
        assert self._landed.wait(10)
        return 12

    def land(self) -> None:
        self._landed.set()


def test_concurrent_callers_share_one_call_and_later_ones_ask_again() -> None:
    flights: SingleFlight[int] = SingleFlight()
    flight, results, waiting = Flight(), [], []

    def caller() -> None:
        waiting.append(1)
        results.append(flights.do("1", flight))

    threads = [threading.Thread(target=caller) for _ in range(50)]
    threads[0].start()
    assert flight.under_way.wait(10)
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(waiting) == 50)
    assert flights.do("2", lambda: 7) == 7, "another key does not wait"
    assert flight.count == 1
    flight.land()
    for thread in threads:
        thread.join(10)
    assert results == [12] * 50
    assert flights.do("1", lambda: 13) == 13


def test_what_a_call_raises_is_raised_for_its_callers_and_not_kept() -> None:
    flights: SingleFlight[int] = SingleFlight()
    with pytest.raises(ZeroDivisionError):
        flights.do("1", lambda: 1 // 0)
    assert flights.do("1", lambda: 12) == 12


def test_after_a_write_nobody_joins_a_read_from_before_it() -> None:
    flights: SingleFlight[int] = SingleFlight()
    flight = Flight()
    reader = threading.Thread(target=flights.do, args=("1", flight))
    reader.start()
    assert flight.under_way.wait(10)
    flights.forget("1")
    assert flights.do("1", lambda: 99) == 99
    flight.land()
    reader.join(10)
