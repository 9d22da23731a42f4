"""The target: a name in the nearest `targets/`, a path, or an inline mapping."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import pydantic

from chaoskit.errors import Problem
from chaoskit.experiment.file import ReadyFile, TargetFile
from chaoskit.experiment.models import Ready, Target
from chaoskit.experiment.yaml12 import Node, Reader

Problems = dict[Problem, None]


def resolve_target(
    file: str | TargetFile, experiment: Path, node: Node, complain: Callable[..., None], problems: Problems
) -> Target | None:
    """The target; None when it cannot be found or read (told)."""
    folder = experiment.absolute().parent
    if isinstance(file, TargetFile):
        return _make("target", folder, file, node, complain)
    path = _find(file, folder, node, complain)
    return _read(path, problems) if path is not None else None


def _find(name: str, folder: Path, node: Node, complain: Callable[..., None]) -> Path | None:
    if "/" in name or name.endswith(".yaml"):
        path = folder / name
        path = path / "target.yaml" if path.is_dir() else path
        if path.is_file():
            return path
        complain(node, f"no target at {path}", "a path counts from the experiment's folder")
        return None
    known: list[str] = []
    for parent in (folder, *folder.parents):
        places = {path.parent.name: path for path in parent.glob("targets/*/target.yaml")}
        if name in places:
            return places[name]
        known += places
    near = difflib.get_close_matches(name, known, 1)
    hint = (
        f"did you mean {near[0]}?" if near else f"targets: {', '.join(sorted(known)) or 'none in any targets/ above'}"
    )
    complain(node, f"no target {name!r}", hint)
    return None


def _read(path: Path, problems: Problems) -> Target | None:
    """A target.yaml, with its own positions."""
    from chaoskit.experiment.messages import explain_in

    try:
        reader = Reader(str(path), path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        problems[Problem(str(path), 0, 0, f"cannot be read: {error}")] = None
        return None
    root = reader.read()
    problems |= dict.fromkeys(reader.problems)
    if root is None:
        return None
    from chaoskit.experiment.templates import Filler

    data = Filler({}, {}, False, lambda *_: None).plain(root)
    try:
        file = TargetFile.model_validate(data)
    except pydantic.ValidationError as error:
        for details in error.errors(include_url=False):
            message, hint, line, column = explain_in("target", details, root)
            problems[reader.problem(message, line, column, hint)] = None
        return None

    def complain(node: Node, message: str, hint: str = "") -> None:
        problems[reader.problem(message, node.line, node.column, hint)] = None

    return _make(path.absolute().parent.name, path.absolute().parent, file, root, complain)


def _make(name: str, folder: Path, file: TargetFile, node: Node, complain: Callable[..., None]) -> Target:
    ready = _ready(file, node, complain)
    command = list(file.command)
    if "/" in command[0] and not Path(command[0]).is_absolute():
        command[0] = str(folder / command[0])
    return Target(
        name=name,
        folder=folder,
        command=tuple(command),
        port=file.port,
        ready=ready,
        env=file.env,
        workdir=folder / file.workdir if file.workdir else None,
        setup=tuple(tuple(words) for words in file.setup),
    )


def _ready(file: TargetFile, node: Node, complain: Callable[..., None]) -> Ready:
    ready = file.ready or ReadyFile()
    given = [name for name in ("http", "tcp", "alive") if getattr(ready, name) is not None]
    if len(given) > 1:
        complain(node.at(("ready",)), f"ready is one of http, tcp and alive, not {' and '.join(given)}")
    kind = given[0] if given else ("tcp" if file.port else "alive")
    if kind != "alive" and file.port is None:
        complain(node.at(("ready",)), f"ready: {kind} needs the target's port", "port: 8080")
    return Ready(kind, ready.http or "/", ready.within)  # type: ignore[arg-type]
