"""The mechanisms of the resilient target, each by its contract."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "targets" / "billing-resilient"


@pytest.fixture(autouse=True)
def modules() -> Iterator[None]:
    """Its modules import each other by their bare names."""
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))
    for name in ("breaker", "retry", "cache", "write_queue", "origin"):
        sys.modules.pop(name, None)


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Time) -> Any:
    breaker = module("breaker").Breaker(clock=clock)
    for _ in range(5):
        breaker.failed(breaker.permit())
    assert breaker.state == "open"
    return breaker


def test_a_breaker_opens_at_its_threshold_and_rests() -> None:
    """Half of the window, and at least the minimum."""
    clock = Time()
    breaker = module("breaker").Breaker(clock=clock)
    for _ in range(4):
        breaker.failed(breaker.permit())
    assert breaker.state == "closed"
    breaker.failed(breaker.permit())
    assert breaker.permit() is None


def test_of_a_hundred_callers_one_gets_the_probe() -> None:
    """No herd at the end of the rest."""
    clock = Time()
    breaker = opened(clock)
    clock.now = 1.0
    permits: list[Any] = []
    barrier = threading.Barrier(100)

    def ask() -> None:
        barrier.wait()
        permits.append(breaker.permit())

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (probe,) = [permit for permit in permits if permit is not None]
    assert probe.probe
    breaker.succeeded(probe)
    assert breaker.state == "closed"


def test_a_late_success_does_not_close_an_open_breaker() -> None:
    """It began before the trip, and says nothing about now."""
    breaker = module("breaker").Breaker(clock=Time())
    early = breaker.permit()
    for _ in range(5):
        breaker.failed(breaker.permit())
    breaker.succeeded(early)
    assert breaker.state == "open"


def test_a_probe_that_fails_or_tells_nothing_does_not_block_the_next() -> None:
    """The rest begins again, and another probe may pass."""
    clock = Time()
    breaker = opened(clock)
    clock.now = 1.0
    breaker.failed(breaker.permit())
    assert breaker.permit() is None
    clock.now = 2.0
    breaker.abandoned(breaker.permit())
    assert breaker.permit().probe


def test_retries_are_a_tenth_of_the_successes_and_jitter_is_full() -> None:
    """The budget runs dry in an outage; a pause lies anywhere between 0 and its cap."""
    retry = module("retry")
    budget = retry.RetryBudget(ratio=0.1, most=2)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(10):
        budget.earn()
    assert budget.spend() is False or budget.spend() is False
    pauses = [retry.full_jitter(3, base=0.02, cap=0.1) for _ in range(500)]
    assert 0 <= min(pauses) < 0.02
    assert 0.08 < max(pauses) <= 0.1


def test_a_cache_serves_stale_within_its_bound_only() -> None:
    """And never more entries than it may hold."""
    clock = Time()
    cache = module("cache").Cache(stale=10, most=2, clock=clock)
    cache.put("a", 1)
    clock.now = 9
    entry = cache.get("a")
    assert (entry.value, entry.age) == (1, 9)
    clock.now = 11
    assert cache.get("a") is None
    for key in "abc":
        cache.put(key, key)
    assert [cache.get(key) is not None for key in "abc"] == [False, True, True]


def test_accepted_writes_survive_a_restart_and_are_replayed_in_order(tmp_path: Path) -> None:
    """The journal is on disk before anybody is told yes."""
    queue = module("write_queue")
    first = queue.WriteQueue(tmp_path / "journal")
    for number in range(3):
        first.put({"id": str(number), "amount": 1})
    with (tmp_path / "journal").open("ab") as file:
        file.write(b'{"put": {"id": "ha')
    second = queue.WriteQueue(tmp_path / "journal")
    assert len(second) == 3
    assert second.get("1") == {"id": "1", "amount": 1}
    written: list[str] = []
    outcomes = iter([False, True, True, True])
    done = threading.Event()

    def write(invoice: dict[str, Any]) -> bool:
        if next(outcomes):
            written.append(invoice["id"])
            if len(written) == 3:
                done.set()
            return True
        return False

    threading.Thread(target=second.replay, args=(write, 0.01), daemon=True).start()
    assert done.wait(5)
    assert written == ["0", "1", "2"]


def test_a_full_queue_promises_nothing(tmp_path: Path) -> None:
    """Full is raised, and the journal does not grow."""
    module_ = module("write_queue")
    queue = module_.WriteQueue(tmp_path / "journal", most=1)
    queue.put({"id": "1"})
    with pytest.raises(module_.Full):
        queue.put({"id": "2"})
    assert len((tmp_path / "journal").read_text().splitlines()) == 1


def test_an_origin_that_hangs_is_not_waited_for_and_is_walled_in() -> None:
    """The deadline holds whatever hangs, a name lookup included; then the places are taken, and calls fail at once."""
    origin_module = module("origin")
    breaker = sys.modules["breaker"].Breaker(minimum=100)
    origin = origin_module.Origin(breaker, lambda _error: True, places=2, deadline=0.05, retries=0)
    release = threading.Event()
    for _ in range(2):
        with pytest.raises(origin_module.Unavailable, match="deadline"):
            origin.call(release.wait)
    with pytest.raises(origin_module.Unavailable, match="places"):
        origin.call(release.wait)
    release.set()


def test_the_callers_own_mistakes_are_passed_on_and_do_not_trip_the_breaker() -> None:
    """Ten bad requests are not an outage."""
    origin_module = module("origin")
    breaker = sys.modules["breaker"].Breaker()
    origin = origin_module.Origin(breaker, lambda error: isinstance(error, OSError))
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            origin.call(lambda: 1 / 0)
    assert breaker.state == "closed"
    assert origin.call(lambda x: x + 1, x=1) == 2
