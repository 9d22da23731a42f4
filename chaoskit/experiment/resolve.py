"""From the file's words to the experiment: names looked up, rules checked, values made."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from chaoskit.errors import Problem
from chaoskit.experiment.conditions import Condition, ConditionError, parse
from chaoskit.experiment.file import AwsFile, ExperimentFile, PhaseFile, TcpFile
from chaoskit.experiment.models import (
    AwsDependency,
    Dependency,
    Experiment,
    Phase,
    PlacedFault,
    TcpDependency,
)
from chaoskit.experiment.requests import make_stream
from chaoskit.experiment.rules import check_condition
from chaoskit.experiment.tables import make_table
from chaoskit.experiment.targets import resolve_target
from chaoskit.experiment.yaml12 import Node
from chaoskit.faults import FAULTS
from chaoskit.wire import HttpRequest

Complain = Callable[..., None]
RESERVED_PHASE = "warmup"


@functools.cache
def regions(service: str) -> tuple[str, ...]:
    """AWS's own names of the regions that have a service, from botocore's endpoint data."""
    from botocore.session import get_session

    session = get_session()
    found = [session.get_available_regions(service, name) for name in session.get_available_partitions()]
    return tuple(region for names in found for region in names)


class Resolver:
    """Resolves one row. Problems go to `complain` (at a node) or into `problems` (of another file)."""

    def __init__(self, path: Path, root: Node, complain: Complain, problems: dict[Problem, None]) -> None:
        self.path, self.root, self.complain, self.problems = path, root, complain, problems

    def resolve(self, file: ExperimentFile, name: str, digest: str, secrets: tuple[str, ...]) -> Experiment | None:
        """The experiment; None where its target cannot be found (every problem has been told)."""
        self._names(file)
        dependencies = tuple(self._dependency(n, d) for n, d in file.dependencies.items())
        self._addresses(dependencies)
        known = {dependency.name: dependency for dependency in dependencies}
        load = tuple(
            make_stream(n, stream, known, self.root.at(("load", n)), self.complain) for n, stream in file.load.items()
        )
        phases = self._phases(file.phases, known)
        target = resolve_target(file.target, self.path, self.root.at(("target",)), self.complain, self.problems)
        if target is None:
            return None
        if target.port is None and any(isinstance(item.request, HttpRequest) for s in load for item in s.items):
            self.complain(self.root.at(("target",)), "the load asks the target by HTTP, and the target has no port")
        experiment = Experiment(
            name=name,
            file=self.path.absolute(),
            digest=digest,
            title=file.title,
            description=file.description,
            tags=tuple(file.tags),
            expect=file.expect,
            target=target,
            dependencies=dependencies,
            warmup=file.warmup,
            load=load,
            steady=(),
            phases=phases,
            slos=(),
            secrets=secrets,
        )
        steady = self._conditions("steady", file.steady, experiment)
        return msgspec.structs.replace(experiment, steady=steady, slos=self._conditions("slos", file.slos, experiment))

    # ------------------------------------------------------------ names and dependencies

    def _names(self, file: ExperimentFile) -> None:
        """Loads, dependencies and `target` share one name space."""
        for name in file.dependencies:
            node = self.root.at(("dependencies", name))
            if name in file.load:
                self.complain(node, f"{name!r} is a load and a dependency", "give one of them another name")
            if name in regions("dynamodb"):
                self.complain(node, f"{name!r} is a region of AWS, and no dependency may bear such a name")
        for group in ("dependencies", "load"):
            if "target" in getattr(file, group):
                self.complain(self.root.at((group, "target")), "the name 'target' is the target's")

    def _dependency(self, name: str, file: AwsFile | TcpFile) -> Dependency:
        node = self.root.at(("dependencies", name))
        if isinstance(file, AwsFile):
            if file.region not in regions(file.aws):
                near = difflib.get_close_matches(file.region, regions(file.aws), 1)
                self.complain(
                    node.at(("region",)), f"no region {file.region!r}", f"did you mean {near[0]}?" if near else ""
                )
            tables = tuple(
                make_table(table, self.path.parent, node.at(("tables", i)), self.complain)
                for i, table in enumerate(file.tables)
            )
            return AwsDependency(name, file.aws, file.region, file.ttl, tables)
        host, port = self._split(file.tcp, node.at(("tcp",)))
        self._split(file.upstream, node.at(("upstream",)))
        return TcpDependency(name, host, port, file.upstream, file.ttl)

    def _split(self, text: str, node: Node) -> tuple[str, int]:
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            self.complain(node, f"{text!r} is no host:port", "e.g. redis:6379")
            return text, 0
        return host, int(port)

    def _addresses(self, dependencies: Iterable[Dependency]) -> None:
        """Two dependencies of one address cannot be told apart."""
        seen: dict[tuple[str, object], str] = {}
        for dependency in dependencies:
            key: tuple[str, object] = (
                (dependency.service, dependency.region)
                if isinstance(dependency, AwsDependency)
                else (dependency.host.lower(), dependency.port)
            )
            if key in seen:
                node = self.root.at(("dependencies", dependency.name))
                self.complain(node, f"{dependency.name!r} has the same address as {seen[key]!r}")
            seen[key] = dependency.name

    # ------------------------------------------------------------ phases

    def _phases(self, files: list[PhaseFile], known: dict[str, Dependency]) -> tuple[Phase, ...]:
        phases: list[Phase] = []
        for index, file in enumerate(files):
            node = self.root.at(("phases", index))
            self._phase_name(file.phase, phases, node)
            before = phases[-1] if phases else None
            faults = tuple(self._fault(file.phase, i, f, known, node, before) for i, f in enumerate(file.faults))
            if index == 0 and faults:
                self.complain(node, "the first phase is the baseline and takes no faults", "put a phase before it")
            if file.until and (faults or not any(phase.faults for phase in phases)):
                self.complain(
                    node.at(("until",)), "`until: steady` is for a phase without faults, after one with faults"
                )
            phases.append(Phase(file.phase, file.for_, faults, file.until is not None))
        return tuple(phases)

    def _phase_name(self, name: str, before: list[Phase], node: Node) -> None:
        if name == RESERVED_PHASE:
            self.complain(node.at(("phase",)), f"the phase {name!r} is there already: it is the load's warm-up")
        if any(phase.name == name for phase in before):
            self.complain(node.at(("phase",)), f"two phases are called {name!r}")

    def _fault(
        self, phase: str, index: int, file: Any, known: dict[str, Dependency], node: Node, before: Phase | None
    ) -> PlacedFault:
        where = node.at(("faults", index))
        kind = FAULTS[file.fault]
        parameters = {name: getattr(file, name) for name in kind.__struct_fields__}
        fault: Any = kind(**parameters)
        for name in file.of:
            self._fault_of(name, file.fault, known, where)
        placed = PlacedFault(f"{phase}.{index + 1}:{file.fault}", fault, tuple(file.of))
        same = [old for old in (before.faults if before else ()) if (old.fault, old.of) == (fault, placed.of)]
        return same[0] if same else placed

    def _fault_of(self, name: str, fault: str, known: dict[str, Dependency], node: Node) -> None:
        place = node.at(("of",))
        if name in known:
            kind = "aws" if isinstance(known[name], AwsDependency) else "tcp"
            if kind not in FAULTS[fault].takes:
                self.complain(place, f"{fault} cannot be of {name!r}, a {kind} dependency")
            return
        loads = self.root.at(("load",)).value
        if name == "target" or (isinstance(loads, dict) and name in loads):
            self.complain(
                place, f"{fault} is of a dependency, and {name!r} is {'the target' if name == 'target' else 'a load'}"
            )
        elif name.partition(".")[0] in known:
            self.complain(place, f"{fault} takes the whole dependency", f"of: {name.partition('.')[0]}")
        else:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"dependencies: {', '.join(known) or 'none'}"
            self.complain(place, f"no dependency {name!r}", hint)

    # ------------------------------------------------------------ conditions

    def _conditions(self, key: str, texts: list[str], experiment: Experiment) -> tuple[Condition, ...]:
        found = []
        for index, text in enumerate(texts):
            node = self.root.at((key, index)) if key in self.root.value else self.root
            try:
                condition = parse(text)
            except ConditionError as error:
                # An offset into the text is one into the line only where nothing was quoted or filled in.
                shift = error.offset if node.plain and node.value == text else 0
                self.complain(Node(None, node.line, node.column + shift), error.message, error.hint)
                continue
            found.append(condition)
            for message, hint in check_condition(condition, experiment, gate=key == "steady"):
                self.complain(node, f"`{text}`: {message}", hint)
        return tuple(found)
