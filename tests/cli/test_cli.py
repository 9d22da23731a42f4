"""The command line: commands, exit codes, errors without tracebacks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

from chaoskit.cli import EXIT_CODES, cli
from chaoskit.faults import FAULTS
from chaoskit.judge.verdict import FaultEvidence, Judged, Verdict
from chaoskit.report.document import document_schema, make_document
from chaoskit.report.summary import RunSummary
from chaoskit.report.terminal import side_by_side, summary
from tests.whole.harness import experiment

ROOT = Path(__file__).parents[2]
BLANK = str(ROOT / "experiments" / "dynamodb-dns-blank.yaml")


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_help_names_every_command_and_exit_code() -> None:
    """In `--help`, too."""
    code, text = call("--help")
    assert code == 0
    for name in ("run", "validate", "plan", "faults", "schema", "doctor"):
        assert f"  {name}" in text
    for line in EXIT_CODES.splitlines()[2:]:
        assert line.strip().split("  ")[0] in text
    assert "130" in text


def test_validate_and_plan_touch_nothing(tmp_path: Path) -> None:
    """They say what is there."""
    assert call("validate", BLANK) == (0, f"{BLANK}: valid, 2 runs\n")
    code, text = call("plan", BLANK, "--seed", "7", "--set", "app=billing-naive")
    assert code == 0
    assert "seed 7" in text
    assert "inject dns.nodata of dynamodb" in text
    assert "billing-resilient" not in text


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_a_wrong_file_is_exit_code_2_with_its_place(tmp_path: Path, command: str) -> None:
    """Never a traceback."""
    path = experiment(tmp_path, lod={})
    code, text = call(command, str(path))
    assert code == 2
    assert f"{path}:" in text
    assert "did you mean load?" in text
    assert "Traceback" not in text


def test_problems_of_several_files_come_together(tmp_path: Path) -> None:
    """One go, all files."""
    code, text = call("validate", str(tmp_path / "a.yaml"), BLANK, str(tmp_path / "b.yaml"))
    assert code == 2
    assert "a.yaml" in text
    assert "b.yaml" in text


def test_with_json_a_wrong_file_is_a_document_too(tmp_path: Path) -> None:
    """Always one document on stdout."""
    code, text = call("run", "--json", str(experiment(tmp_path, lod={})))
    document = json.loads(text)
    assert (code, document["exit"], document["runs"]) == (2, 2, [])
    assert "unknown key 'lod'" in document["problems"][0]


def test_a_set_without_its_value_is_told() -> None:
    """With the right spelling."""
    code, text = call("validate", BLANK, "--set", "app")
    assert code == 2
    assert "NAME=VALUE" in text


def test_faults_are_listed_and_explained() -> None:
    """Each with parameters, what a client sees, evidence, and an example that loads."""
    code, text = call("faults")
    assert code == 0
    for kind in FAULTS:
        assert kind in text
        explained = call("faults", kind)[1]
        assert "a client sees" in explained
        assert "evidence" in explained
        assert f"fault: {kind}" in explained
    assert call("faults", "dns.nodta") == (2, "chaoskit: no fault 'dns.nodta'; did you mean dns.nodata?\n")


@pytest.mark.parametrize("kind", FAULTS)
def test_the_examples_of_the_catalogue_load(tmp_path: Path, kind: str) -> None:
    """What one copies works."""
    path = tmp_path / "x.yaml"
    path.write_text(
        "title: t\ntarget: {command: [x], port: 80}\ndependencies:\n  dynamodb: {aws: dynamodb, region: us-east-1}\n"
        'load: {reads: {rate: 9/s, requests: ["GET /"]}}\nphases:\n  - {phase: a, for: 9s}\n  - phase: b\n    for: 9s\n'
        f"    faults:\n      - {FAULTS[kind].example}\n"
    )
    assert call("validate", str(path))[0] == 0, call("validate", str(path))[1]


def test_the_schema_is_json_schema() -> None:
    """2020-12, and valid as such."""
    jsonschema.Draft202012Validator.check_schema(json.loads(call("schema")[1]))


def test_doctor_speaks_of_everything() -> None:
    """And says whether the embedded stack can run."""
    code, text = call("doctor")
    assert "namespaces" in text
    assert "Docker" in text
    assert (code == 0) == ("the embedded stack can run here" in text)


def test_importing_and_helping_load_nothing_heavy() -> None:
    """pydantic, botocore, rich and the rest wait until a command needs them."""
    heavy = {"pydantic", "botocore", "rich", "moto", "requests", "docker", "cryptography", "sqlite3", "uvloop", "yaml"}
    code = "import sys; from chaoskit.cli import cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)


# ---------------------------------------------------------------- what is printed

SLOS = (
    Judged("success_rate of reads >= 99% during outage", "failed", "share", 0.9996, 0.8, 0.99999, 0.95, 500, "why"),
    Judged("latency p95 of reads <= 300ms during outage", "failed", "seconds", None, 0.01, None, 0.95, 500, "why"),
    Judged("time_to_recover <= 5s", "failed", "seconds", None, None, None, None, 500, "it did not come back"),
    Judged("lost of writes == 0", "inconclusive", "count", None, None, None, None, 0, "why"),
)
VERDICT = Verdict(
    "failed", ("it broke",), SLOS, (), (FaultEvidence("a.1:dns.nodata", "dns.nodata", "db", True, 7, "7 queries"),)
)
RUN = RunSummary(
    "x[app=naive]", "t", "failed", "failed", True, VERDICT, "", "runs/x", 7, "2026-01-01T00:00:00+00:00", 9.0, 1.0, "d", "e"
)  # fmt: skip


def text_of(renderable: object) -> str:
    import io

    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=80, no_color=True).print(renderable, markup=False, highlight=False)
    return out.getvalue()


def test_the_summary_says_it_in_words_at_80_columns() -> None:
    """Verdict, reason, values that are never rounded up to 100 %, what never happened, evidence, seed, folder."""
    text = text_of(summary(RUN))
    assert all(len(line) <= 80 for line in text.splitlines())
    for words in (
        "FAILED",
        "as its file expects",
        "It broke.",
        "99.96 %",
        "never",
        "no answer",
        "no data",
        "7 queries",
    ):
        assert words in text
    assert "seed 7" in text
    assert "runs/x" in text


def test_side_by_side_has_a_column_per_run() -> None:
    """Verdicts, expectations and every SLO."""
    other = msgspec.structs.replace(RUN, name="x[app=resilient]", end="broken", verdict=None, met=False, error="oh")
    text = text_of(side_by_side([RUN, other]))
    for words in ("naive", "resilient", "failed", "broken", "not judged", "no, failed"):
        assert words in text


def test_the_document_satisfies_its_schema() -> None:
    """Published by the structs themselves; no infinity, no NaN."""
    document = json.loads(msgspec.json.encode(make_document([RUN], 0)))
    jsonschema.validate(document, document_schema())
    assert document["runs"][0]["slos"][0]["value"] == 0.9996
    assert (document["runs"][0]["expected"], document["runs"][0]["faults"][0]["evidence"]) == (True, 7)
