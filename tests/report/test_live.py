"""The live view, one moment at a time."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from chaoskit.report.live import LiveFault, LiveState, frame, plain_line


def state(**changes: object) -> LiveState:
    values: dict[str, object] = {
        "name": "blank-record", "phases": ("baseline", "outage", "recovery"), "phase": "outage", "left": 8.2,
        "until_steady": False, "rate": 49.6, "errors": 3.0, "p99": 0.213,
        "faults": (LiveFault("dns.nodata", "dynamodb", 412),),
    }  # fmt: skip
    return LiveState(**(values | changes))  # type: ignore[arg-type]


def drawn(moment: LiveState, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(frame(moment))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("show", [drawn, plain_line])
def test_a_moment_tells_phase_rate_errors_latency_and_faults(show: object) -> None:
    """On a terminal and in a log alike."""
    assert callable(show)
    shown = show(state())
    for fact in ("blank-record", "outage", "8 s left", "50 answers/s", "3 errors/s", "p99 213 ms", "dns.nodata of"):
        assert fact in shown
    assert "412 touched" in shown


def test_all_phases_are_named() -> None:
    """Where the run is among what is still to come."""
    assert all(phase in drawn(state()) for phase in ("baseline", "outage", "recovery"))


def test_a_recovery_may_end_early_and_says_so() -> None:
    """`until: steady`: the time left is the longest it may take."""
    assert "at most 8 s left" in plain_line(state(until_steady=True))


def test_without_requests_there_is_no_latency_and_time_is_never_negative() -> None:
    """The last moment of a phase may be late."""
    shown = plain_line(state(p99=None, left=-0.4, faults=()))
    assert "p99" not in shown
    assert "0 s left" in shown
    assert "-0" not in shown


def test_a_log_line_is_one_line() -> None:
    """Whatever is active."""
    assert "\n" not in plain_line(state(faults=(LiveFault("a", "b", 1), LiveFault("c", "d", 2))))
