"""The grammar of conditions."""

from __future__ import annotations

import pytest

from chaoskit.experiment.conditions import Address, ConditionError, parse

GOOD = {
    "success_rate >= 99%": ("success_rate", "", (), ">=", 0.99, False, ()),
    "success_rate of reads, writes >= 99.9% during a, b": (
        "success_rate", "", (Address("reads"), Address("writes")), ">=", 0.999, False, ("a", "b")
    ),
    "latency p99.9 of reads <= 250ms": ("latency", "p99.9", (Address("reads"),), "<=", 0.25, False, ()),
    "latency mean < 1m": ("latency", "mean", (), "<", 60, False, ()),
    "latency p95 <= 2x baseline during outage": ("latency", "p95", (), "<=", 2, True, ("outage",)),
    "amplification of dynamodb.GetItem <= 1.5": (
        "amplification", "", (Address("dynamodb", "GetItem"),), "<=", 1.5, False, ()
    ),
    "lost of writes == 0": ("lost", "", (Address("writes"),), "==", 0, False, ()),
    "time_to_recover<=5s": ("time_to_recover", "", (), "<=", 5, False, ()),
}  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_right_conditions(text: str) -> None:
    """Values are in the measure's unit."""
    c = parse(text)
    assert (c.measure, c.stat, c.of, c.op, c.bound, c.relative, c.during) == GOOD[text]
    assert c.text == text


WRONG = {
    "latency <= 1s": (8, "needs a statistic", "latency p99"),
    "latency p100 <= 1s": (8, "no percentile", ""),
    "success_rate p99 >= 1%": (13, "takes no statistic", ""),
    "succes_rate >= 99%": (0, "is no measure", "success_rate"),
    "throughput >= 50/s": (0, "is no measure", ""),
    "success_rate >= 0.99": (16, "99%", ""),
    "success_rate >= 120%": (16, "more than 100%", ""),
    "latency p99 <= 5": (15, "5s", ""),
    "lost == 0": (5, "needs an `of`", ""),
    "lost of writes == half": (18, "whole number", ""),
    "success_rate = 99%": (13, "comparison", "=="),
    "success_rate >= 99% during": (26, "missing", ""),
    "success_rate >= 99% during A": (27, "no phase's name", ""),
    "success_rate >= 99% over 10s": (20, "too much here", ""),
    "success_rate of >= 99%": (16, "no name", ""),
    "time_to_recover of reads <= 5s": (16, "takes no `of`", ""),
    "lost of writes <= 2x baseline": (18, "no baseline", ""),
    "": (0, "is no measure", ""),
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_conditions_are_pointed_at(text: str) -> None:
    """Offset, message, and what would be right."""
    offset, message, hint = WRONG[text]
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.offset == offset
