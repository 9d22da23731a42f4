"""The target: a name in the nearest `targets/`, a path to a target.yaml or its folder, or a mapping in the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from chaoskit.experiment.file import ReadyFile, TargetFile
from chaoskit.experiment.models import Ready, Target
from chaoskit.experiment.nodes import Node, Place, Report, nearest, show
from chaoskit.experiment.reading import read_tree
from chaoskit.experiment.templates import Environment, Filler
from chaoskit.experiment.validate import validate

FILE = "target.yaml"
INLINE = "target"
"""Name of a target that is written into the experiment."""


@dataclass(frozen=True)
class Finder:
    """Where targets are looked for."""

    folder: Path
    """The experiment's, absolute."""
    environment: Environment
    report: Report

    def find(self, word: str, place: Place, base: Path) -> Target | None:
        """The target that a word means: a path (from `base`) or a name. None, and a problem, when there is none."""
        path = self._path(word, place, base)
        if path is None:
            return None
        root = read_tree(path, shown(path), self.report)
        if root is None:
            return None
        filled = Filler({}, self.environment, self.report).fill(root)
        sound = validate(TargetFile, filled, self.report)
        if sound is None or sound[1] is not filled:
            return None
        return self.make(path.parent.name, path.parent, *sound)

    def make(self, name: str, folder: Path, written: TargetFile, node: Node) -> Target:
        """A target from its model. What is wrong goes to the report."""
        workdir = None if written.workdir is None else (folder / written.workdir).resolve()
        if workdir is not None and not written.setup and not workdir.is_dir():
            self.report.add(node.at("workdir"), f"no folder {written.workdir}", f"paths resolve from {shown(folder)}")
        _check_environment(written, node, self.report)
        ready = _ready(written.ready, written.port, node, self.report)
        setup = tuple(tuple(command) for command in written.setup)
        return Target(name, folder, tuple(written.command), written.port, ready, written.env, workdir, setup)

    def _path(self, word: str, place: Place, base: Path) -> Path | None:
        if "/" not in word and not word.endswith((".yaml", ".yml")) and word not in (".", ".."):
            return self._named(word, place)
        path = (base / Path(word).expanduser()).resolve()
        path = path / FILE if path.is_dir() else path
        if path.is_file():
            return path
        self.report.add(place, f"no target at {show(word)}", f"looked for {shown(path)}")
        return None

    def _named(self, word: str, place: Place) -> Path | None:
        for folder in (self.folder, *self.folder.parents):
            targets = folder / "targets"
            if targets.is_dir():
                break
        else:
            self.report.add(place, f"no target {show(word)}: there is no `targets/` in or above {shown(self.folder)}")
            return None
        path = targets / word / FILE
        if path.is_file():
            return path
        names = sorted(other.parent.name for other in targets.glob(f"*/{FILE}"))
        self.report.add(place, f"no target {show(word)} in {shown(targets)}", nearest(word, names))
        return None


def _check_environment(written: TargetFile, node: Node, report: Report) -> None:
    env = node.child("env")
    for name, value in written.env.items() if env is not None else ():
        assert env is not None
        if not re.fullmatch(r"[^=\x00]+", name):
            report.add(env.keys[name], f"{show(name)} is no name of an environment variable")
        if "\x00" in value:
            report.add(env.at(name), "an environment variable holds no NUL")


def _ready(written: ReadyFile | None, port: int | None, node: Node, report: Report) -> Ready:
    if written is None:
        return Ready("alive" if port is None else "tcp")
    if written.alive:
        return Ready("alive", within=written.within)
    if port is None:
        report.add(node.at("ready"), "the target has no `port` to ask", "give it a port, or write `ready: alive`")
    if written.http is None:
        return Ready("tcp", within=written.within)
    return Ready("http", written.http, written.within)


def shown(path: Path) -> str:
    """A path as a person here would write it."""
    try:
        return str(path.relative_to(Path.cwd())) or "."
    except (ValueError, OSError):
        return str(path)
