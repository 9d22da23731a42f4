"""A file as a tree of nodes that know where they stand, and the report that collects what is wrong with them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from chaoskit.errors import Problem

Scalar: TypeAlias = str | int | float | bool | None
LINE_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
"""What libyaml counts as the end of a line."""
LONGEST_SHOWN = 200
"""Characters of an offending line, and of a value in a message."""
MOST_PROBLEMS = 200
"""More are counted, not listed: a file this wrong is not an experiment."""


class Source:
    """A file's name and lines."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.lines = LINE_BREAK.split(text)

    def line(self, number: int) -> str:
        """A line by its number from 1; empty past the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a source, from 1. `unknown`: it hangs on an `${env.NAME}` that is not set, so nothing is said."""

    source: Source
    line: int
    column: int
    unknown: bool = False

    def problem(self, message: str, hint: str = "") -> Problem:
        """Something wrong here."""
        shown = self.source.line(self.line)
        if max(len(shown), self.column) > LONGEST_SHOWN:
            shown = ""
        return Problem(self.source.name, self.line, self.column, message, shown, hint)


@dataclass(slots=True, eq=False)
class Node:
    """A value of the file. `value`: a scalar, a list of nodes, or a mapping of nodes.

    keys: places of a mapping's keys. size: values in it, aliases counted as often as they stand.
    templated: somewhere in it is a `${`.
    """

    place: Place
    value: Scalar | list[Node] | dict[str, Node]
    keys: dict[str, Place] = field(default_factory=dict)
    size: int = 1
    templated: bool = False

    def entries(self) -> dict[str, Node]:
        """Its entries; none when it is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    def elements(self) -> list[Node]:
        """Its elements; none when it is no list."""
        return self.value if isinstance(self.value, list) else []

    def at(self, *path: str | int) -> Place:
        """The place of something inside, or of the innermost thing on the way there that exists."""
        node = self
        for step in path:
            inner = node.child(step)
            if inner is None:
                return node.keys.get(str(step), node.place)
            node = inner
        return node.place

    def child(self, step: str | int) -> Node | None:
        """An entry or an element."""
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None


class Report:
    """Collects problems; the same one (of several rows of a matrix) once."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, int, int, str], Problem] = {}
        self._further = 0

    def add(self, place: Place, message: str, hint: str = "") -> None:
        """Something is wrong at a place."""
        if not place.unknown:
            self.put(place.problem(message, hint))

    def put(self, problem: Problem) -> None:
        """A problem with its place already in it."""
        key = (problem.file, problem.line, problem.column, problem.message)
        if key in self._problems:
            return
        if len(self._problems) < MOST_PROBLEMS:
            self._problems[key] = problem
        else:
            self._further += 1

    def problems(self) -> list[Problem]:
        """All of them, in the order of the file."""
        found = sorted(self._problems.values(), key=lambda problem: (problem.file, problem.line, problem.column))
        if self._further:
            found.append(Problem(found[-1].file, 0, 0, f"… and {self._further} problems more"))
        return found

    @property
    def full(self) -> bool:
        """Whether further problems are only counted: no use in looking for hints."""
        return len(self._problems) >= MOST_PROBLEMS

    def __len__(self) -> int:
        return len(self._problems)


def nearest(word: object, right: Iterable[str]) -> str:
    """`did you mean …?`, or, where nothing is near, what there is (if it is little)."""
    words = list(right)
    if isinstance(word, str) and len(word) <= 64:
        near = difflib.get_close_matches(word, words, 1, 0.6)
        if near:
            return f"did you mean {near[0]}?"
    return f"there is: {', '.join(words)}" if 0 < len(words) <= 16 else ""


def show(value: object) -> str:
    """A value in a message: short."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN // 2 else text[: LONGEST_SHOWN // 2] + "…"
