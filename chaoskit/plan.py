"""Experiment and seed → Plan: everything a run will do, as data, before anything is touched.

A plan is pure: the same experiment, seed and stack give the same plan, and printing it changes nothing.
Times are seconds from the load's first due moment (the start of the warm-up).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import msgspec

from chaoskit.experiment.conditions import Condition
from chaoskit.experiment.models import AwsDependency, Experiment, Phase, PlacedFault, baseline, judged_range
from chaoskit.judge.statistics import requests_needed
from chaoskit.units import show_duration, show_share

WARMUP = "warmup"
"""Name of the phase before the first; recorded, never judged."""

Action = Literal["begin", "gate", "undo", "inject", "end"]


class Step(msgspec.Struct, frozen=True):
    """One thing the coordinator does, and when.

    begin: the phase starts here. gate: judge the baseline before the first fault; go no further when the
    steady state does not hold. undo, inject: `fault`. end: nothing is due from here on.
    """

    at: float
    action: Action
    phase: str
    fault: PlacedFault | None = None
    until_steady: bool = False


class Plan(msgspec.Struct, frozen=True):
    """What a run will do. `span` is the length of the load's schedule, seconds."""

    experiment: Experiment
    seed: int
    stack: str
    span: float
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]


def make_plan(experiment: Experiment, seed: int, stack: str = "embedded") -> Plan:
    """The plan of one run. Pure."""
    span = experiment.warmup + sum(phase.length for phase in experiment.phases)
    return Plan(experiment, seed, stack, span, tuple(_steps(experiment, span)), tuple(_warnings(experiment)))


def _steps(experiment: Experiment, span: float) -> Iterator[Step]:
    yield Step(0.0, "begin", WARMUP)
    at = experiment.warmup
    before: tuple[PlacedFault, ...] = ()
    gate = baseline(experiment.phases)
    for index, phase in enumerate(experiment.phases):
        if gate is not None and index == 1:
            yield Step(at, "gate", gate.name)
        yield from _boundary(at, phase, before)
        at, before = at + phase.length, phase.faults
    last = experiment.phases[-1].name
    yield from (Step(at, "undo", last, fault) for fault in reversed(before))
    yield Step(span, "end", last)


def _boundary(at: float, phase: Phase, before: tuple[PlacedFault, ...]) -> Iterator[Step]:
    """Undo what does not go on, newest first; begin; inject what is new, in the order written."""
    kept = {fault.id for fault in phase.faults}
    held = {fault.id for fault in before}
    yield from (Step(at, "undo", phase.name, fault) for fault in reversed(before) if fault.id not in kept)
    yield Step(at, "begin", phase.name, until_steady=phase.until_steady)
    yield from (Step(at, "inject", phase.name, fault) for fault in phase.faults if fault.id not in held)


# ---------------------------------------------------------------- warnings


def _warnings(experiment: Experiment) -> Iterator[str]:
    for condition in experiment.slos:
        if _never(condition):
            yield f"`{condition.text}` cannot pass: no number of requests decides a share of 100 %; hold it to less"
        needed = _needed(condition)
        if needed is None:
            continue
        due = expected_requests(experiment, condition)
        if due < needed:
            yield (
                f"`{condition.text}` cannot pass: {needed:,} requests without a failure are needed to decide "
                f"{show_share(condition.bound)}, and about {due:,.0f} will be due"
            )


def _never(condition: Condition) -> bool:
    share = condition.measure == "success_rate" and not condition.relative
    return share and condition.op == ">=" and condition.bound >= 1


def _needed(condition: Condition) -> int | None:
    if condition.relative or condition.measure != "success_rate" or condition.op not in (">=", ">"):
        return None
    return requests_needed(condition.bound) if 0 < condition.bound < 1 else None


def expected_requests(experiment: Experiment, condition: Condition) -> float:
    """How many requests the schedule has due for a condition: its loads' rates times its phases' lengths."""
    loads = {address.name for address in condition.of} or {stream.name for stream in experiment.load}
    judged = judged_range(experiment.phases, condition)
    seconds = sum(phase.length for phase in experiment.phases if phase.name in judged)
    return math.fsum(stream.rate for stream in experiment.load if stream.name in loads) * seconds


# ---------------------------------------------------------------- for people


def describe(plan: Plan) -> str:
    """The plan as text: what will be started, what will be changed and undone, and when."""
    experiment = plan.experiment
    lines = [f"{experiment.name}: {experiment.title}", f"stack {plan.stack}, seed {plan.seed}", "", "started:"]
    lines += [f"  {text}" for text in _started(experiment)]
    lines += ["", f"timeline ({show_duration(plan.span)} of load):"]
    lines += [f"  {step.at:8.1f} s  {_told(step)}" for step in plan.steps]
    lines += ["", "judged:"]
    lines += [f"  steady  {condition.text}" for condition in experiment.steady]
    lines += [f"  SLO     {condition.text}" for condition in experiment.slos]
    lines += [f"warning: {text}" for text in plan.warnings]
    return "\n".join(lines)


def _started(experiment: Experiment) -> Iterator[str]:
    target = experiment.target
    port = f", its port {target.port} published on 127.0.0.1" if target.port else ""
    yield f"target {target.name}: {' '.join(target.command)}{port}"
    for dependency in experiment.dependencies:
        if isinstance(dependency, AwsDependency):
            tables = ", ".join(f"{table.name} ({len(table.items)} items)" for table in dependency.tables)
            yield (
                f"dependency {dependency.name}: {dependency.service} in {dependency.region}, "
                f"emulated, tables: {tables or 'none'}"
            )
        else:
            yield (
                f"dependency {dependency.name}: {dependency.host}:{dependency.port}, "
                f"carried to {dependency.upstream}, which must run already"
            )
    for stream in experiment.load:
        yield f"load {stream.name}: {stream.rate:g}/s, timeout {show_duration(stream.timeout)}"


def _told(step: Step) -> str:
    fault = step.fault
    match step.action:
        case "begin":
            return f"phase {step.phase}" + (
                ", at most; ends when the steady state is back" if step.until_steady else ""
            )
        case "gate":
            return f"gate: the steady state must hold over {step.phase}, else the run is void and ends here"
        case "end":
            return "load ends; effects get their last check; everything is undone"
        case _:
            assert fault is not None
            return f"{step.action} {fault.fault.kind} of {', '.join(fault.of)}"
