"""The grammar of conditions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaoskit.experiment.conditions import Address, Condition, ConditionError, parse
from chaoskit.measures import MEASURES


def test_a_share() -> None:
    """Measure, address, comparison, bound, phases."""
    text = "success_rate of reads, writes  >= 99.5% during outage, recovery"
    assert parse(text) == Condition(
        "success_rate of reads, writes >= 99.5% during outage, recovery",
        "success_rate",
        "",
        (Address("reads"), Address("writes")),
        ">=",
        0.995,
        False,
        ("outage", "recovery"),
    )


@pytest.mark.parametrize(
    ("text", "stat", "bound", "relative"),
    [
        ("latency p99 <= 250ms", "p99", 0.25, False),
        ("latency p99.9 of reads < 1m30s", "p99.9", 90.0, False),
        ("latency mean <= 1.5x baseline", "mean", 1.5, True),
        ("latency max <= 2 x baseline during outage", "max", 2.0, True),
    ],
)
def test_timings(text: str, stat: str, bound: float, relative: bool) -> None:
    """A statistic is required; the bound is a duration, or a multiple of the baseline."""
    found = parse(text)
    assert (found.stat, found.bound, found.relative) == (stat, pytest.approx(bound), relative)


def test_the_others() -> None:
    """Ratios and counts are bare numbers; time_to_recover is of the whole run; an address may be an operation."""
    assert parse("amplification of dynamodb.GetItem <= 1.5").of == (Address("dynamodb", "GetItem"),)
    assert parse("lost of writes == 0").bound == 0
    assert parse("time_to_recover <= 5s").of == ()


@pytest.mark.parametrize(
    ("text", "offset", "says", "hint"),
    [
        ("sucess_rate >= 99%", 0, "no measure", "did you mean success_rate?"),
        ("success_rate >= 0.99", 16, "99%", ""),
        ("success_rate >= 101%", 16, "more than 100%", ""),
        ("success_rate p99 >= 99%", 13, "takes no statistic", "leave p99 out"),
        ("success_rate => 99%", 13, "no comparison", "write >="),
        ("success_rate 99%", 13, "before the comparison", ""),
        ("success_rate", 12, "comparison is missing", ""),
        ("success_rate >=", 15, "a bound must follow", "99%"),
        ("success_rate >= 99% durng x", 20, "after the condition", "did you mean during?"),
        ("success_rate >= 99% over 10s", 20, "after the condition", ""),
        ("success_rate >= 99% of reads", 20, "after the condition", "before the comparison"),
        ("success_rate >= 99% during", 26, "a phase must follow", ""),
        ("success_rate of >= 99%", 16, "must follow 'of'", ""),
        ("success_rate of a, a >= 99%", 19, "twice", ""),
        ("success_rate of a. >= 99%", 16, "no address", ""),
        ("latency <= 1s", 8, "needs a statistic", "write latency p99 <= 1s"),
        ("latency p100 <= 1s", 8, "no percentile", ""),
        ("latency p99 <= 1", 15, "1s", ""),
        ("latency p99 <= 2x", 17, "of what?", "2x baseline"),
        ("latency p99 <= 2x basline", 18, "not expected", "write 2x baseline"),
        ("amplification <= 1.5", 0, "needs an `of`", ""),
        ("amplification of d <= 1.5x", 22, "already over the baseline", "write 1.5"),
        ("lost of w <= 2x baseline", 13, "no baseline", ""),
        ("lost of w == 1.5", 13, "not a count", ""),
        ("lost of w == 1%", 13, "not a count", ""),
        ("time_to_recover of x <= 1s", 16, "whole run", ""),
        ("throughput >= 50/s", 0, "no measure", "there is: success_rate"),
        ("", 0, "begins with a measure", ""),
        (">= 1", 0, "begins with a measure", ""),
        ("x" * 600, 0, "more than 500", ""),
    ],
)
def test_errors_point_at_their_place(text: str, offset: int, says: str, hint: str) -> None:
    """With the right spelling, where there is one."""
    with pytest.raises(ConditionError) as error:
        parse(text)
    assert (error.value.offset, says in error.value.message) == (offset, True), error.value
    assert hint in error.value.hint


WORDS = [
    *MEASURES,
    "of",
    "during",
    "p99",
    "mean",
    ",",
    "<=",
    ">=",
    "==",
    "=",
    "2x",
    "x",
    "baseline",
    "99%",
    "1s",
    "0",
    "a",
    "a.B",
]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=60))
def test_any_text_is_a_condition_or_an_error_within_it(text: str) -> None:
    """Never another exception; what parses, parses again from its own text to the same."""
    try:
        found = parse(text)
    except ConditionError as error:
        assert 0 <= error.offset <= len(text)
    else:
        assert parse(found.text) == found
