"""The `--json` document: one, whatever happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from chaoskit.judge.verdict import Judged
from chaoskit.report.summary import RunSummary

SCHEMA = 1


class FaultDocument(msgspec.Struct, frozen=True):
    """A fault and its evidence."""

    fault: str
    of: str
    evidence: int
    injected: bool
    detail: str


class RunFacts(msgspec.Struct, frozen=True):
    """Where and how it ran. Durations are seconds."""

    folder: str
    seed: int
    stack: str
    digest: str
    started: str
    wall: float
    ready: float
    notes: tuple[str, ...]


class RunDocument(msgspec.Struct, frozen=True):
    """One run. `verdict`: passed, failed, inconclusive, void, broken, dirty or stopped."""

    name: str
    verdict: str
    reasons: tuple[str, ...]
    expected: bool
    slos: tuple[Judged, ...]
    steady: tuple[Judged, ...]
    faults: tuple[FaultDocument, ...]
    findings: tuple[str, ...]
    run: RunFacts


class Document(msgspec.Struct, frozen=True):
    """All of a command's runs. `exit`: its exit code."""

    schema: int
    exit: int
    runs: tuple[RunDocument, ...]
    problems: tuple[str, ...] = ()
    """Errors that kept runs from beginning (a wrong file)."""


def make_document(runs: Sequence[RunSummary], exit_code: int, problems: Sequence[str] = ()) -> Document:
    """The document of some runs."""
    return Document(SCHEMA, exit_code, tuple(_run(run) for run in runs), tuple(problems))


def document_schema() -> dict[str, Any]:
    """Its JSON Schema."""
    return msgspec.json.schema(Document)


def _run(run: RunSummary) -> RunDocument:
    verdict = run.verdict
    return RunDocument(
        name=run.name,
        verdict=run.end,
        reasons=verdict.reasons if verdict else (run.error,),
        expected=run.met,
        slos=verdict.slos if verdict else (),
        steady=verdict.gate if verdict else (),
        faults=tuple(FaultDocument(f.fault, f.of, f.evidence, f.injected, f.detail) for f in verdict.faults)
        if verdict
        else (),
        findings=verdict.findings if verdict else (),
        run=RunFacts(run.folder, run.seed, run.stack, run.digest, run.started, run.wall, run.ready, run.notes),
    )
