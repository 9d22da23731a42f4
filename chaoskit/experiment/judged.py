"""`steady` and `slos`: whether what a condition names exists, and whether it can be decided at all."""

from __future__ import annotations

from dataclasses import dataclass

from chaoskit.experiment.calls import operation_problem
from chaoskit.experiment.conditions import Address, Condition, ConditionError, offset_of, parse
from chaoskit.experiment.models import AwsDependency, Phase, judged_range
from chaoskit.experiment.names import TARGET, WARMUP, Names, is_region
from chaoskit.experiment.nodes import Node, Place, Report, Source, nearest
from chaoskit.measures import MEASURES

STEADY = ("success_rate", "latency")
"""What can be known of a window of one second, at once."""


@dataclass(frozen=True)
class _Written:
    """A condition and where it stands."""

    condition: Condition
    node: Node
    text: str

    def at(self, word: str) -> Place:
        """Where a word of it stands in the file."""
        return place_in(self.node, self.text, offset_of(self.text, word))


class Judged:
    """Checks conditions against the rest of the experiment."""

    def __init__(self, names: Names, phases: tuple[Phase, ...], report: Report) -> None:
        self._names = names
        self._phases = phases
        self._report = report

    def steady(self, written: list[str], node: Node | None) -> tuple[Condition, ...]:
        """The steady state: holds at any time, so it knows no phases."""
        found = self._parse(written, node)
        for one in found:
            condition = one.condition
            if condition.measure not in STEADY:
                self._report.add(
                    one.at(condition.measure),
                    f"{condition.measure} cannot be steady: it is not known of one second",
                    f"steady takes {' and '.join(STEADY)}",
                )
            if condition.during:
                self._report.add(one.at("during"), "a steady condition holds at all times: it takes no `during`")
            if self._names.phases_sound and len(self._phases) > 1 and not condition.during:
                self._due(one, self._phases[:1])
            self._common(one)
        return tuple(one.condition for one in found)

    def slos(self, written: list[str], node: Node | None) -> tuple[Condition, ...]:
        """The objectives: judged over phases."""
        found = self._parse(written, node)
        for one in found:
            self._common(one)
            self._during(one)
            self._possible(one)
            if one.condition.measure in STEADY and self._names.phases_sound:
                self._due(one, self._range(one.condition))
        return tuple(one.condition for one in found)

    def _parse(self, written: list[str], node: Node | None) -> list[_Written]:
        found = list[_Written]()
        seen = dict[str, int]()
        for index, text in enumerate(written):
            inner = (node.child(index) if node is not None else None) or node or _NOWHERE
            try:
                condition = parse(text)
            except ConditionError as error:
                self._report.add(place_in(inner, text, error.offset), error.message, error.hint)
                continue
            if condition.text in seen:
                self._report.add(inner.place, f"`{condition.text}` stands here twice")
            seen[condition.text] = index
            found.append(_Written(condition, inner, text))
        return found

    # ------------------------------------------------------------ of

    def _common(self, one: _Written) -> None:
        for address in one.condition.of:
            if MEASURES[one.condition.measure].of == "load":
                self._of_load(one, address)
            else:
                self._of_dependency(one, address)
        if one.condition.relative and self._names.phases_sound and len(self._phases) == 1:
            self._report.add(one.at("baseline"), "there is no baseline: the file has one phase only")

    def _of_load(self, one: _Written, address: Address) -> None:
        names, place = self._names, one.at(str(address))
        if address.name in names.loads_written and not address.operation:
            return
        measure = one.condition.measure
        if address.name in names.dependencies_written:
            message = f"{measure} is of a load; {address.name!r} is a dependency"
        elif address.name == TARGET or is_region(address.name):
            message = f"{measure} is of a load, not of {'the target' if address.name == TARGET else 'a region'}"
        elif address.operation:
            message = f"{measure} is of a load; {str(address)[:64]!r} is none"
        elif names.all_complete:
            message = f"{address.name[:64]!r} names no load"
        else:
            return
        self._report.add(place, message, nearest(address.name, sorted(names.loads_written)))

    def _of_dependency(self, one: _Written, address: Address) -> None:
        place, measure = one.at(str(address)), one.condition.measure
        if address.name in self._names.loads_written or address.name == TARGET or is_region(address.name):
            right = sorted(self._names.dependencies_written)
            message = f"{measure} is of a dependency; {address.name!r} is none"
            self._report.add(place, message, nearest(address.name, right))
            return
        dependency = self._names.dependency(address.name, place, self._report)
        if dependency is None:
            return
        if not isinstance(dependency, AwsDependency):
            self._report.add(place, f"{measure} is of an AWS dependency: of {address.name!r} (tcp) no calls are seen")
        elif address.operation and (problem := operation_problem(dependency.service, address.operation)):
            self._report.add(place, *problem)

    # ------------------------------------------------------------ phases

    def _during(self, one: _Written) -> None:
        known = [phase.name for phase in self._phases]
        for name in one.condition.during:
            if name in known or (name in self._names.phases_written or not self._names.phases_complete):
                continue
            if name == WARMUP:
                self._report.add(one.at(name), "the warm-up is never judged", f"there is: {', '.join(known)}")
            else:
                self._report.add(one.at(name), f"no phase {name[:64]!r}", nearest(name, known))

    def _possible(self, one: _Written) -> None:
        condition, names = one.condition, self._names
        faults = any(phase.faults for phase in self._phases)
        if condition.measure == "time_to_recover":
            if condition.during:
                self._report.add(one.at("during"), "time_to_recover is of the whole run: it takes no `during`")
            if not faults and names.phases_sound:
                self._report.add(one.at("time_to_recover"), "time_to_recover needs a fault: there is none in the file")
            elif names.phases_sound and self._phases[-1].faults:
                self._report.add(
                    one.at("time_to_recover"),
                    "time_to_recover needs a phase without faults at the end",
                    "add one, e.g. {phase: recovery, for: 15s}",
                )
        if condition.measure == "amplification" and names.phases_sound and len(self._phases) == 1:
            self._report.add(one.at("amplification"), "amplification is over the baseline: the file has one phase only")
        for address in condition.of if condition.measure == "lost" and names.loads_sound else ():
            if address.name in names.loads and address.name not in names.effects:
                self._report.add(
                    one.at(address.name),
                    f"lost of {address.name} can never be decided: not every request of it has an `effect`",
                    "give each an effect, {call: …} or {get: …}, or put those without into a load of their own",
                )

    def _range(self, condition: Condition) -> tuple[Phase, ...]:
        names = judged_range(self._phases, condition)
        return tuple(phase for phase in self._phases if phase.name in names)

    def _due(self, one: _Written, phases: tuple[Phase, ...]) -> None:
        """A phase that must be judged and has no request due could only ever be undecided."""
        loads = [address.name for address in one.condition.of] or sorted(self._names.loads)
        if not self._names.loads_sound or any(name not in self._names.loads for name in loads):
            return
        rate = sum(self._names.loads[name].rate for name in loads)
        for phase in phases:
            if rate * phase.length < 1:
                self._report.add(
                    one.at(phase.name),
                    f"no request of {', '.join(loads)} is due in {phase.name} "
                    f"({rate * 60:g}/min for {phase.length:g}s): it cannot be judged",
                    f"make the phase longer than {1 / rate:g}s, or the rate higher",
                )


def place_in(node: Node, text: str, offset: int) -> Place:
    """The place of a character of a text: exact where the file has the text as it is, else where the text begins."""
    place = node.place
    line = place.source.line(place.line)
    for quote in (0, 1):
        start = place.column - 1 + quote
        if line[start : start + len(text)] == text:
            return Place(place.source, place.line, start + 1 + offset, place.unknown)
    return place


_NOWHERE = Node(Place(Source("", ""), 0, 0, unknown=True), None)
