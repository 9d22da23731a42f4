"""YAML 1.2 with positions: libyaml's events, the core schema's types, and none of what surprises.

Refused: duplicate keys, keys that are no scalars, tags, merge keys, several documents, nesting beyond 50, aliases
that blow up, numbers that are not finite. Types by section 10.3.2 of YAML 1.2.2, so `on`, `yes` and `12:30` are text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import yaml

from chaoskit.errors import Problem
from chaoskit.experiment.nodes import Node, Place, Report, Scalar, Source

DEEPEST = 50
MOST_VALUES = 30_000
"""Values in a file with its aliases written out."""
READ_AGAIN = 500_000
"""Characters that may be read again in search of more unquoted templates."""
LONGEST_NUMBER = 400
"""Characters; a longer integer is no number anybody meant (and Python refuses to read it)."""
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL, _HEX = re.compile(r"0o[0-7]+"), re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
QUOTE_IT = 'quote it: inside { } and [ ], `${x}` must be written "${x}"'


class _Refused(Exception):  # noqa: N818 - control flow, never leaves this module
    """Parsing cannot go on; the problem is in the report."""


def parse(source: Source, text: str, report: Report) -> Node | None:
    """The file's tree; None when it cannot be read at all. Whatever is wrong goes to the report."""
    try:
        return _Builder(source, text, report).document()
    except _Refused:
        return None
    except yaml.MarkedYAMLError as error:
        _explain(error, source, text, report)
    except yaml.YAMLError as error:
        report.put(Problem(source.name, 0, 0, f"not YAML: {str(error).splitlines()[0]}"))
    return None


def _explain(error: yaml.MarkedYAMLError, source: Source, text: str, report: Report) -> None:
    """Report an error of syntax. After an unquoted template, go on to find the others."""
    found: yaml.MarkedYAMLError | None = error
    for _ in range(1 + READ_AGAIN // (len(text) + 1)):
        if found is None:
            return
        patched = _without_unquoted(found, source, text, report)
        if patched is None:
            report.put(_syntax(found, source))
            return
        text, found = patched, _first_error(patched)


def _first_error(text: str) -> yaml.MarkedYAMLError | None:
    try:
        for _event in yaml.parse(text, Loader=yaml.CSafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        return error
    except yaml.YAMLError:
        return None
    return None


def _without_unquoted(error: yaml.MarkedYAMLError, source: Source, text: str, report: Report) -> str | None:
    """Was it an unquoted `${…}` inside {} or []? Then say so, and hand back the text without it, just as long."""
    mark = error.problem_mark
    if mark is None:
        return None
    start = mark.index - 1
    if start < 0 or text[start : start + 2] != "${":
        return None
    report.add(Place(source, mark.line + 1, mark.column), "an unquoted ${…} inside { } or [ ]", QUOTE_IT)
    end = text.find("}", start)
    width = (end if end > 0 else start + 1) + 1 - start
    return text[:start] + "_" * width + text[start + width :]


def _syntax(error: yaml.MarkedYAMLError, source: Source) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = " ".join(str(word) for word in (error.context, error.problem) if word)
    if mark is None:
        return Problem(source.name, 0, 0, f"not YAML: {message}")
    return Place(source, mark.line + 1, mark.column + 1).problem(f"not YAML: {message}")


def scalar(text: str) -> Scalar:
    """A plain scalar's value by the core schema. Raises ValueError for a number that is not finite, or absurd."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(_sized(text))
    if _OCTAL.fullmatch(text):
        return int(_sized(text)[2:], 8)
    if _HEX.fullmatch(text):
        return int(_sized(text)[2:], 16)
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number; quote it if it is text")
    if _FLOAT.fullmatch(text):
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(f"{text[:20]} is too large a number; quote it if it is text")
        return value
    return text


def _sized(text: str) -> str:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} digits; quote it if it is text")
    return text


class _Builder:
    """Events in, nodes out."""

    def __init__(self, source: Source, text: str, report: Report) -> None:
        self._source = source
        self._report = report
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=yaml.CSafeLoader))
        self._anchors: dict[str, Node | None] = {}
        self._values = 0

    def document(self) -> Node | None:
        """The one document; None (and a problem) when there is none."""
        next(self._events)  # the stream's start
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            self._report.put(Problem(self._source.name, 0, 0, "the file is empty"))
            return None
        if getattr(start, "version", None) not in (None, (1, 2)):
            self._report.add(self._place(start), "experiments are YAML 1.2", "leave the %YAML line out")
        node = self._node(next(self._events), 0)
        next(self._events)  # the document's end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._report.add(self._place(after), "a second document; one file is one experiment")
        return node

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        assert mark is not None  # libyaml marks every event
        return Place(self._source, mark.line + 1, mark.column + 1)

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > DEEPEST:
            raise self._refusal(event, f"nested more than {DEEPEST} deep")
        self._no_tag(event)
        if isinstance(event, yaml.AliasEvent):
            node = self._alias(event)
            self._count(node.size, event)
            return node
        self._count(1, event)
        anchor = event.anchor if isinstance(event, yaml.NodeEvent) else None
        if anchor is not None:
            self._anchors[anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent) -> Node:
        name = event.anchor or ""
        if name not in self._anchors:
            raise self._refusal(event, f"no anchor &{name} before this alias")
        node = self._anchors[name]
        if node is None:
            raise self._refusal(event, f"*{name} contains itself")
        return node

    def _count(self, more: int, event: yaml.Event) -> None:
        self._values += more
        if self._values > MOST_VALUES:
            raise self._refusal(event, f"more than {MOST_VALUES:,} values")

    def _refusal(self, event: yaml.Event, message: str) -> _Refused:
        self._report.add(self._place(event), message)
        return _Refused()

    def _no_tag(self, event: yaml.Event) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._report.add(self._place(event), f"tags are not supported: {tag}", "quote text, leave tags out")

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        value: Scalar = event.value
        if event.implicit[0]:
            try:
                value = scalar(event.value)
            except ValueError as error:
                self._report.add(self._place(event), str(error))
        return Node(self._place(event), value, templated="${" in event.value)

    def _sequence(self, event: yaml.Event, depth: int) -> Node:
        elements = list[Node]()
        while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
            elements.append(self._node(inner, depth + 1))
        size = 1 + sum(node.size for node in elements)
        return Node(self._place(event), elements, size=size, templated=any(node.templated for node in elements))

    def _mapping(self, event: yaml.Event, depth: int) -> Node:
        node = Node(self._place(event), {})
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            key = self._key(inner, depth)
            value = self._node(next(self._events), depth + 1)
            self._enter(node, key, self._place(inner), value)
        return node

    def _key(self, event: yaml.Event, depth: int) -> str | None:
        """A key's text; None (and a problem) when it cannot be a key."""
        if not isinstance(event, yaml.ScalarEvent):
            self._report.add(self._place(event), "a key must be text")
            self._node(event, depth + 1)
            return None
        self._no_tag(event)
        if event.value == "<<" and event.implicit[0]:
            self._report.add(self._place(event), "merge keys (<<) are not YAML 1.2", "write the entries out")
            return None
        if "${" in event.value.replace("$${", ""):
            self._report.add(self._place(event), "keys take no templates", "only values may hold ${…}")
        if event.anchor is not None:
            self._anchors[event.anchor] = Node(self._place(event), event.value)
        return str(event.value)

    def _enter(self, node: Node, key: str | None, place: Place, value: Node) -> None:
        entries = node.entries()
        if key is None:
            return
        if key in entries:
            first = node.keys[key].line
            self._report.add(place, f"the key {key[:64]!r} is already on line {first}", "leave one of them out")
            return
        entries[key] = value
        node.keys[key] = place
        node.size += value.size
        node.templated = node.templated or value.templated
