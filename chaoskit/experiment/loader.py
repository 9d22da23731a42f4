"""`load`: an experiment file as values, or everything that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from chaoskit.errors import FileProblems, Problem
from chaoskit.experiment.models import Experiment
from chaoskit.experiment.nodes import Report
from chaoskit.experiment.reading import read_text, tree
from chaoskit.experiment.resolve import Origin, resolve
from chaoskit.experiment.variables import Outside, read_rows

SHORTEST_SECRET = 4
"""Characters from which a value is masked inside longer texts, too."""


@dataclass(frozen=True)
class Loaded:
    """A file that is right: one experiment per row of its matrix (of those selected), and what to know besides.

    notes: environment variables that are not set here (only when not `running`, else they are errors). An experiment
    that cannot be made without such a variable is left out.
    """

    experiments: tuple[Experiment, ...]
    notes: tuple[Problem, ...]


def load(
    path: Path,
    *,
    settings: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    target: str | None = None,
    running: bool = False,
) -> Loaded:
    """Read an experiment file. Raises FileProblems with every problem found, each with its place.

    settings: values of vars by name, as of `--set`. environ: where `${env.NAME}` and `CHAOSKIT_VAR_NAME` come from,
    by default this process's. target: runs this one instead, a name or a path from the working folder; drops `matrix`
    and `expect`. running: an unset `${env.NAME}` is an error, not a note.
    """
    path, report = Path(path), Report()
    text = read_text(path, str(path), report)
    root = None if text is None else tree(text, str(path), report)
    if root is None or text is None:
        raise FileProblems(report.problems())
    outside = Outside(settings or {}, os.environ if environ is None else environ, running, target is None)
    notes = dict[str, Problem]()
    secrets = set[str]()
    experiments = list[Experiment]()
    for row in read_rows(root, outside, report, notes):
        experiment = resolve(root, row, Origin(path, text, target), report)
        secrets |= row.environment.used
        if experiment is not None:
            experiments.append(experiment)
    if len(report):
        raise FileProblems([_masked(problem, secrets) for problem in report.problems()])
    return Loaded(tuple(experiments), tuple(notes.values()))


def _masked(problem: Problem, secrets: set[str]) -> Problem:
    """A value of `${env.NAME}` may stand in a message; it must not be read there."""
    message, hint = problem.message, problem.hint
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        # a value of a letter or two stands in every word; as a value it stands alone, in quotes
        old, new = (secret, "***") if len(secret) >= SHORTEST_SECRET else (f"{secret!r}", "'***'")
        message, hint = message.replace(old, new), hint.replace(old, new)
    return replace(problem, message=message, hint=hint)
