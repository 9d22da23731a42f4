"""`${…}`: vars, `${env.NAME}`, and the per-request templates, which are left for the load worker.

A scalar that is only `${x}` keeps x's type, also when quoted. `$${` is a literal `${`; in requests and their effects it
stays as it is, for the load worker takes it back there, where it draws `${uuid}`, `${seq}` and `${1..500}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chaoskit.errors import Problem
from chaoskit.experiment.nodes import Node, Place, Report, Scalar, nearest

_TEMPLATE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_ENV = re.compile(r"env\.([A-Za-z_][A-Za-z0-9_]*)")
_RANGE = re.compile(r"(-?\d{1,18})\.\.(-?\d{1,18})")
PER_REQUEST = ("uuid", "seq")
RESERVED = (*PER_REQUEST, "env")
"""Words that no var may be called."""
MOST_TEXT = 1_000_000
"""Characters that the templates of one row may come to: vars of vars grow fast."""
MOST_TEMPLATES = 50_000
UNSET = "unset"
"""What stands for an `${env.NAME}` that is not set, where that is only a note."""


@dataclass
class Environment:
    """`${env.NAME}`: what was looked up, and what was missing."""

    values: Mapping[str, str]
    required: bool
    """Whether an unset one is an error, or a note."""
    used: set[str] = field(default_factory=set)
    """Values handed out: secrets."""
    notes: dict[str, Problem] = field(default_factory=dict)

    def get(self, name: str, place: Place, report: Report) -> str | None:
        """A variable's value; None when it is unset, which is then a problem or a note."""
        value = self.values.get(name)
        if value is not None:
            self.used.add(value)
            return value
        problem = place.problem(f"${{env.{name}}} is not set", f"export {name}=…")
        if self.required:
            report.put(problem)
        else:
            self.notes.setdefault(name, problem)
        return None


@dataclass(frozen=True)
class _Filled:
    """What a template came to. `unknown`: it hangs on something that is not set, or wrong and reported."""

    value: Scalar
    unknown: bool = False


class Filler:
    """Fills templates in. `vars`: name → node, as written; each is filled in itself when first used."""

    def __init__(self, variables: Mapping[str, Node], environment: Environment, report: Report) -> None:
        self._vars = variables
        self._environment = environment
        self._report = report
        self._done: dict[str, _Filled] = {}
        self._open: list[str] = []
        self._budget = MOST_TEXT
        self._templates = MOST_TEMPLATES

    def has(self, name: str) -> bool:
        """Whether there is such a var."""
        return name in self._vars

    def var(self, name: str) -> Scalar:
        """The value of a var that exists."""
        return self._var(name).value

    def fill(self, node: Node, requests: bool = False) -> Node:
        """The node without templates; with `requests`, per-request templates (and `$${`) stay."""
        if not node.templated:
            return node
        if isinstance(node.value, str):
            filled = self._scalar(node.value, node.place, requests)
            return Node(replace(node.place, unknown=filled.unknown), filled.value)
        if isinstance(node.value, list):
            return replace(node, value=[self.fill(inner, requests) for inner in node.value])
        return replace(node, value={key: self.fill(inner, requests) for key, inner in node.entries().items()})

    def _scalar(self, text: str, place: Place, requests: bool) -> _Filled:
        whole = _TEMPLATE.fullmatch(text)
        if whole is not None and whole[1] is not None:
            filled = self._template(whole, place, requests)
            return _Filled(text) if filled is None else self._literal(filled, requests)
        parts = list[str]()
        unknown, end = False, 0
        for match in _TEMPLATE.finditer(text):
            parts.append(text[end : match.start()])
            filled = self._template(match, place, requests)
            part = _Filled(match[0]) if filled is None else self._literal(filled, requests)
            parts.append(written(part.value))
            unknown, end = unknown or part.unknown, match.end()
        return _Filled("".join([*parts, text[end:]]), unknown)

    def _literal(self, filled: _Filled, requests: bool) -> _Filled:
        """In a request, a `${` that a value brings must reach the load worker as a literal one."""
        if requests and isinstance(filled.value, str) and "${" in filled.value:
            return _Filled(filled.value.replace("${", "$${"), filled.unknown)
        return filled

    def _template(self, match: re.Match[str], place: Place, requests: bool) -> _Filled | None:
        """What one template stands for; None: it is to stay as it is."""
        if not self._within_budget(place):
            return _Filled("", unknown=True)
        if match[0] == "$${":
            return None if requests else _Filled("${")
        if match[1] is None:
            return self._wrong(place, "a ${ without its }", "write $${ for a literal ${")
        word = match[1]
        if _RANGE.fullmatch(word) or word in PER_REQUEST:
            return self._per_request(word, place, requests)
        if env := _ENV.fullmatch(word):
            value = self._environment.get(env[1], place, self._report)
            return self._spend(_Filled(UNSET, unknown=True) if value is None else _Filled(value))
        if word not in self._vars:
            return self._unknown(word, place, requests)
        return self._spend(self._var(word, place))

    def _per_request(self, word: str, place: Place, requests: bool) -> _Filled | None:
        if not requests:
            return self._wrong(place, f"${{{word}}} is drawn per request: it can only stand in requests and effects")
        limits = _RANGE.fullmatch(word)
        if limits and int(limits[1]) > int(limits[2]):
            return self._wrong(place, f"the range ${{{word}}} is empty", f"write ${{{limits[2]}..{limits[1]}}}")
        return None

    def _unknown(self, word: str, place: Place, requests: bool) -> _Filled:
        if word.startswith("env."):
            return self._wrong(place, f"${{{word[:64]}}} names no environment variable", "write ${env.NAME}")
        squeezed = word.replace(" ", "")
        if squeezed != word and (squeezed in self._vars or _RANGE.fullmatch(squeezed) or squeezed in PER_REQUEST):
            return self._wrong(place, f"${{{word[:64]}}} holds spaces", f"write ${{{squeezed}}}")
        known = [*self._vars, *(PER_REQUEST if requests else ())]
        return self._wrong(place, f"no var {word[:64]!r}", nearest(word, known))

    def _wrong(self, place: Place, message: str, hint: str = "") -> _Filled:
        self._report.add(place, message, hint)
        return _Filled(UNSET, unknown=True)

    def _var(self, name: str, place: Place | None = None) -> _Filled:
        if name in self._done:
            return self._done[name]
        node = self._vars[name]
        if name in self._open:
            circle = " → ".join([*self._open[self._open.index(name) :], name])
            return self._wrong(place or node.place, f"vars go in a circle: {circle}")
        if len(self._open) > 50:
            return self._wrong(place or node.place, "vars of vars more than 50 deep")
        self._open.append(name)
        filled = (
            _Filled(node.value, node.place.unknown) if not isinstance(node.value, list | dict) else _Filled(None, True)
        )
        if isinstance(filled.value, str) and node.templated:
            filled = self._scalar(filled.value, node.place, requests=False)
        self._open.pop()
        self._done[name] = filled
        return filled

    def _spend(self, filled: _Filled) -> _Filled:
        self._budget -= len(filled.value) if isinstance(filled.value, str) else 1
        return filled

    def _within_budget(self, place: Place) -> bool:
        self._templates -= 1
        if self._budget >= 0 and self._templates >= 0:
            return True
        if self._budget != -MOST_TEXT:
            self._report.add(place, f"the templates come to more than {MOST_TEXT:,} characters")
            self._budget = -MOST_TEXT
        return False


def written(value: Scalar) -> str:
    """A value inside a longer text, as YAML writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
