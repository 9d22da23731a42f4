"""One row of a file as an Experiment: templates filled in, shape checked, names resolved, combinations checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chaoskit.experiment.dependencies import resolve_dependencies
from chaoskit.experiment.file import ExperimentFile, TargetFile
from chaoskit.experiment.judged import Judged
from chaoskit.experiment.models import Experiment, Target
from chaoskit.experiment.names import Names, check_names, written_names
from chaoskit.experiment.nodes import Node, Place, Report, Source
from chaoskit.experiment.phases import resolve_phases
from chaoskit.experiment.reading import digest
from chaoskit.experiment.requests import resolve_load, sends_http
from chaoskit.experiment.targets import INLINE, Finder
from chaoskit.experiment.templates import Filler
from chaoskit.experiment.validate import validate
from chaoskit.experiment.variables import Row
from chaoskit.wire import LoadStream

_UNKNOWN = Place(Source("", ""), 0, 0, unknown=True)


def _unknown(value: object) -> Node:
    """A stand-in for what is missing: nothing is said of it."""
    if isinstance(value, dict):
        return Node(_UNKNOWN, {key: _unknown(inner) for key, inner in value.items()}, dict.fromkeys(value, _UNKNOWN))
    if isinstance(value, list):
        return Node(_UNKNOWN, [_unknown(inner) for inner in value])
    assert isinstance(value, str)
    return Node(_UNKNOWN, value)


INSTEAD = {
    "title": _unknown("unset"),
    "target": _unknown("unset"),
    "load": _unknown({"unset": {"rate": "1/s", "requests": ["GET /"]}}),
    "phases": _unknown([{"phase": "unset", "for": "1s"}]),
}


@dataclass(frozen=True)
class Origin:
    """Where an experiment comes from."""

    path: Path
    text: str
    target: str | None
    """Given from outside; replaces the file's."""


def resolve(root: Node, row: Row, origin: Origin, report: Report) -> Experiment | None:
    """The experiment of one row; None when it could not be made. What is wrong goes to the report."""
    filled = _filled(root, row.filler, dropped=("target", "expect") if origin.target is not None else ())
    if origin.target is not None:
        filled.entries()["target"] = INSTEAD["target"]
    check_names(filled, report)
    names = written_names(filled)
    sound = validate(ExperimentFile, filled, report, INSTEAD)
    if sound is None:
        return None
    file, node = sound
    names.phases_sound = node.child("phases") is filled.child("phases")
    names.target_sound = node.child("target") is filled.child("target")
    names.loads_sound = node.child("load") is filled.child("load")
    made = _Resolver(file, node, names, origin, report).experiment(row)
    return made if node is filled else None  # what was cut out was wrong, or hangs on an unset variable


def _filled(root: Node, filler: Filler, dropped: tuple[str, ...]) -> Node:
    """The file without templates; `vars` and `matrix` have had their say."""
    entries = {
        key: _filled_load(inner, filler) if key == "load" else filler.fill(inner)
        for key, inner in root.entries().items()
        if key not in ("vars", "matrix", *dropped)
    }
    return Node(root.place, entries, root.keys, root.size)


def _filled_load(load: Node, filler: Filler) -> Node:
    """Per-request templates stay in requests and their effects, and nowhere else."""
    if not isinstance(load.value, dict):
        return filler.fill(load)
    streams = dict[str, Node]()
    for name, stream in load.value.items():
        entries = {key: filler.fill(inner, requests=key == "requests") for key, inner in stream.entries().items()}
        streams[name] = Node(stream.place, entries, stream.keys) if entries else filler.fill(stream)
    return Node(load.place, streams, load.keys)


class _Resolver:
    """Section after section; each needs the names of those before it."""

    def __init__(self, file: ExperimentFile, node: Node, names: Names, origin: Origin, report: Report) -> None:
        self._file = file
        self._node = node
        self._names = names
        self._origin = origin
        self._report = report
        self._folder = origin.path.resolve().parent

    def experiment(self, row: Row) -> Experiment | None:
        """All of it."""
        file, node, report = self._file, self._node, self._report
        written = node.child("dependencies") or node
        dependencies = resolve_dependencies(file.dependencies, written, self._folder, report)
        self._names.dependencies.update((one.name, one) for one in dependencies)
        load = self._load()
        phases = resolve_phases(file.phases, node.child("phases") or node, self._names, report)
        judged = Judged(self._names, phases, report)
        steady = judged.steady(file.steady, node.child("steady"))
        slos = judged.slos(file.slos, node.child("slos"))
        target = self._target(row)
        if target is None:
            return None
        self._port_for(target)
        origin = self._origin
        return Experiment(
            name=origin.path.stem + row.label,
            file=origin.path,
            digest=digest(origin.text, row.values, origin.target or ""),
            title=file.title,
            description=file.description.strip(),
            tags=tuple(file.tags),
            expect=file.expect,
            target=target,
            dependencies=tuple(dependencies),
            warmup=file.warmup,
            load=load,
            steady=steady,
            phases=phases,
            slos=slos,
            secrets=tuple(sorted(value for value in row.environment.used if value)),
        )

    def _load(self) -> tuple[LoadStream, ...]:
        written = self._node.child("load") or self._node
        for name, load in self._file.load.items():
            stream = resolve_load(name, load, written.child(name) or written, self._names, self._report)
            self._names.loads[name] = stream
        self._names.effects = frozenset(
            name for name, load in self._file.load.items() if all(request.effect for request in load.requests)
        )
        return tuple(self._names.loads.values())

    def _target(self, row: Row) -> Target | None:
        """The target; None when it is unknown, or wrong."""
        if not self._names.target_sound:
            return None
        finder, before = Finder(self._folder, row.environment, self._report), len(self._report)
        node = self._node.child("target") or self._node
        written = self._file.target
        if self._origin.target is not None:
            place = Place(Source(f"--target {self._origin.target}", ""), 0, 0)
            found = finder.find(self._origin.target, place, Path.cwd())
        elif isinstance(written, TargetFile):
            found = finder.make(INLINE, self._folder, written, node)
        else:
            found = None if node.place.unknown else finder.find(written, node.place, self._folder)
        return found if len(self._report) == before else None

    def _port_for(self, target: Target) -> None:
        """HTTP requests need a port to go to."""
        section = self._node.child("load") or self._node
        for name, stream in self._names.loads.items():
            if target.port is None and sends_http(stream):
                place = section.keys.get(name, section.place)
                self._report.add(place, f"{name} sends HTTP requests, and the target has no port", "give it a `port`")
