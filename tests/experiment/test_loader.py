"""A whole file as values: rows, vars from outside, targets, faults that go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoskit.errors import FileProblems
from chaoskit.experiment.loader import load
from chaoskit.experiment.models import AwsDependency, Ready, TcpDependency
from chaoskit.faults.dns import DnsNodata
from chaoskit.faults.net import NetLatency
from chaoskit.wire import AwsRequest, HttpRequest
from tests.experiment.sample import SAMPLE, Folder

INLINE = "target: {command: [python, app.py], port: 8080}"
MATRIX = SAMPLE[SAMPLE.index("matrix:") : SAMPLE.index("target:")]


def test_the_sample_means_what_it_says(folder: Folder) -> None:
    """Every section of the design's example."""
    naive, resilient = folder.load().experiments
    assert (naive.name, naive.expect, naive.target.name) == ("sample[app=naive]", "failed", "naive")
    assert (resilient.name, resilient.expect) == ("sample[app=resilient]", "passed")
    assert naive.digest != resilient.digest
    aws, tcp = naive.dependencies
    assert isinstance(aws, AwsDependency)
    assert (aws.region, aws.ttl, aws.tables[0].items) == ("us-east-1", 5.0, ({"id": "1", "amount": 3}, {"id": "2"}))
    assert tcp == TcpDependency("sessions", "redis", 6379, "127.0.0.1:6379", 5.0)
    reads, writes = naive.load
    assert (reads.rate, reads.timeout, writes.timeout) == (45.0, 2.0, 10.0)
    assert reads.items[0].request == HttpRequest("GET", "/invoices/${1..40}")
    effect = writes.items[0].effect
    assert effect is not None
    assert effect.within == 10.0
    assert isinstance(effect.check, AwsRequest)
    assert effect.check.arguments == {"TableName": "invoices", "Key": {"id": {"S": "${uuid}"}}}
    assert effect.check.expect.json == {"Item": "present"}
    assert (naive.warmup, [phase.length for phase in naive.phases]) == (2.0, [10.0, 15.0, 15.0])
    assert [placed.id for placed in naive.phases[1].faults] == ["outage.1:dns.nodata", "outage.2:net.latency"]
    assert [placed.fault for placed in naive.phases[1].faults] == [DnsNodata(), NetLatency(latency=0.2, jitter=0.05)]
    assert naive.phases[2].until_steady
    assert len(naive.slos) == 5


def test_defaults(folder: Folder) -> None:
    """The least that a file must say."""
    text = (
        f"title: x\n{INLINE}\nload: {{reads: {{rate: 5/s, requests: [GET /]}}}}\nphases: [{{phase: all, for: 10s}}]\n"
    )
    (experiment,) = folder.load(text).experiments
    assert (experiment.name, experiment.expect, experiment.warmup) == ("sample", "passed", 2.0)
    assert [condition.text for condition in experiment.steady] == ["success_rate >= 99%"]
    assert (experiment.target.name, experiment.target.folder) == ("target", folder.path.parent)
    assert experiment.target.ready == Ready("tcp")


def test_an_identical_fault_goes_on(folder: Folder) -> None:
    """It keeps the id of the phase it began in, for as long as phases follow each other; otherwise it is another."""
    fault = "faults: [{fault: net.down, of: sessions}, {fault: dns.drop, of: dynamodb}]"
    later = "faults: [{fault: dns.drop, of: dynamodb}]"
    phases = [
        f"  - {{phase: p{n}, for: 5s, {what}}}" for n, what in enumerate(["", fault, later, later, "", later]) if what
    ]
    text = SAMPLE.replace("  - {phase: recovery", "\n".join([*phases, "  - {phase: recovery"]))
    ids = [[placed.id for placed in phase.faults] for phase in folder.load(text).experiments[0].phases[2:]]
    assert ids == [["p1.1:net.down", "p1.2:dns.drop"], ["p1.2:dns.drop"], ["p1.2:dns.drop"], ["p1.2:dns.drop"], []]


# ---------------------------------------------------------------- rows and vars


def test_precedence(folder: Folder) -> None:
    """File < row < CHAOSKIT_VAR_ < --set."""
    text = SAMPLE.replace("{app: naive,", "{app: naive, outage: 16s,")
    environ = {"TOKEN": "x", "CHAOSKIT_VAR_OUTAGE": "17s"}

    def lengths(**options: object) -> list[float]:
        return [one.phases[1].length for one in folder.load(text, **options).experiments]  # type: ignore[arg-type]

    assert lengths() == [16, 15]
    file_only = SAMPLE.replace("outage: 15s", "outage: 14s")
    assert [one.phases[1].length for one in folder.load(file_only, environ=environ).experiments] == [17, 17]
    assert [one.phases[1].length for one in folder.load(file_only, {"outage": "18s"}, environ).experiments] == [18, 18]


def test_a_set_value_selects_rows(folder: Folder) -> None:
    """Of a var that the matrix has; none is an error that names what there is."""
    assert [one.name for one in folder.load(settings={"app": "naive"}).experiments] == ["sample[app=naive]"]
    assert [one.expect for one in folder.load(settings={"expect": "passed"}).experiments] == ["passed"]
    (problem,) = folder.problems(SAMPLE, settings={"app": "naiv"})
    assert "no row of the matrix has app=naiv" in problem.message
    assert "app=naive" in problem.hint


def test_setting_what_is_no_var(folder: Folder) -> None:
    """With the nearest one."""
    (problem,) = folder.problems(SAMPLE, settings={"outge": "3s"})
    assert ("no var 'outge'" in problem.message, problem.hint) == (True, "did you mean outage?")


def test_a_target_from_outside_drops_matrix_and_expect(folder: Folder) -> None:
    """By name, or by a path."""
    (experiment,) = folder.load(target="naive").experiments
    assert (experiment.name, experiment.target.name, experiment.expect) == ("sample", "naive", "passed")
    (by_path,) = folder.load(target=str(folder.root / "targets" / "resilient")).experiments
    assert by_path.target.name == "resilient"
    (problem,) = folder.problems(SAMPLE, target="nave")
    assert (problem.file, problem.hint) == ("--target nave", "did you mean naive?")


def test_rows_are_told_apart_by_the_first_keys_that_do(folder: Folder) -> None:
    """`expect` only where nothing else does."""
    rows = (
        "matrix:\n  - {expect: failed, app: naive, size: 1}\n  - {app: naive, size: 2}\n  - {app: resilient, size: 1}\n"
    )
    names = [one.name for one in folder.load(SAMPLE.replace(MATRIX, rows)).experiments]
    assert names == ["sample[app=naive,size=1]", "sample[app=naive,size=2]", "sample[app=resilient,size=1]"]


# ---------------------------------------------------------------- targets


def test_a_path_resolves_from_the_experiment(folder: Folder) -> None:
    """To a target.yaml, or to its folder."""
    for path in ("../targets/naive", "../targets/naive/target.yaml"):
        text = SAMPLE.replace(MATRIX, "").replace("target: ${app}", f"target: {path}")
        assert folder.load(text).experiments[0].target.name == "naive"


def test_the_nearest_targets_is_taken(folder: Folder) -> None:
    """A `targets/` beside the experiment hides one further up."""
    near = folder.path.parent / "targets" / "naive"
    near.mkdir(parents=True)
    (near / "target.yaml").write_text("command: [sleep, '1']\nport: 1\n")
    assert folder.load(settings={"app": "naive"}).experiments[0].target.folder == near
    (problem,) = folder.problems(SAMPLE, settings={"app": "resilient"})
    assert "no target 'resilient'" in problem.message


def test_problems_of_a_target_are_in_its_file(folder: Folder) -> None:
    """With its lines; once, also when several rows use it."""
    path = folder.root / "targets" / "naive" / "target.yaml"
    path.write_text("command: [x]\nprt: 8080\nready: health\n")
    found = folder.problems(SAMPLE)
    assert {problem.file for problem in found} == {str(path)}
    assert [(problem.line, problem.hint) for problem in found] == [(2, "did you mean port?"), (3, "")]


@pytest.mark.parametrize(
    ("written", "ready"),
    [
        ("", Ready("tcp")),
        ("ready: /h", Ready("http", "/h")),
        ("ready: alive", Ready("alive")),
        ("ready: {tcp: true, within: 5s}", Ready("tcp", within=5.0)),
        ("ready: {http: /h, within: 5s}", Ready("http", "/h", 5.0)),
    ],
)
def test_readiness(written: str, ready: Ready, folder: Folder) -> None:
    """Short and long forms."""
    (folder.root / "targets" / "naive" / "target.yaml").write_text(f"command: [x]\nport: 1\n{written}\n")
    assert folder.load(settings={"app": "naive"}).experiments[0].target.ready == ready


def test_a_worker_needs_no_port(folder: Folder) -> None:
    """Without a port it is ready when it lives; asking one for a port is an error."""
    text = SAMPLE.replace("target: ${app}", "target: {command: [x]}").replace(
        'requests: ["GET /invoices/${1..40}"]', "requests: [{call: dynamodb.ListTables}]"
    )
    start, end = text.index("  writes:"), text.index("steady:")
    text = text[:start] + text[end:].replace("  - lost of writes == 0\n", "")
    assert folder.load(text).experiments[0].target.ready == Ready("alive")
    (problem,) = folder.problems(text.replace("{command: [x]}", "{command: [x], ready: /h}"))
    assert "no `port` to ask" in problem.message


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"- 1\n", "must be a mapping"),
        (b"title: \xff\n", "not UTF-8: byte 8, on line 1"),
        (b"#" * 256_001, "larger than 256 kB"),
    ],
)
def test_files_that_are_none(content: bytes, says: str, tmp_path: Path) -> None:
    """One problem each."""
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(FileProblems) as error:
        load(path, environ={})
    assert says in error.value.problems[0].message


def test_no_file(tmp_path: Path) -> None:
    """A missing file, a folder, a name that cannot be one."""
    for path in (tmp_path / "none.yaml", tmp_path, Path("/dev/null"), tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(FileProblems):
            load(path, environ={})
