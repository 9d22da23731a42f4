"""Options that several commands share, and the loading of files they lead to."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from chaoskit.errors import FileProblems, Problem, UsageProblem

if TYPE_CHECKING:
    from chaoskit.experiment.loader import Loaded

Command = TypeVar("Command", bound=Callable[..., object])

files = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")


def with_vars(command: Command) -> Command:
    """Add --target and --set."""
    command = click.option(
        "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Set a var of the file. Repeatable."
    )(command)
    return click.option(
        "--target", metavar="T", help="Run this target instead: a name in targets/, or a path to a target.yaml."
    )(command)


def parse_settings(words: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` words as a mapping. Raises UsageProblem with the right spelling."""
    settings = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageProblem(f"--set {word}: write it as NAME=VALUE, e.g. --set outage=30s")
        settings[name] = value
    return settings


def load_files(paths: Sequence[Path], settings: Sequence[str], target: str | None, running: bool) -> list[Loaded]:
    """Load all files; every problem of every file is raised in one FileProblems."""
    from chaoskit.experiment.loader import load

    loaded, problems = [], list[Problem]()
    values = parse_settings(settings)
    for path in paths:
        try:
            loaded.append(load(path, settings=values, environ=os.environ, target=target, running=running))
        except FileProblems as error:
            problems += error.problems
    if problems:
        raise FileProblems(problems)
    return loaded
