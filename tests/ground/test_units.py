"""Quantities are read strictly, and the errors show the right spelling."""

from __future__ import annotations

import pytest

from chaoskit import units


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("5s", 5), ("2m", 120), ("1h30m", 5400), ("1.5s", 1.5), ("10us", 1e-5)]
)
def test_durations(text: str, seconds: float) -> None:
    """A duration is a number with its unit, or several."""
    assert units.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "says"), [("2", "2s"), ("5 parsecs", "250ms"), ("", "250ms"), ("-1s", "5s")])
def test_wrong_durations_name_a_right_one(text: str, says: str) -> None:
    """A duration without its unit is an error that shows it with one."""
    with pytest.raises(ValueError, match="is not a duration") as error:
        units.duration(text)
    assert says in str(error.value)


@pytest.mark.parametrize(("text", "per_second"), [("50/s", 50), ("6/min", 0.1), ("3600/h", 1)])
def test_rates(text: str, per_second: float) -> None:
    """A rate is per second, minute or hour."""
    assert units.rate(text) == pytest.approx(per_second)


def test_a_bare_rate_is_an_error() -> None:
    """A number is no rate."""
    with pytest.raises(ValueError, match="50/s"):
        units.rate("50")


def test_shares() -> None:
    """A share is a percentage."""
    assert units.share("99.9%") == pytest.approx(0.999)
    with pytest.raises(ValueError, match="99%"):
        units.share("0.99")
    with pytest.raises(ValueError, match="more than"):
        units.share("101%")


def test_sizes() -> None:
    """kB is 1000 bytes, KiB 1024."""
    assert (units.size("64kB"), units.size("1KiB")) == (64_000, 1024)


def test_what_is_below_100_percent_is_never_shown_as_100() -> None:
    """Rounding must not turn a failure into perfection."""
    assert units.show_share(0.9996) == "99.96 %"
    assert units.show_share(1.0) == "100 %"
    assert units.show_share(0.0001) == "0.01 %"
    assert units.show_duration(0.0321) == "32 ms"
    assert units.show_duration(0.0) == "0 s"
