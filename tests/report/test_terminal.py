"""What a terminal shows at the end, at 80 columns and without colour."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console, RenderableType

from chaoskit.report.terminal import STYLES, side_by_side, summary
from tests.report.build import never, run, share, verdict


def text(shown: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, no_color=True, force_terminal=False)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def words(shown: RenderableType, width: int = 80) -> str:
    """The text, with wrapped lines joined."""
    return " ".join(text(shown, width).split())


def test_a_summary_says_the_end_why_how_much_and_where() -> None:
    """Verdict word, reason, value with its interval, evidence, findings, seed, folder."""
    shown = words(summary(run("failed", verdict=verdict("failed", share(0.12, "failed"), never()))))
    assert shown.startswith("FAILED blank-record[app=billing-resilient]")
    for fact in ("The run failed.", "12 %", "11.7 % – 12.2 %", "412 queries", "crashed once", "seed 7", "never"):
        assert fact in shown
    assert "/tmp/runs/20251020-blank-record-1a2b" in shown


def test_less_than_all_is_never_shown_as_100_percent() -> None:
    """One failure of a hundred thousand is seen, in the value and in the interval."""
    almost = msgspec.structs.replace(share(0.99999), low=0.9999, high=0.99999)
    assert "100 %" not in words(summary(run(verdict=verdict("passed", almost))))


@pytest.mark.parametrize("end", sorted(STYLES))
def test_every_end_is_said_in_words_without_colour(end: str) -> None:
    """NO_COLOR loses nothing."""
    shown = text(summary(run(end, error="the reason")))
    assert shown.startswith(end.upper())
    assert "\x1b" not in shown
    assert "the reason" in shown


def test_an_expected_failure_is_told_from_an_unexpected_one() -> None:
    """The word is the same; the expectation is not."""
    failed = verdict("failed", share(0.12, "failed"))
    assert "as its file expects" in words(summary(run("failed", expected="failed", met=True, verdict=failed)))
    assert "its file expects passed" in words(summary(run("failed", verdict=failed)))


def test_nothing_measured_is_no_number() -> None:
    """No data is said so, and is not a zero."""
    shown = words(summary(run("inconclusive", verdict=verdict("inconclusive", share(None, "inconclusive", 0)))))
    assert "no data" in shown


def test_runs_side_by_side_show_the_apps_their_ends_and_each_slo() -> None:
    """One column each; an unjudged run has its column too."""
    runs = [
        run("failed", "billing-naive", expected="failed", met=True, verdict=verdict("failed", share(0.12, "failed"))),
        run("passed", verdict=verdict("passed", share(0.997))),
        run("broken", "billing-odd", error="no port"),
    ]
    shown = text(side_by_side(runs), 100)
    for fact in ("billing-naive", "billing-resilient", "12 %", "99.7 %", "broken", "not judged", "no, passed"):
        assert fact in " ".join(shown.split())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Long names and folders wrap."""
    ended = run(verdict=verdict("passed", share(0.9985)), folder="/tmp/" + "x" * 150)
    for shown in (summary(ended), side_by_side([ended, ended])):
        assert max(len(line) for line in text(shown, width).splitlines()) <= width
