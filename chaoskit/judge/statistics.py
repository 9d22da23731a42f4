"""Intervals: Wilson's for shares, order statistics for percentiles. Two-sided, confidence 0.95 by default."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

CONFIDENCE = 0.95


def z(confidence: float = CONFIDENCE) -> float:
    """The standard normal quantile of a two-sided interval: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(good: int, count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval for a share of `good` in `count` (Wilson 1927; Brown, Cai, DasGupta 2001, eq. 4).

    It stays within 0 and 1 and is honest at 0 and at `count` good ones, where the usual ± is not."""
    if count == 0:
        return 0.0, 1.0
    share, zz = good / count, z(confidence) ** 2
    middle = (share + zz / (2 * count)) / (1 + zz / count)
    half = z(confidence) / (1 + zz / count) * math.sqrt(share * (1 - share) / count + zz / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def requests_needed(objective: float, confidence: float = CONFIDENCE) -> int:
    """How many requests, all of them good, put Wilson's lower bound at or above an objective below 1: 381 for 99 %."""
    return requests_to_settle(1.0, objective, confidence)


def requests_to_settle(share: float, objective: float, confidence: float = CONFIDENCE) -> int:
    """How many requests, of which that share is good, put Wilson's interval wholly on one side of an objective between
    0 and 1 that the share is not equal to (the interval inverts the score test, whose error is the objective's)."""
    spread = objective * (1 - objective)
    return math.ceil(z(confidence) ** 2 * spread / (share - objective) ** 2 - 1e-9)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the sorted values do not exceed (nearest rank)."""
    return ordered[max(0, min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1))]


def percentile_interval(ordered: Sequence[float], share: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The order statistics that hold the percentile between them with that confidence, from the binomial
    distribution of how many samples lie below it (Hahn and Meeker 1991, 5.2). With too few samples to have one on
    a side, that side is infinite."""
    low, high = _ranks(len(ordered), share, confidence)
    return (
        ordered[low - 1] if low > 0 else -math.inf,
        ordered[high - 1] if high <= len(ordered) else math.inf,
    )


@lru_cache(maxsize=256)
def _ranks(count: int, share: float, confidence: float) -> tuple[int, int]:
    """1-based ranks (low, high): P(B < low) and P(B >= high) are each at most half of what confidence leaves.

    low may be 0 and high count + 1: no sample is surely below, or above."""
    tail = (1 - confidence) / 2
    # Ten deviations below the mean there is nothing left to sum: a million samples need not be walked through.
    start = max(0, math.floor(count * share - 10 * math.sqrt(count * share * (1 - share)) - 10))
    low, high, below = 0, count + 1, 0.0
    for rank in range(start, count + 1):
        below += _binomial(count, rank, share)  # P(B <= rank)
        if below <= tail:
            low = rank + 1
        if below >= 1 - tail:
            high = rank + 1
            break
    return low, high


def _binomial(count: int, rank: int, share: float) -> float:
    if share in (0.0, 1.0):
        return 1.0 if rank == count * share else 0.0
    chosen = math.lgamma(count + 1) - math.lgamma(rank + 1) - math.lgamma(count - rank + 1)
    return math.exp(chosen + rank * math.log(share) + (count - rank) * math.log1p(-share))


def percentile_samples_needed(share: float, confidence: float = CONFIDENCE) -> int:
    """The fewest samples for which an upper order statistic exists: the largest is above with that confidence."""
    return math.ceil(math.log((1 - confidence) / 2) / math.log(share)) if 0 < share < 1 else 1
