"""A target's `setup`: when it runs again, and how it is ended."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chaoskit.errors import SetupFailed, Stopped
from chaoskit.experiment.models import Ready, Target
from chaoskit.stack.setup import run_setup
from tests.conftest import wait_until

COUNTED = ("sh", "-c", "mkdir -p .venv; printf x >> ran.pyc")
"""Leaves one letter per run, in a file that does not count."""


def target(folder: Path, *setup: tuple[str, ...]) -> Target:
    return Target("t", folder, ("true",), None, Ready("alive"), setup=setup)


def runs(folder: Path) -> int:
    return len((folder / "ran.pyc").read_text())


def test_it_runs_again_when_what_it_made_is_gone(tmp_path: Path) -> None:
    """Somebody deletes .venv: the stamp does not claim it is there."""
    for expected in (1, 1, 2):
        if expected == 2:
            (tmp_path / ".venv").rmdir()
        run_setup(target(tmp_path, COUNTED))
        assert runs(tmp_path) == expected


def test_a_stamp_that_is_cut_off_is_none(tmp_path: Path) -> None:
    """Killed in mid-write, or written by something else."""
    run_setup(target(tmp_path, COUNTED))
    for text in ("", "{", "[]", "{}"):
        (tmp_path / ".chaoskit" / "setup.json").write_text(text)
        run_setup(target(tmp_path, COUNTED))
    assert runs(tmp_path) == 5


def test_odd_files_do_not_hold_it_up(tmp_path: Path) -> None:
    """A pipe would block its reader; a dangling link and a socket have no content. What tools leave does not count."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/no/such/file")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "s"))
    run_setup(target(tmp_path, COUNTED))
    for folder in ("app.egg-info", ".pytest_cache", "__pycache__"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").touch()
    run_setup(target(tmp_path, COUNTED))
    assert runs(tmp_path) == 1


def test_its_state_is_kept_out_of_git(tmp_path: Path) -> None:
    """As the run folders are."""
    run_setup(target(tmp_path, COUNTED))
    assert (tmp_path / ".chaoskit" / ".gitignore").read_text() == "*\n"


def test_a_stop_ends_it_with_its_children(tmp_path: Path) -> None:
    """Ctrl-C in a long installation: all of its processes go, and it is not taken for done."""
    pids = tmp_path / "pids.pyc"
    slow = ("sh", "-c", "sleep 600 & echo $$ $! > pids.pyc; wait")

    def check() -> None:
        if pids.exists() and len(pids.read_text().split()) == 2:
            raise Stopped("stopped by the user")

    with pytest.raises(Stopped):
        run_setup(target(tmp_path, slow), check)
    wait_until(lambda: not any(_alive(int(pid)) for pid in pids.read_text().split()))
    assert not (tmp_path / ".chaoskit" / "setup.json").exists()


def test_a_stop_ends_the_wait_for_another_run(tmp_path: Path) -> None:
    """The second of two runs is not stuck behind the first."""
    release = threading.Event()
    entered = threading.Event()

    def hold() -> None:
        entered.set()
        release.wait(20)

    first = threading.Thread(target=run_setup, args=(target(tmp_path, ("true",)), _once_locked(hold)))
    first.start()
    assert entered.wait(10)
    looks: list[int] = []

    def check() -> None:
        looks.append(1)
        if len(looks) > 2:
            raise Stopped("stopped by the user")

    with pytest.raises(Stopped):
        run_setup(target(tmp_path, ("true",)), check)
    release.set()
    first.join(10)


def test_a_command_killed_by_a_signal_is_told(tmp_path: Path) -> None:
    """With the signal's number, negative."""
    with pytest.raises(SetupFailed, match=f"ended with {-signal.SIGKILL}"):
        run_setup(target(tmp_path, ("sh", "-c", "kill -9 $$")))


def _once_locked(call: Callable[[], None]) -> Callable[[], None]:
    """A check that acts at its second look: by then the lock is held."""
    looks: list[int] = []

    def check() -> None:
        looks.append(1)
        if len(looks) == 2:
            call()

    return check


def _alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
