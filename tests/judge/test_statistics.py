"""The intervals are what they say."""

from __future__ import annotations

import math

import pytest

from chaoskit.chance import stream
from chaoskit.judge.statistics import (
    percentile,
    percentile_interval,
    percentile_samples_needed,
    requests_needed,
    wilson,
)


def test_wilson_against_published_values() -> None:
    """Newcombe 1998, table I: 81 of 263 is 0.2553 to 0.3662; 15 of 148 is 0.0624 to 0.1605; 0 of 20 to 0.1611."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_requests_needed() -> None:
    """99 % needs 381 without a failure, 99.9 % 3,838; one fewer does not do."""
    assert (requests_needed(0.99), requests_needed(0.999)) == (381, 3838)
    assert wilson(381, 381)[0] >= 0.99 > wilson(380, 380)[0]


@pytest.mark.parametrize(("share", "count"), [(0.9, 60), (0.99, 400), (0.5, 25)])
def test_wilson_covers_the_truth_as_often_as_it_says(share: float, count: int) -> None:
    """Over 2,000 seeded samples, at least 93 % (Wilson's coverage oscillates around 95 %)."""
    chance = stream(1, "wilson", str(share))
    covered = 0
    for _ in range(2000):
        low, high = wilson(sum(chance.random() < share for _ in range(count)), count)
        covered += low <= share <= high
    assert covered >= 0.93 * 2000


@pytest.mark.parametrize(("share", "count"), [(0.5, 40), (0.95, 200), (0.99, 800)])
def test_percentile_intervals_cover_the_truth_at_least_as_often_as_they_say(share: float, count: int) -> None:
    """Over 600 seeded samples of a uniform distribution, whose percentile is the share itself."""
    chance = stream(2, "percentile", str(share))
    covered = 0
    for _ in range(600):
        interval = percentile_interval(sorted(chance.random() for _ in range(count)), share)
        covered += interval[0] <= share <= interval[1]
    assert covered >= 0.94 * 600


def test_too_few_samples_have_no_upper_bound() -> None:
    """p99 of 100 samples may lie above all of them; 368 is the least number that rules it out at 97.5 %."""
    assert percentile_interval([float(i) for i in range(100)], 0.99)[1] == math.inf
    needed = percentile_samples_needed(0.99)
    assert needed == 368
    assert percentile_interval([float(i) for i in range(needed)], 0.99)[1] == needed - 1
    assert percentile_interval([float(i) for i in range(needed - 1)], 0.99)[1] == math.inf


def test_a_percentile_is_a_sample_that_was_seen() -> None:
    """Nearest rank: no value is made up between two."""
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0
    assert percentile([7.0], 0.01) == 7.0
