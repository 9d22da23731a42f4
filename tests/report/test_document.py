"""The `--json` document."""

from __future__ import annotations

import json
from datetime import datetime

import jsonschema
import msgspec
import pytest

from chaoskit.report.document import document_schema, make_document
from chaoskit.report.summary import RunSummary
from tests.report.build import READS, never, run, share, verdict

RUNS = {
    "passed": run(verdict=verdict("passed", share(0.9985))),
    "failed": run("failed", verdict=verdict("failed", share(0.12, "failed"), never())),
    "undecided": run("inconclusive", verdict=verdict("inconclusive", share(None, "inconclusive", 0))),
    "broken": run("broken", error="the emulator did not start"),
}


@pytest.mark.parametrize("ended", RUNS.values(), ids=RUNS)
def test_the_document_satisfies_its_published_schema(ended: RunSummary) -> None:
    """Whatever the end."""
    document = json.loads(msgspec.json.encode(make_document([ended], 0)))
    jsonschema.validate(document, document_schema(), cls=jsonschema.Draft202012Validator)


def test_the_document_of_no_run_names_the_problems() -> None:
    """A wrong file is told in the same form."""
    document = json.loads(msgspec.json.encode(make_document([], 2, ["a.yaml:3:1: unknown key"])))
    jsonschema.validate(document, document_schema())
    assert (document["schema"], document["exit"], document["runs"]) == (1, 2, [])
    assert document["problems"] == ["a.yaml:3:1: unknown key"]


def test_shares_are_0_to_1_durations_seconds_and_times_iso_8601() -> None:
    """As values, not as text for people."""
    document = json.loads(msgspec.json.encode(make_document([RUNS["passed"]], 0)))
    (told,) = document["runs"]
    assert (told["verdict"], told["expected"]) == ("passed", True)
    (slo,) = told["slos"]
    assert (slo["slo"], slo["value"], slo["confidence"], slo["samples"]) == (READS, 0.9985, 0.95, 1350)
    assert told["run"]["wall"] == 52.3
    assert datetime.fromisoformat(told["run"]["started"]).tzinfo is not None


def test_a_fault_is_told_with_its_evidence() -> None:
    """What, of what, how often."""
    document = json.loads(msgspec.json.encode(make_document([RUNS["failed"]], 1)))
    (fault,) = document["runs"][0]["faults"]
    assert (fault["fault"], fault["of"], fault["evidence"]) == ("dns.nodata", "dynamodb", 412)


def test_a_run_without_a_verdict_tells_its_error_as_the_reason() -> None:
    """And judges nothing."""
    document = json.loads(msgspec.json.encode(make_document([RUNS["broken"]], 5)))
    (told,) = document["runs"]
    assert (told["verdict"], told["reasons"], told["slos"]) == ("broken", ["the emulator did not start"], [])
