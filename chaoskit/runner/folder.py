"""The run folder: `<runs>/<UTC>-<name>-<4 hex>/`, and finding it again."""

from __future__ import annotations

import re
from pathlib import Path

from chaoskit.chance import new_token
from chaoskit.clock import wall
from chaoskit.errors import StackBroken

DEFAULT_RUNS = Path(".chaoskit") / "runs"


def make_run_folder(runs: Path, name: str) -> Path:
    """A new, empty run folder that git ignores. Raises StackBroken where it cannot be made."""
    safe = re.sub(r"[^A-Za-z0-9._=\[\],-]", "_", name)
    folder = (runs / f"{wall():%Y%m%dT%H%M%SZ}-{safe}-{new_token(4)}").absolute()
    try:
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text("*\n")
    except OSError as error:
        raise StackBroken(f"no run folder can be made in {runs} ({error.strerror}); name another with --out") from None
    return folder
