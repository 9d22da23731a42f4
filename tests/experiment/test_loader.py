"""The experiment file: what is right loads, what is wrong is told, all of it, at its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaoskit.errors import FileProblems, Problem
from chaoskit.experiment.loader import load
from chaoskit.experiment.models import AwsDependency, Experiment
from chaoskit.experiment.schema import schema
from chaoskit.faults import DnsNodata
from chaoskit.wire import AwsRequest, HttpRequest

ROOT = Path(__file__).parents[2]
GOOD = """\
title: t
target: {command: [python3, app.py], port: 8080}
dependencies:
  dynamodb:
    aws: dynamodb
    region: us-east-1
    tables: [{name: things, key: id, items: [{id: a}]}]
  cache: {tcp: "redis:6379", upstream: "127.0.0.1:6379"}
load:
  reads: {rate: 40/s, timeout: 2s, requests: ["GET /x"]}
  writes:
    rate: 6/min
    requests:
      - post: /x
        json: {id: "${uuid}", n: "${1..9}"}
        expect: {status: [201, 202]}
        effect: {call: dynamodb.GetItem, with: {TableName: things, Key: {id: {S: "${uuid}"}}}}
phases:
  - {phase: baseline, for: 10s}
  - phase: outage
    for: 20s
    faults:
      - {fault: dns.nodata, of: dynamodb}
      - {fault: net.latency, of: [cache, dynamodb], latency: 200ms}
  - {phase: recovery, for: 15s, until: steady}
slos:
  - success_rate of reads >= 99% during outage
  - lost of writes == 0
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "x.yaml"
    path.write_text(text)
    return path


def one(folder: Path, text: str = GOOD, **arguments: Any) -> Experiment:
    (experiment,) = load(write(folder, text), environ=arguments.pop("environ", {}), **arguments).experiments
    return experiment


def problems(folder: Path, text: str, **arguments: Any) -> tuple[Problem, ...]:
    with pytest.raises(FileProblems) as caught:
        load(write(folder, text), environ=arguments.pop("environ", {}), **arguments)
    return caught.value.problems


def test_a_good_file_is_an_experiment(tmp_path: Path) -> None:
    """Durations are seconds, rates per second, names resolved, defaults filled in."""
    experiment = one(tmp_path)
    dynamodb = experiment.dependencies[0]
    assert isinstance(dynamodb, AwsDependency)
    assert (dynamodb.ttl, dynamodb.tables[0].items) == (5.0, ({"id": "a"},))
    assert [(s.name, s.rate, s.timeout) for s in experiment.load] == [("reads", 40, 2), ("writes", 0.1, 10)]
    assert experiment.phases[1].faults[0].fault == DnsNodata(connections="drain")
    assert [fault.id for fault in experiment.phases[1].faults] == ["outage.1:dns.nodata", "outage.2:net.latency"]
    assert (experiment.warmup, experiment.expect, experiment.steady[0].text) == (2, "passed", "success_rate >= 99%")
    write_item = experiment.load[1].items[0]
    assert isinstance(write_item.request, HttpRequest)
    assert write_item.effect is not None
    assert isinstance(write_item.effect.check, AwsRequest)
    assert write_item.effect.within == 10


WRONG = {
    "unknown key": ("load:", "lod:", "unknown key 'lod'", "did you mean load?"),
    "unknown key deep down": ("timeout: 2s", "timeot: 2s", "unknown key 'timeot'", "did you mean timeout?"),
    "unknown fault": ("fault: dns.nodata", "fault: dns.nodta", "no fault 'dns.nodta'", "did you mean dns.nodata?"),
    "unknown parameter": ("latency: 200ms", "latncy: 200ms", "unknown key 'latncy'", "did you mean latency?"),
    "missing parameter": (", latency: 200ms", "", "needs the key 'latency'", ""),
    "unknown dependency": ("of: dynamodb}", "of: dynamdb}", "no dependency 'dynamdb'", "did you mean dynamodb?"),
    "fault of a load": ("of: dynamodb}", "of: reads}", "'reads' is a load", ""),
    "fault of an operation": ("of: dynamodb}", "of: dynamodb.GetItem}", "whole dependency", "of: dynamodb"),
    "duration without a unit": ("timeout: 2s", "timeout: 2", "not a duration", "2s"),
    "rate without a unit": ("rate: 40/s", "rate: 40", "not a rate", "40/s"),
    "phase of no length": ("for: 10s", "for: 0s", "more than 0", ""),
    "phase without a length": ("for: 10s", "faults: []", "needs the key 'for'", ""),
    "bad name": ("phase: baseline", "phase: Base line", "a name is lower-case", ""),
    "two phases of one name": ("phase: recovery", "phase: outage", "two phases are called 'outage'", ""),
    "reserved phase": ("phase: baseline", "phase: warmup", "warm-up", ""),
    "region": ("region: us-east-1", "region: us-est-1", "no region 'us-est-1'", "did you mean us-east-1?"),
    "region missing": ("    region: us-east-1\n", "", "needs the key 'region'", ""),
    "operation": ("call: dynamodb.GetItem", "call: dynamodb.GetItm", "no operation 'GetItm'", "did you mean GetItem?"),
    "argument": ("TableName: things,", "TabelName: things,", "TabelName", ""),
    "slo of no phase": ("during outage", "during outge", "no phase 'outge'", "did you mean outage?"),
    "slo of no load": ("success_rate of reads", "success_rate of raeds", "no load 'raeds'", "did you mean reads?"),
    "measure": ("success_rate of reads", "sucess_rate of reads", "'sucess_rate' is no measure", "success_rate?"),
    "share without percent": (">= 99% during", ">= 0.99 during", "write it as a percentage", "99%"),
    "lost without an effect": ("lost of writes", "lost of reads", "without an `effect`", ""),
    "amplification of tcp": ("lost of writes == 0", "amplification of cache <= 2", "of an AWS dependency", "dynamodb"),
    "items without their key": ("items: [{id: a}]", "items: [{ic: a}]", "needs its key 'id'", ""),
    "target": ("port: 8080}", "port: 80800}", "less than or equal to 65535", ""),
    "duplicate key": ("title: t", "title: t\ntitle: u", "stands twice", ""),
    "merge key": ("title: t", "title: t\n<<: {tags: [x]}", "merge keys", ""),
    "tag": ("title: t", "title: !!str t", "tags are not used", ""),
    "template in a key": ("title: t", "title: t\nvars: {'${x}': 1}", "a key takes no", ""),
    "unknown var": ("title: t", "title: ${nope}", "no var 'nope'", "vars"),
    "circular vars": ("title: t", "title: t\nvars: {a: '${b}', b: '${a}'}", "needs itself", ""),
    "drawn outside requests": ("title: t", "title: ${uuid}", "drawn per request", ""),
    "unquoted template in a flow mapping": ("title: t", "title: t\nvars: {a: 1, b: ${a}}", "must be quoted", '"${…}"'),
    "not yaml": ("title: t", "title: [t", "not valid YAML", ""),
    "first phase with a fault": ("for: 10s}", "for: 10s, faults: [{fault: dns.drop, of: dynamodb}]}", "baseline", ""),
    "until steady before a fault": ("for: 10s}", "for: 10s, until: steady}", "until: steady", ""),
    "a name for two things": ("  cache:", "  reads:", "is a load and a dependency", ""),
    "no requests in a judged phase": ("for: 20s", "for: 20ms", "no request is due in phase 'outage'", ""),
    "tcp without upstream": (', upstream: "127.0.0.1:6379"', "", "needs the key 'upstream'", ""),
    "not yet built": ("title: t", "title: t\nabort_when: [success_rate < 5%]", "unknown key 'abort_when'", ""),
    "rate per phase": ("for: 20s", "for: 20s\n    rate: 3x", "unknown key 'rate'", ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_at_its_place_with_the_right_word(tmp_path: Path, name: str) -> None:
    """The message, the hint, the place; the line itself is shown."""
    old, new, message, hint = WRONG[name]
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    fitting = [p for p in found if message in p.message]
    assert fitting, [str(problem) for problem in found]
    assert hint in fitting[0].hint + fitting[0].message
    assert fitting[0].line > 0
    assert fitting[0].source == GOOD.replace(old, new, 1).splitlines()[fitting[0].line - 1]


def test_all_problems_come_at_once_in_their_order(tmp_path: Path) -> None:
    """Two wrong lines, two problems, by line."""
    text = (
        GOOD.replace("for: 10s", "for: 10").replace("during outage", "during outge").replace("rate: 40/s", "rate: 40")
    )
    found = problems(tmp_path, text)
    assert len(found) >= 2
    assert [p.line for p in found] == sorted(p.line for p in found)


def test_a_condition_is_pointed_at_inside_its_line(tmp_path: Path) -> None:
    """The column is that of the wrong word."""
    (problem,) = problems(tmp_path, GOOD.replace("lost of writes == 0", "latency <= 1s"))
    assert problem.message == "latency needs a statistic"
    assert problem.source[problem.column - 1 :] == "<= 1s"


def test_words_that_yaml_1_1_takes_for_truth_are_texts(tmp_path: Path) -> None:
    """`on`, `no`, `y` and `1:30` are texts in YAML 1.2."""
    assert one(tmp_path, GOOD.replace("title: t", "title: no\ntags: [on, y, '1:30', 1:30]")).tags == (
        "on",
        "y",
        "1:30",
        "1:30",
    )


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    """Over 256 kB."""
    (problem,) = problems(tmp_path, GOOD + "#" * 300_000)
    assert "at most 256,000" in problem.message


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    """Nine levels of nine aliases are no experiment."""
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    (problem,) = problems(tmp_path, "\n".join(lines))
    assert "aliases" in problem.message


def test_a_missing_file_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(FileProblems, match=r"nowhere\.yaml: cannot be read"):
        load(tmp_path / "nowhere.yaml")


# ---------------------------------------------------------------- vars

MATRIX = GOOD.replace(
    "title: t", "title: '${app} for ${length}'\nvars: {app: red, length: 20s}\nmatrix: [{app: red}, {app: blue}]"
).replace("for: 20s", "for: ${length}")


def test_a_matrix_is_one_run_per_row_named_after_it(tmp_path: Path) -> None:
    """File < row; a scalar that is only a template keeps its type."""
    experiments = load(write(tmp_path, MATRIX), environ={}).experiments
    assert [(e.name, e.title) for e in experiments] == [("x[app=red]", "red for 20s"), ("x[app=blue]", "blue for 20s")]


def test_set_comes_before_the_environment_before_rows_before_the_file(tmp_path: Path) -> None:
    """A set value of a var that the matrix has selects its rows."""
    environ = {"CHAOSKIT_VAR_LENGTH": "30s", "CHAOSKIT_VAR_APP": "red"}
    experiment = one(tmp_path, MATRIX, environ=environ, settings={"app": "blue"})
    assert (experiment.name, experiment.title, experiment.phases[1].length) == ("x[app=blue]", "blue for 30s", 30)


def test_a_value_that_no_row_has_is_an_error(tmp_path: Path) -> None:
    """Else nothing would run, and nothing failed."""
    assert "no row of the matrix has app=green" in problems(tmp_path, MATRIX, settings={"app": "green"})[0].message


def test_an_unknown_var_to_set_is_an_error(tmp_path: Path) -> None:
    """With the vars there are."""
    (problem,) = problems(tmp_path, MATRIX, settings={"aap": "red"})
    assert "--set aap" in problem.message
    assert "app" in problem.hint


def test_target_drops_matrix_and_expect(tmp_path: Path) -> None:
    """--target asks about another app: what the file expects of its own does not count."""
    folder = tmp_path / "targets" / "mine"
    folder.mkdir(parents=True)
    (folder / "target.yaml").write_text("command: [./app]\nport: 80\nready: /up\n")
    experiment = one(tmp_path, MATRIX + "expect: failed\n", target="mine")
    assert (experiment.name, experiment.expect, experiment.target.name) == ("x", "passed", "mine")
    assert experiment.target.command == (str(folder / "app"),)
    assert (experiment.target.ready.kind, experiment.target.ready.path) == ("http", "/up")


def test_a_problem_of_a_target_file_names_that_file(tmp_path: Path) -> None:
    """With its own line."""
    folder = tmp_path / "targets" / "mine"
    folder.mkdir(parents=True)
    (folder / "target.yaml").write_text("command: [./app]\nprot: 80\n")
    (problem,) = problems(tmp_path, GOOD, target="mine")
    assert problem.file.endswith("target.yaml")
    assert (problem.line, problem.hint) == (2, "did you mean port?")


ENV = GOOD.replace('"GET /x"', '{get: /x, headers: {Authorization: "Bearer ${env.TOKEN}"}}')


def test_an_unset_environment_variable_is_a_note_and_at_a_run_an_error(tmp_path: Path) -> None:
    """validate works without secrets, run does not."""
    (note,) = load(write(tmp_path, ENV), environ={}).notes
    assert "TOKEN is not set" in note.message
    assert "TOKEN is not set" in problems(tmp_path, ENV, running=True)[0].message


def test_values_of_the_environment_are_secrets(tmp_path: Path) -> None:
    """They are known to the masking."""
    experiment = one(tmp_path, ENV, environ={"TOKEN": "s3cret"})
    assert experiment.secrets == ("s3cret",)
    request = experiment.load[0].items[0].request
    assert isinstance(request, HttpRequest)
    assert request.headers == {"Authorization": "Bearer s3cret"}


def test_an_identical_fault_goes_on_and_another_does_not(tmp_path: Path) -> None:
    """The same kind, of and parameters in the next phase keep the fault's id."""
    more = """\
  - phase: longer
    for: 5s
    faults: [{fault: dns.nodata, of: dynamodb}, {fault: net.latency, of: [cache, dynamodb], latency: 300ms}]
  - {phase: recovery,"""
    experiment = one(tmp_path, GOOD.replace("  - {phase: recovery,", more))
    assert [fault.id for fault in experiment.phases[2].faults] == ["outage.1:dns.nodata", "longer.2:net.latency"]


# ---------------------------------------------------------------- schema and shipped files


@pytest.mark.parametrize("path", sorted(ROOT.glob("experiments/*.yaml")), ids=lambda path: path.name)
def test_shipped_experiments_load_and_satisfy_the_schema(path: Path) -> None:
    """So that an editor with the schema does not complain of what runs."""
    assert load(path, environ={}).experiments
    jsonschema.validate(yaml.safe_load(path.read_text()), schema())


def test_the_good_file_satisfies_the_schema_and_a_wrong_one_does_not() -> None:
    """Unknown keys and bare numbers are refused by the schema, too."""
    good = yaml.safe_load(GOOD)
    jsonschema.validate(good, schema())
    for change in ({"lod": {}}, {"warmup": "2"}, {"expect": "pased"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(good | change, schema())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_any_text_is_an_experiment_or_a_list_of_problems(tmp_path: Path, text: str | bytes) -> None:
    """Never a traceback."""
    path = tmp_path / "fuzz.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    with pytest.raises(FileProblems):
        load(path, environ={})


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["5s", "${x}", "99%", "GET /x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_good_file_with_any_value_anywhere_never_gives_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    """One value of the good file is replaced by anything JSON has."""
    tree = yaml.safe_load(GOOD)
    node: Any = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            node[key] = data.draw(JSON_VALUES)
            break
        node = node[key]
    path = tmp_path / "fuzz.yaml"
    path.write_text(json.dumps(tree))
    try:
        load(path, environ={})
    except FileProblems as error:
        assert error.problems
