"""YAML 1.2, read strictly, with the position of every value.

libyaml's events by PyYAML; the types of plain scalars are the core schema's of YAML 1.2 (10.3.2), which is not what
PyYAML resolves: `on`, `no` and `1:30` are texts here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from chaoskit.errors import Problem

MOST_BYTES = 256_000
MOST_NODES = 50_000
"""With aliases expanded: a file that grows beyond this is a bomb, not an experiment."""
MOST_DEPTH = 60
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT, _OCTAL, _HEX = re.compile(r"[-+]?[0-9]+"), re.compile(r"0o[0-7]+"), re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
LONGEST_NUMBER = 400
"""Characters: a longer plain scalar is a text; converting thousands of digits is slow, and Python refuses it."""


@dataclass
class Node:
    """A value and where it stands (1-based). `value`: a scalar, a list of nodes, or a dict of key → node."""

    value: Any
    line: int
    column: int
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of a mapping: where each key stands."""
    plain: bool = False
    """A scalar without quotes: its text starts at its column."""

    def at(self, path: tuple[str | int, ...]) -> Node:
        """The node at a path, as deep as it goes; steps that are no key here (a union's tag) are passed over."""
        node = self
        for step in path:
            inside = node.value
            if isinstance(inside, dict) and step in inside:
                node = inside[str(step)]
            elif isinstance(inside, list) and isinstance(step, int) and step < len(inside):
                node = inside[step]
        return node


class Unreadable(Exception):  # noqa: N818
    """The text is no YAML of ours; says where and why."""

    def __init__(self, message: str, line: int, column: int, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.line, self.column, self.hint = message, line, column, hint


class Reader:
    """Reads one document; duplicate keys and the like are collected in `problems`."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.lines = file, text.splitlines()
        self.problems: list[Problem] = []
        self._text = text
        self._anchors: dict[str, Node] = {}
        self._count = 0
        self._events: Iterator[Any] = iter(())

    def problem(self, message: str, line: int, column: int, hint: str = "") -> Problem:
        """A problem at a place of this file, with its line."""
        return Problem(self.file, line, column, message, self._source(line)[:200], hint)

    def read(self) -> Node | None:
        """The document's tree; None when it is unreadable (then `problems` says why)."""
        try:
            return self._document()
        except Unreadable as error:
            self.problems.append(self.problem(error.message, error.line, error.column, error.hint))
        except yaml.MarkedYAMLError as error:
            self.problems.append(self._syntax(error))
        except yaml.reader.ReaderError as error:
            self.problems.append(self.problem(f"unreadable character: {error.reason}", 1, 1))
        return None

    def _document(self) -> Node:
        self._events = iter(yaml.parse(self._text, Loader=_LOADER))
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise Unreadable("the file is empty", 1, 1, "start with title: …")
        node = self._node(next(self._events), 0)
        next(self._events)
        if not isinstance(next(self._events), yaml.StreamEndEvent):
            raise Unreadable("more than one document in a file", node.line, 1, "one file, one experiment")
        return node

    def _syntax(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if _unquoted_template(self._source(line)):
            return self.problem("a ${…} inside { } or [ ] must be quoted", line, column, 'write "${…}"')
        what = ", ".join(filter(None, [error.problem, error.context]))
        return self.problem(f"not valid YAML: {what}", line, column)

    # ------------------------------------------------------------ nodes

    def _node(self, event: Any, depth: int) -> Node:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        self._count += 1
        if self._count > MOST_NODES or depth > MOST_DEPTH:
            raise Unreadable("the file grows too large through aliases or nesting", line, column)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, line, column)
        if event.tag is not None and not (isinstance(event, yaml.ScalarEvent) and event.tag == "!"):
            raise Unreadable(f"tags are not used here: {event.tag}", line, column)
        node = Node(None, line, column)
        self._fill(node, event, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _fill(self, node: Node, event: Any, depth: int) -> None:
        if isinstance(event, yaml.ScalarEvent):
            node.plain = event.style in (None, "")
            node.value = _resolve(event.value) if node.plain else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            node.value = []
            while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
                node.value.append(self._node(item, depth + 1))
        else:
            node.value = {}
            while not isinstance(key := next(self._events), yaml.MappingEndEvent):
                self._add(node, self._node(key, depth + 1), self._node(next(self._events), depth + 1))

    def _alias(self, anchor: str | None, line: int, column: int) -> Node:
        if anchor is None or anchor not in self._anchors:
            raise Unreadable(f"no anchor &{anchor} before this", line, column)
        self._count += _size(self._anchors[anchor])
        if self._count > MOST_NODES:
            raise Unreadable("the file grows too large through aliases", line, column)
        return self._anchors[anchor]

    def _add(self, node: Node, key: Node, value: Node) -> None:
        where = (key.line, key.column)
        if isinstance(key.value, dict) and _unquoted_template(self._source(key.line)):
            raise Unreadable("a ${…} inside { } or [ ] must be quoted", *where, 'write "${…}"')
        if isinstance(key.value, dict | list):
            raise Unreadable("a key must be a word", *where)
        name = _key_text(key.value)
        if key.plain and key.value == "<<":
            self.problems.append(self.problem("merge keys (<<) are not part of YAML 1.2", *where))
        elif name in node.value:
            first = node.keys[name][0]
            self.problems.append(self.problem(f"the key {name!r} stands twice (first in line {first})", *where))
        elif "${" in name:
            self.problems.append(self.problem("a key takes no ${…}", *where))
        else:
            node.value[name] = value
            node.keys[name] = where

    def _source(self, line: int) -> str:
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ""


def _size(node: Node) -> int:
    inside = node.value
    children = inside.values() if isinstance(inside, dict) else inside if isinstance(inside, list) else ()
    return 1 + sum(map(_size, children))


def _unquoted_template(source: str) -> bool:
    """A `${` with nothing but flow punctuation before it, as `{app: ${x}}` has."""
    return bool(re.search(r"[{\[,:]\s*\$\{", source))


def _key_text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def _resolve(text: str) -> Any:
    """A plain scalar by the core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > LONGEST_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
