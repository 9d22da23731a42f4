"""The rules that a condition must keep in its experiment."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from chaoskit.experiment.conditions import Condition
from chaoskit.experiment.models import AwsDependency, Experiment
from chaoskit.measures import MEASURES

Broken = tuple[str, str]
"""message, hint"""


def check_condition(condition: Condition, experiment: Experiment, gate: bool) -> Iterator[Broken]:
    """Everything wrong with a condition here. gate: it stands under `steady`."""
    yield from _gate(condition) if gate else ()
    yield from _of(condition, experiment)
    yield from _during(condition, experiment)
    yield from _measure(condition, experiment)
    if not gate and not condition.during and condition.measure == "time_to_recover":
        return
    yield from _requests(condition, experiment)


def _gate(condition: Condition) -> Iterator[Broken]:
    if condition.during:
        yield "a steady state holds always: it takes no `during`", "leave `during …` out"
    if condition.measure not in ("success_rate", "latency"):
        yield f"a steady state cannot hold {condition.measure}", "success_rate and latency can be told of any second"


def _of(condition: Condition, experiment: Experiment) -> Iterator[Broken]:
    loads = [stream.name for stream in experiment.load]
    aws = [d.name for d in experiment.dependencies if isinstance(d, AwsDependency)]
    others = [d.name for d in experiment.dependencies if not isinstance(d, AwsDependency)]
    wanted = MEASURES[condition.measure].of
    fitting = loads if wanted == "load" else aws
    for address in condition.of:
        if address.name in fitting and not (wanted == "load" and address.operation):
            continue
        what = "a load" if wanted == "load" else "an AWS dependency"
        if address.name in [*loads, *aws, *others]:
            yield (
                f"{condition.measure} is of {what}, and {address.name!r} is none",
                f"of: {', '.join(fitting) or 'none'}",
            )
        else:
            near = difflib.get_close_matches(address.name, fitting, 1)
            yield f"no {what.split(' ', 1)[1]} {address.name!r}", f"did you mean {near[0]}?" if near else ""


def _during(condition: Condition, experiment: Experiment) -> Iterator[Broken]:
    phases = [phase.name for phase in experiment.phases]
    for name in condition.during:
        if name not in phases:
            near = difflib.get_close_matches(name, phases, 1)
            yield f"no phase {name!r}", f"did you mean {near[0]}?" if near else f"phases: {', '.join(phases)}"


def _measure(condition: Condition, experiment: Experiment) -> Iterator[Broken]:
    if condition.measure == "time_to_recover":
        if not any(phase.faults for phase in experiment.phases):
            yield "nothing is broken in this file, so there is nothing to recover from", ""
        elif experiment.phases[-1].faults:
            yield "the last phase has a fault, so no recovery is seen", "add a phase without faults after it"
        if condition.during:
            yield "time_to_recover is counted from the last undo: it takes no `during`", ""
    if condition.measure == "lost":
        for stream in experiment.load:
            named = any(address.name == stream.name for address in condition.of)
            if named and not all(item.effect for item in stream.items):
                yield f"load {stream.name!r} has a request without an `effect`, so a loss could not be seen", ""
    if condition.relative and len(experiment.phases) < 2:
        yield "there is no baseline: the file has one phase only", ""


def _requests(condition: Condition, experiment: Experiment) -> Iterator[Broken]:
    """A phase that is judged and has no request due decides nothing."""
    named = {address.name for address in condition.of} if MEASURES[condition.measure].of == "load" else set()
    streams = [stream for stream in experiment.load if not named or stream.name in named]
    for phase in experiment.phases:
        if phase.name in condition.during and streams and sum(s.rate for s in streams) * phase.length < 1:
            yield f"no request is due in phase {phase.name!r}", "a longer phase, or a higher rate"
