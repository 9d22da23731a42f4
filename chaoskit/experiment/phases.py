"""Phases and their faults: what may be of what, and which fault goes on from one phase into the next."""

from __future__ import annotations

import msgspec

from chaoskit.experiment.file import FaultFile, PhaseFile
from chaoskit.experiment.models import AwsDependency, Dependency, Phase, PlacedFault
from chaoskit.experiment.names import TARGET, WARMUP, Names, is_region
from chaoskit.experiment.nodes import Node, Place, Report
from chaoskit.faults import FAULTS, AnyFault

SHORTEST = 0.001
"""Seconds: the levers act in milliseconds, and a required duration shorter than that would do nothing."""


def resolve_phases(written: list[PhaseFile], node: Node, names: Names, report: Report) -> tuple[Phase, ...]:
    """The phases of a file; what is wrong goes to the report."""
    phases = list[Phase]()
    for index, phase in enumerate(written):
        inner = node.child(index) or node
        _check_name(phase, phases, inner, report)
        before = phases[-1].faults if phases else ()
        made = Phase(phase.phase, phase.for_, _faults(phase, inner, before, names, report), phase.until == "steady")
        _check_order(phase, phases, inner, names.phases_sound, report)
        phases.append(made)
    return tuple(phases)


def _check_name(phase: PhaseFile, earlier: list[Phase], node: Node, report: Report) -> None:
    if phase.phase == WARMUP:
        report.add(node.at("phase"), "`warmup` is the name of the load's warm-up, before the first phase")
    if any(other.name == phase.phase for other in earlier):
        report.add(node.at("phase"), f"a phase {phase.phase!r} is already there")


def _check_order(phase: PhaseFile, earlier: list[Phase], node: Node, sound: bool, report: Report) -> None:
    if sound and not earlier and phase.faults:
        report.add(
            node.at("faults"),
            "the first phase must be without faults: it is the baseline",
            "put a phase before it, e.g. {phase: baseline, for: 10s}",
        )
    if phase.until is None:
        return
    if phase.faults:
        report.add(node.at("until"), "`until: steady` waits for the recovery: this phase may have no faults")
    elif sound and not any(other.faults for other in earlier):
        report.add(node.at("until"), "`until: steady` needs a phase with faults before it, to recover from")


def _faults(
    phase: PhaseFile, node: Node, before: tuple[PlacedFault, ...], names: Names, report: Report
) -> tuple[PlacedFault, ...]:
    found = list[PlacedFault]()
    going_on = {(placed.fault, placed.of): placed.id for placed in before}
    for index, written in enumerate(phase.faults):
        inner = (node.child("faults") or node).child(index) or node
        fault = _fault(written, inner, report)
        _check_addresses(written, inner, names, report)
        of = tuple(written.of)
        identity = going_on.get((fault, of), f"{phase.phase}.{index + 1}:{written.fault}")
        placed = PlacedFault(identity, fault, of)
        _check_together(placed, found, inner, report)
        found.append(placed)
    return tuple(found)


def _fault(written: FaultFile, node: Node, report: Report) -> AnyFault:
    """The fault itself, its parameters checked."""
    kind = FAULTS[written.fault]
    fields = msgspec.structs.fields(kind)
    for field in fields:
        if field.type is float and field.required and getattr(written, field.name) < SHORTEST:
            report.add(node.at(field.name), f"{field.name} must be at least 1ms: shorter does nothing")
    fault: AnyFault = kind(**{field.name: getattr(written, field.name) for field in fields})  # type: ignore[assignment]
    return fault


def _check_together(placed: PlacedFault, others: list[PlacedFault], node: Node, report: Report) -> None:
    """Two faults of one phase must not be the same lever pulled twice."""
    for other in others:
        shared = [name for name in placed.of if name in other.of]
        if not shared:
            continue
        kinds = (placed.fault.kind, other.fault.kind)
        if (placed.fault, placed.of) == (other.fault, other.of):
            report.add(node.at("fault"), f"the same {kinds[0]} of {', '.join(placed.of)} is already in this phase")
        elif all(kind.startswith("dns.") for kind in kinds):
            report.add(
                node.at("fault"),
                f"{kinds[1]} already answers for {', '.join(shared)} in this phase: a name has one answer at a time",
            )
        elif kinds == ("net.down", "net.down"):
            report.add(node.at("fault"), f"{', '.join(shared)} is already down in this phase")


# ---------------------------------------------------------------- of


def _check_addresses(written: FaultFile, node: Node, names: Names, report: Report) -> None:
    of = node.child("of") or node
    for index, name in enumerate(written.of):
        place = of.at(index) if isinstance(of.value, list) else of.place
        if name in written.of[:index]:
            report.add(place, f"{name} stands here twice")
        else:
            _check_address(written.fault, name, place, names, report)


def _check_address(kind: str, name: str, place: Place, names: Names, report: Report) -> None:
    if name in names.loads_written - names.dependencies_written:
        report.add(place, f"{name!r} is a load: faults are of a dependency", _choice(kind, names))
    elif name == TARGET:
        report.add(place, f"{kind} cannot be of the target: it is of a dependency", _choice(kind, names))
    elif is_region(name):
        report.add(place, f"{kind} cannot be of a region: it is of a dependency", _choice(kind, names))
    elif "." in name:
        hint = f"write {name.partition('.')[0]}"
        report.add(place, f"{kind} cannot be of one operation: it is of a whole dependency", hint)
    else:
        dependency = names.dependency(name, place, report)
        takes = FAULTS[kind].takes
        if dependency is not None and _kind_of(dependency) not in takes:
            right = " or ".join(takes)
            report.add(place, f"{kind} is of a dependency that is {right}; {name!r} is {_kind_of(dependency)}")


def _choice(kind: str, names: Names) -> str:
    takes = FAULTS[kind].takes
    right = [name for name, one in names.dependencies.items() if _kind_of(one) in takes]
    return f"there is: {', '.join(right)}" if right else ""


def _kind_of(dependency: Dependency) -> str:
    return "aws" if isinstance(dependency, AwsDependency) else "tcp"
