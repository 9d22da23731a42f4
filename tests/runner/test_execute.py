"""A run ends its stack whatever stops it, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoskit.errors import StackBroken
from chaoskit.plan import make_plan
from chaoskit.runner import StopFlag, execute
from chaoskit.stack.embedded.stack import EmbeddedStack
from tests.judge.build import experiment


def test_an_error_of_the_machine_ends_the_stack_and_is_told_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk in mid-run is no missing run folder, and nothing may go on running."""
    closed: list[bool] = []

    def start(_self: EmbeddedStack, _check: object) -> None:
        raise OSError(28, "No space left on device")

    def close(_self: EmbeddedStack) -> tuple[str, ...]:
        closed.append(True)
        return ()

    monkeypatch.setattr(EmbeddedStack, "start", start)
    monkeypatch.setattr(EmbeddedStack, "close", close)
    outcome = execute(make_plan(experiment(), 1), tmp_path, StopFlag(), lambda *_: None)
    assert (outcome.end, outcome.verdict, closed) == ("broken", None, [True])
    assert "No space left on device" in outcome.error


def test_a_run_folder_that_cannot_be_made_is_told_with_its_remedy(tmp_path: Path) -> None:
    """Which folder, why, and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StackBroken, match="--out"):
        execute(make_plan(experiment(), 1), tmp_path / "file" / "runs", StopFlag(), lambda *_: None)
