"""Runs to report on."""

from __future__ import annotations

from chaoskit.judge.verdict import Answer, FaultEvidence, Judged, Verdict, Word
from chaoskit.report.summary import RunSummary

READS = "success_rate of reads >= 99% during outage"
RECOVER = "time_to_recover <= 5s"


def share(value: float | None, verdict: Answer = "passed", samples: int = 1350) -> Judged:
    low, high = (None, None) if value is None else (max(0.0, value - 0.003), min(1.0, value + 0.002))
    return Judged(READS, verdict, "share", value, low, high, 0.95, samples, "a sentence")


def never() -> Judged:
    return Judged(RECOVER, "failed", "seconds", None, None, None, None, 15, "it did not come back")


def verdict(word: Word, *slos: Judged) -> Verdict:
    fault = FaultEvidence("outage.1:dns.nodata", "dns.nodata", "dynamodb", True, 412, "412 queries without an address")
    return Verdict(word, (f"the run {word}",), slos, (), (fault,), ("the target crashed once",))


def run(end: str = "passed", app: str = "billing-resilient", **changes: object) -> RunSummary:
    values: dict[str, object] = {
        "name": f"blank-record[app={app}]", "title": "Blank record", "end": end, "expected": "passed",
        "met": end == "passed", "verdict": None, "error": "", "folder": "/tmp/runs/20251020-blank-record-1a2b",
        "seed": 7, "started": "2025-10-20T06:48:00+00:00", "wall": 52.3, "ready": 1.2, "digest": "sha256:00",
        "stack": "embedded",
    }  # fmt: skip
    return RunSummary(**(values | changes))  # type: ignore[arg-type]
