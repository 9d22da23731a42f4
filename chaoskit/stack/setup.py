"""A target's `setup`: its own commands, outside the sandbox, once per digest of its folder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaoskit import kernel
from chaoskit.clock import RunClock
from chaoskit.errors import SetupFailed
from chaoskit.experiment.models import Target
from chaoskit.stack.base import Check

MADE = (".venv", "node_modules")
"""What setup usually makes: it runs again when one that it made is gone."""
SKIPPED = {*MADE, ".chaoskit", "__pycache__", ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
"""What setup makes, or what does not change what it makes."""
OUTPUT_SHOWN = 2000
POLL = 0.1
"""Seconds between two looks at whether the user has had enough."""


def run_setup(target: Target, check: Check = lambda: None) -> None:
    """Run the target's setup commands unless they have succeeded for exactly this folder. Raises SetupFailed.

    Two runs at once do it once: the second waits on a lock file. The stamp is `.chaoskit/setup.json` in the folder.
    check: called while waiting; may raise to end it, and the commands with it.
    """
    if not target.setup:
        return
    state = target.folder / ".chaoskit"
    try:
        state.mkdir(exist_ok=True)
        (state / ".gitignore").write_text("*\n")
        with _locked(state / "lock", check):
            _run_once(target, state / "setup.json", check)
    except OSError as error:
        raise SetupFailed(f"the setup of {target.name} needs to write in {target.folder}: {error.strerror}") from None


def _run_once(target: Target, stamp: Path, check: Check) -> None:
    digest = folder_digest(target)
    if stamp.exists() and _holds(stamp, digest, target.folder):
        return
    stamp.unlink(missing_ok=True)
    for command in target.setup:
        _run(target, command, check)
    made = [name for name in MADE if (target.folder / name).exists()]
    stamp.write_text(json.dumps({"digest": digest, "made": made}))


def _holds(stamp: Path, digest: str, folder: Path) -> bool:
    try:
        known = json.loads(stamp.read_text())
        return bool(known["digest"] == digest) and all((folder / name).exists() for name in known["made"])
    except (ValueError, KeyError, TypeError):
        return False  # cut off, or somebody else's


def _run(target: Target, command: tuple[str, ...], check: Check) -> None:
    try:
        process = subprocess.Popen(
            command,
            cwd=target.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us to act on, by `check`
            preexec_fn=_die_with_us,  # noqa: PLW1509 - see there
        )
    except OSError as error:
        raise SetupFailed(f"setup of {target.name}: {command[0]}: {error.strerror}") from None
    output = _finish(process, check)[-OUTPUT_SHOWN:].decode(errors="replace")
    if process.returncode != 0:
        raise SetupFailed(f"setup of {target.name}: {' '.join(command)} ended with {process.returncode}:\n{output}")


def _finish(process: subprocess.Popen[bytes], check: Check) -> bytes:
    """The output of a command once it has ended; when `check` raises, its whole session is killed."""
    try:
        while True:
            check()
            try:
                return process.communicate(timeout=POLL)[0]
            except subprocess.TimeoutExpired:
                pass
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _die_with_us() -> None:
    """A setup must not outlive a killed run. Between fork and exec: one call into the kernel, no lock is taken."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def folder_digest(target: Target) -> str:
    """SHA-256 of the names and contents of the folder's files, and of the setup commands."""
    digest = hashlib.sha256(repr(target.setup).encode())
    for path in _files(target.folder):
        digest.update(os.fsencode(path.relative_to(target.folder)) + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Regular files, and links to them: a pipe would block its reader, a dangling link has no content."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.endswith(".egg-info"))
        paths = (Path(root) / name for name in sorted(names) if not name.endswith(".pyc"))
        yield from (path for path in paths if path.is_file())


@contextmanager
def _locked(path: Path, check: Check) -> Iterator[None]:
    clock = RunClock()
    with path.open("w") as lock:
        while True:
            check()
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                clock.sleep(POLL)
        yield
