"""A file → the experiments it holds, one per row of its matrix; or every problem it has, in one go."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic

from chaoskit.errors import FileProblems, Problem
from chaoskit.experiment import templates
from chaoskit.experiment.file import ExperimentFile
from chaoskit.experiment.messages import explain
from chaoskit.experiment.models import Experiment
from chaoskit.experiment.resolve import Resolver
from chaoskit.experiment.yaml12 import MOST_BYTES, Node, Reader

VAR_PREFIX = "CHAOSKIT_VAR_"


@dataclass(frozen=True)
class Loaded:
    """What a file holds. notes: what is not wrong yet, e.g. an environment variable that a run will need."""

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
    """Load one experiment file.

    settings: `--set NAME=VALUE`. environ: default os.environ. target: `--target`, which drops `matrix` and `expect`.
    running: an unset `${env.NAME}` is a problem, not a note. Raises FileProblems with all that is wrong.
    """
    reader = _open(path)
    root = reader.read()
    if root is None:
        raise FileProblems(reader.problems)
    if not isinstance(root.value, dict):
        raise FileProblems([reader.problem("an experiment is a mapping of keys", root.line, root.column, "title: …")])
    return _Loading(path, reader, root, dict(settings or {}), os.environ if environ is None else environ).load(
        target, running
    )


def _open(path: Path) -> Reader:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileProblems([Problem(str(path), 0, 0, f"cannot be read: {error.strerror}")]) from None
    if len(data) > MOST_BYTES:
        text = f"{len(data):,} bytes; an experiment has at most {MOST_BYTES:,}"
        raise FileProblems([Problem(str(path), 0, 0, text, hint="move data into a file that `items:` names")])
    try:
        return Reader(str(path), data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileProblems([Problem(str(path), line, 1, "not UTF-8")]) from None


class _Loading:
    """The loading of one file; collects problems over all rows, each once."""

    def __init__(
        self, path: Path, reader: Reader, root: Node, settings: dict[str, str], environ: Mapping[str, str]
    ) -> None:
        self.path, self.reader, self.root = path, reader, root
        self.settings, self.environ = settings, environ
        self.problems: dict[Problem, None] = dict.fromkeys(reader.problems)
        self.notes: dict[Problem, None] = {}

    def complain(self, node: Node, message: str, hint: str = "") -> None:
        """A problem at a node."""
        self.problems[self.reader.problem(message, node.line, node.column, hint)] = None

    def load(self, target: str | None, running: bool) -> Loaded:
        """All rows."""
        vars_ = self._mapping("vars")
        given = self._given(vars_)
        if target is not None:
            self.root.value.pop("matrix", None)
            self.root.value.pop("expect", None)
            self.root.value["target"] = Node(target, 1, 1)
        rows = self._rows(given)
        experiments = [self._experiment(row, vars_, given, running) for row in rows]
        if self.problems:
            raise FileProblems(sorted(self.problems, key=lambda problem: (problem.file, problem.line, problem.column)))
        return Loaded(tuple(e for e in experiments if e is not None), tuple(self.notes))

    # ------------------------------------------------------------ vars and rows

    def _mapping(self, key: str) -> dict[str, Node]:
        node = self.root.value.get(key)
        return node.value if node is not None and isinstance(node.value, dict) else {}

    def _given(self, vars_: Mapping[str, Node]) -> dict[str, Any]:
        """Values of --set and CHAOSKIT_VAR_…, read as YAML scalars are; unknown names of --set are problems."""
        known = {*vars_, *(name for row in self._row_nodes() for name in row.value)}
        for name in self.settings:
            if name not in known:
                hint = f"vars of this file: {', '.join(sorted(known)) or 'none'}"
                self.problems[Problem(str(self.path), 0, 0, f"--set {name}: the file has no such var", hint=hint)] = (
                    None
                )
        from_environ = {
            name: self.environ[VAR_PREFIX + name.upper()] for name in known if VAR_PREFIX + name.upper() in self.environ
        }
        texts = from_environ | {name: value for name, value in self.settings.items() if name in known}
        return {name: self._scalar(text) for name, text in texts.items()}

    def _scalar(self, text: str) -> Any:
        node = Reader("--set", text).read()
        return text if node is None or isinstance(node.value, dict | list) else node.value

    def _row_nodes(self) -> list[Node]:
        node = self.root.value.get("matrix")
        rows = node.value if node is not None and isinstance(node.value, list) else []
        return [row for row in rows if isinstance(row.value, dict)]

    def _rows(self, given: Mapping[str, Any]) -> list[Node]:
        """The rows to run: those that agree with every value that was set."""
        rows = self._row_nodes()
        if not rows:
            return [Node({}, 1, 1)]
        selected = [
            row for row in rows if all(name not in row.value or row.value[name].value == v for name, v in given.items())
        ]
        if not selected:
            values = ", ".join(f"{name}={value}" for name, value in given.items())
            self.complain(self.root.value["matrix"], f"no row of the matrix has {values}")
        return selected

    def _row_name(self, row: Node) -> str:
        """`[app=billing-naive]`: the fewest of the row's vars, in their order, that tell it from the others."""
        rows = self._row_nodes()
        names: list[str] = []
        for name in row.value:
            alike = [r for r in rows if all(_value(r, n) == _value(row, n) for n in names)]
            if len(alike) <= 1:
                break
            if name != "expect" or len(row.value) == 1:
                names.append(name)
        shown = ",".join(f"{name}={row.value[name].value}" for name in names)
        return f"{self.path.stem}[{shown}]" if shown else self.path.stem

    # ------------------------------------------------------------ one row

    def _experiment(
        self, row: Node, vars_: Mapping[str, Node], given: Mapping[str, Any], running: bool
    ) -> Experiment | None:
        before = len(self.problems)
        in_row = {name: node for name, node in row.value.items() if name not in given}
        values = templates.resolve_vars({**vars_, **in_row}, given, self.complain)
        filler = templates.Filler(values, self.environ, running, self.complain)
        data = {key: self._fill(filler, key, node) for key, node in self.root.value.items()}
        for node, name in filler.unset:
            text = f"the environment variable {name} is not set; a run needs it"
            self.notes[self.reader.problem(text, node.line, node.column)] = None
        try:
            file = ExperimentFile.model_validate(data)
        except pydantic.ValidationError as error:
            for details in error.errors(include_url=False):
                message, hint, line, column = explain(details, self.root)
                self.problems[self.reader.problem(message, line, column, hint)] = None
            return None
        resolver = Resolver(self.path, self.root, self.complain, self.problems)
        name = self._row_name(row)
        experiment = resolver.resolve(file, name, self._digest(values), tuple(sorted(filler.secrets)))
        return experiment if len(self.problems) == before else None

    def _fill(self, filler: templates.Filler, key: str, node: Node) -> Any:
        """vars and rows are done with; per-request templates may stand in requests only."""
        if key in ("vars", "matrix"):
            return templates.Filler({}, {}, False, lambda *_: None).plain(node)
        if key != "load" or not isinstance(node.value, dict):
            return filler.plain(node)
        loads: dict[str, Any] = {}
        for name, load in node.value.items():
            fields = load.value if isinstance(load.value, dict) else None
            if fields is None:
                loads[name] = filler.plain(load)
            else:
                loads[name] = {k: filler.plain(child, per_request=k == "requests") for k, child in fields.items()}
        return loads

    def _digest(self, values: Mapping[str, Any]) -> str:
        text = self.path.read_bytes() + json.dumps(values, sort_keys=True, default=str).encode()
        return hashlib.sha256(text).hexdigest()


def _value(row: Node, name: str) -> Any:
    return row.value[name].value if name in row.value else None
