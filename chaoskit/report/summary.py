"""What a report says of one run: values only."""

from __future__ import annotations

import msgspec

from chaoskit.judge.verdict import Verdict


class RunSummary(msgspec.Struct, frozen=True):
    """One run, ended. `end`: the verdict's word, or broken, dirty, stopped. Times in seconds, `started` ISO 8601."""

    name: str
    title: str
    end: str
    expected: str
    met: bool
    verdict: Verdict | None
    error: str
    folder: str
    seed: int
    started: str
    wall: float
    ready: float
    digest: str
    stack: str
    notes: tuple[str, ...] = ()
