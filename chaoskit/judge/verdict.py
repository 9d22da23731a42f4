"""What the judge says: values only."""

from __future__ import annotations

from typing import Literal

import msgspec

Word = Literal["passed", "failed", "inconclusive", "void"]
"""The judged ends of a run."""
Answer = Literal["passed", "failed", "inconclusive"]


class Judged(msgspec.Struct, frozen=True):
    """One condition, judged. Values are in the measure's unit (shares 0 to 1, seconds, counts, ratios).

    value None: there was nothing to measure, or (time_to_recover) it never happened.
    low, high: the interval at `confidence`; None where the value is exact or a point value.
    """

    slo: str
    verdict: Answer
    unit: str
    value: float | None
    low: float | None
    high: float | None
    confidence: float | None
    samples: int
    why: str
    """One sentence for a person: what was measured against what, or what is missing and how much would settle it."""


class FaultEvidence(msgspec.Struct, frozen=True):
    """What a fault touched while it was active."""

    id: str
    fault: str
    of: str
    injected: bool
    evidence: int
    """Queries, SYNs, chunks … counted at the point of injection; 0 makes the run inconclusive."""
    detail: str
    """For a person: e.g. `412 queries answered without an address; 9 connections drained, 8 opened`."""


class Verdict(msgspec.Struct, frozen=True):
    """The end of a run, and why."""

    word: Word
    reasons: tuple[str, ...]
    """Whole sentences, the most important first; never empty."""
    slos: tuple[Judged, ...]
    gate: tuple[Judged, ...]
    faults: tuple[FaultEvidence, ...]
    findings: tuple[str, ...] = ()
    """Things seen that no SLO asks about, e.g. the generator's lateness, the target's crash."""
