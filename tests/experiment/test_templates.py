"""`${…}`, in a whole file."""

from __future__ import annotations

import pytest

from chaoskit.experiment.models import Experiment
from chaoskit.load.templates import draw
from chaoskit.wire import HttpRequest
from tests.experiment.sample import SAMPLE, Folder


def first(folder: Folder, text: str, **options: object) -> Experiment:
    """The first experiment of a text."""
    return folder.load(text, **options).experiments[0]  # type: ignore[arg-type]


def post(experiment: Experiment) -> HttpRequest:
    """The request of the writes."""
    request = experiment.load[1].items[0].request
    assert isinstance(request, HttpRequest)
    return request


def test_a_scalar_that_is_only_a_template_keeps_the_type(folder: Folder) -> None:
    """Also when quoted; inside a longer text it becomes text."""
    text = SAMPLE.replace("outage: 15s", "outage: 15s, size: 12").replace(
        "amount: 12", 'amount: "${size}", note: "n=${size}"'
    )
    assert post(first(folder, text)).json == {"id": "${uuid}", "amount": 12, "note": "n=12"}


def test_vars_use_vars(folder: Folder) -> None:
    """In any order."""
    text = SAMPLE.replace("outage: 15s", 'outage: "${long}s", long: "${short}", short: 7')
    assert first(folder, text).phases[1].length == 7


def test_conditions_take_vars(folder: Folder) -> None:
    """A bound, a phase, a load."""
    text = SAMPLE.replace("outage: 15s", "outage: 15s, goal: 95%").replace("reads >= 99%", "reads >= ${goal}")
    assert first(folder, text).slos[0].bound == pytest.approx(0.95)


def test_a_literal_brace(folder: Folder) -> None:
    """`$${` is `${`: here at once, in requests when the load worker draws."""
    text = SAMPLE.replace("title: Billing survives", "title: costs $${5}").replace("amount: 12", 'amount: "$${uuid}"')
    experiment = first(folder, text)
    assert experiment.title == "costs ${5}"
    assert post(experiment).json["amount"] == "$${uuid}"
    assert draw(1, "writes", 0).json(post(experiment).json)["amount"] == "${uuid}"


def test_a_value_never_becomes_a_template(folder: Folder) -> None:
    """A `${` that a var or the environment brings into a request reaches the target as it is."""
    text = SAMPLE.replace("outage: 15s", 'outage: 15s, odd: "$${seq}"').replace("amount: 12", 'amount: "<${odd}>"')
    experiment = first(folder, text, environ={"TOKEN": "${uuid}"})
    drawn = draw(1, "writes", 0)
    assert drawn.json(post(experiment).json)["amount"] == "<${seq}>"
    assert drawn.text(post(experiment).headers["Authorization"]) == "Bearer ${uuid}"


def test_environment_values_are_secrets(folder: Folder) -> None:
    """They are handed on for masking, and do not stand in problems."""
    assert first(folder, SAMPLE).secrets == ("s3cret",)
    (problem,) = folder.problems(SAMPLE.replace("rate: 5/s", "rate: ${env.TOKEN}"))
    assert "s3cret" not in str(problem)
    assert "'***' is not a rate" in problem.message


def test_an_unset_variable_is_a_note_and_at_run_an_error(folder: Folder) -> None:
    """With its place; validate works without the secrets of a run."""
    loaded = folder.load(SAMPLE, environ={})
    assert len(loaded.experiments) == 2
    assert [(note.message, note.line) for note in loaded.notes] == [("${env.TOKEN} is not set", 24)]
    (problem,) = folder.problems(SAMPLE, environ={}, running=True)
    assert (problem.message, problem.line) == ("${env.TOKEN} is not set", 24)


def test_nothing_is_said_of_what_hangs_on_an_unset_variable(folder: Folder) -> None:
    """A quantity that is not known yet is no wrong quantity."""
    loaded = folder.load(SAMPLE.replace("rate: 5/s", "rate: ${env.RATE}"), environ={"TOKEN": "x"})
    assert [note.message for note in loaded.notes] == ["${env.RATE} is not set"]


def test_what_cannot_be_made_without_a_variable_is_left_out(folder: Folder) -> None:
    """Rather than an experiment without the phase, or a target without the port."""
    loaded = folder.load(SAMPLE.replace("for: ${outage}", "for: ${env.LENGTH}"))
    assert (loaded.experiments, [note.message for note in loaded.notes]) == ((), ["${env.LENGTH} is not set"])
    loaded = folder.load(SAMPLE.replace("target: ${app}", 'target: {command: [x], port: "${env.PORT}"}'))
    assert (loaded.experiments, [note.message for note in loaded.notes]) == ((), ["${env.PORT} is not set"])


def test_vars_that_explode_are_refused(folder: Folder) -> None:
    """Vars of vars, each ten times the one before."""
    text = "a0: aaaaaaaaaa, " + ", ".join(f'a{n}: "{f"${{a{n - 1}}}" * 10}"' for n in range(1, 9))
    (problem,) = folder.problems(SAMPLE.replace("outage: 15s", f"outage: 15s, {text}"))
    assert "more than 1,000,000 characters" in problem.message
