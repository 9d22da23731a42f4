"""A target's `setup`: its own commands, outside the sandbox, once per digest of its folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaoskit import kernel
from chaoskit.errors import SetupFailed
from chaoskit.experiment.models import Target

SKIPPED = {".venv", ".chaoskit", "__pycache__", "node_modules", ".git"}
"""What setup makes, or what does not change what it makes."""
OUTPUT_SHOWN = 2000


def run_setup(target: Target) -> None:
    """Run the target's setup commands unless they have succeeded for exactly this folder. Raises SetupFailed.

    Two runs at once do it once: the second waits on a lock file. The stamp is `.chaoskit/setup` in the folder."""
    if not target.setup:
        return
    state = target.folder / ".chaoskit"
    try:
        state.mkdir(exist_ok=True)
        with _locked(state / "lock"):
            _run_once(target, state / "setup")
    except OSError as error:
        raise SetupFailed(f"the setup of {target.name} needs to write in {target.folder}: {error.strerror}") from None


def _run_once(target: Target, stamp: Path) -> None:
    digest = folder_digest(target)
    if stamp.exists() and stamp.read_text() == digest:
        return
    stamp.unlink(missing_ok=True)
    for command in target.setup:
        _run(target, command)
    stamp.write_text(digest)


def _run(target: Target, command: tuple[str, ...]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=target.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            preexec_fn=_die_with_us,
        )
    except OSError as error:
        raise SetupFailed(f"setup of {target.name}: {command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        output = done.stdout[-OUTPUT_SHOWN:].decode(errors="replace")
        raise SetupFailed(f"setup of {target.name}: {' '.join(command)} ended with {done.returncode}:\n{output}")


def _die_with_us() -> None:
    """A setup must not outlive a killed run. Between fork and exec: one call into the kernel, no lock is taken."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)


def folder_digest(target: Target) -> str:
    """SHA-256 of the names and contents of the folder, and of the setup commands."""
    digest = hashlib.sha256(repr(target.setup).encode())
    for path in _files(target.folder):
        digest.update(str(path.relative_to(target.folder)).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        yield from (Path(root) / name for name in sorted(names) if not name.endswith(".pyc"))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
