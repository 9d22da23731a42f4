from __future__ import annotations

import threading

from retry import RetryBudget, full_jitter


def test_retries_are_at_most_a_tenth_of_the_successes_once_the_first_tokens_are_spent() -> None:
    budget = RetryBudget(ratio=0.1, most=10)
    assert sum(budget.spend() for _ in range(100)) == 10
    for _ in range(55):
        budget.earn()
    assert sum(budget.spend() for _ in range(100)) == 5


def test_a_long_calm_does_not_save_up_a_storm() -> None:
    budget = RetryBudget(ratio=0.1, most=10)
    for _ in range(100_000):
        budget.earn()
    assert sum(budget.spend() for _ in range(100)) == 10


def test_concurrent_callers_do_not_spend_a_token_twice() -> None:
    budget, spent = RetryBudget(ratio=0.1, most=50), []
    threads = [threading.Thread(target=lambda: spent.append(budget.spend())) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert spent.count(True) == 50


def test_jitter_is_spread_over_all_of_a_growing_range_up_to_the_cap() -> None:
    for attempt, most in ((0, 0.02), (1, 0.04), (2, 0.08), (10, 0.2), (1000, 0.2)):
        pauses = [full_jitter(attempt) for _ in range(2000)]
        assert 0 <= min(pauses) < 0.1 * most
        assert 0.9 * most < max(pauses) <= most
