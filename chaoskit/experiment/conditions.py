"""The grammar of conditions: one parser for `steady` and `slos`.

condition = measure [ stat ] [ "of" address ] op bound [ "during" phase { "," phase } ] ;
address   = one { "," one } ;   one = load | dependency [ "." operation ] ;
bound     = number [ unit ] | number "x" "baseline" ;
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

from chaoskit import units
from chaoskit.measures import MEASURES, Measure

Operator = Literal["<=", "<", ">=", ">", "=="]
OPERATORS: tuple[Operator, ...] = ("<=", ">=", "==", "<", ">")
_TOKEN = re.compile(r"\s*(<=|>=|==|<|>|,|[^\s,<>=]+|=)")
_STAT = re.compile(r"p(\d+(?:\.\d+)?)|mean|max|min")


@dataclass(frozen=True)
class Address:
    """One thing an `of` names: a load, or a dependency, or one operation of a dependency."""

    name: str
    operation: str = ""


@dataclass(frozen=True)
class Condition:
    """A condition, parsed.

    stat: `p99`, `p99.9`, `mean`, `max`, `min`, or empty.
    bound: in the measure's unit; a factor when `relative` (`2x baseline`).
    during: names of phases; empty = the default range of the rules.
    """

    text: str
    measure: str
    stat: str
    of: tuple[Address, ...]
    op: Operator
    bound: float
    relative: bool
    during: tuple[str, ...]


class ConditionError(Exception):
    """What is wrong, at which offset of the text, and what would be right."""

    def __init__(self, offset: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.offset, self.message, self.hint = offset, message, hint


class _Tokens:
    def __init__(self, text: str) -> None:
        self.found = [(match.start(1), match[1]) for match in _TOKEN.finditer(text)]
        self.end = len(text)
        self.next = 0

    def peek(self) -> str:
        return self.found[self.next][1] if self.next < len(self.found) else ""

    def offset(self) -> int:
        return self.found[self.next][0] if self.next < len(self.found) else self.end

    def take(self) -> str:
        word = self.peek()
        self.next += 1
        return word

    def names(self) -> list[tuple[int, str]]:
        """one { "," one }"""
        names = [(self.offset(), self.take())]
        while self.peek() == ",":
            self.take()
            names.append((self.offset(), self.take()))
        return names


def parse(text: str) -> Condition:
    """Parse a condition. Raises ConditionError; names of loads, dependencies and phases are not looked up here."""
    tokens = _Tokens(text)
    measure = _measure(tokens)
    stat = _stat(tokens, measure)
    of = _of(tokens, measure)
    op = _operator(tokens)
    bound, relative = _bound(tokens, measure)
    during = _during(tokens)
    if tokens.peek():
        raise ConditionError(tokens.offset(), f"{tokens.peek()!r} is too much here", "a condition ends with its phases")
    return Condition(text, measure.name, stat, of, op, bound, relative, during)


def _measure(tokens: _Tokens) -> Measure:
    offset, word = tokens.offset(), tokens.take()
    if word not in MEASURES:
        near = difflib.get_close_matches(word, MEASURES, 1)
        hint = f"did you mean {near[0]}?" if near else f"measures: {', '.join(MEASURES)}"
        raise ConditionError(offset, f"{word!r} is no measure", hint)
    return MEASURES[word]


def _stat(tokens: _Tokens, measure: Measure) -> str:
    offset, word = tokens.offset(), tokens.peek()
    is_stat = _STAT.fullmatch(word)
    if measure.stat and not is_stat:
        raise ConditionError(
            offset, f"{measure.name} needs a statistic", f"write {measure.name} p99, or mean, max, min"
        )
    if not is_stat:
        return ""
    if not measure.stat:
        raise ConditionError(offset, f"{measure.name} takes no statistic", f"leave {word} out")
    if is_stat[1] and not 0 < float(is_stat[1]) < 100:
        raise ConditionError(offset, f"{word} is no percentile", "p50, p99, p99.9 …")
    return tokens.take()


def _of(tokens: _Tokens, measure: Measure) -> tuple[Address, ...]:
    if tokens.peek() != "of":
        if measure.needs_of:
            what = "a load" if measure.of == "load" else "a dependency"
            raise ConditionError(tokens.offset(), f"{measure.name} needs an `of`: {what}")
        return ()
    if measure.of == "none":
        raise ConditionError(tokens.offset(), f"{measure.name} takes no `of`")
    tokens.take()
    addresses = []
    for offset, word in tokens.names():
        name, dot, operation = word.partition(".")
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", name) or (dot and not operation.isalnum()):
            raise ConditionError(offset, f"{word!r} is no name", "a load, a dependency, or dependency.Operation")
        addresses.append(Address(name, operation))
    return tuple(addresses)


def _operator(tokens: _Tokens) -> Operator:
    offset, word = tokens.offset(), tokens.take()
    for op in OPERATORS:
        if word == op:
            return op
    hint = "did you mean ==?" if word == "=" else f"one of {', '.join(OPERATORS)}"
    raise ConditionError(
        offset, f"a comparison is missing before {word!r}" if word else "a comparison is missing", hint
    )


def _bound(tokens: _Tokens, measure: Measure) -> tuple[float, bool]:
    offset, word = tokens.offset(), tokens.take()
    factor = re.fullmatch(r"(\d+(?:\.\d+)?)x", word)
    if factor and tokens.peek() == "baseline":
        tokens.take()
        if measure.name in ("lost", "time_to_recover", "amplification"):
            raise ConditionError(offset, f"{measure.name} has no baseline to compare with")
        return float(factor[1]), True
    try:
        return _value(word, measure), False
    except ValueError as error:
        raise ConditionError(offset, f"{measure.name} is a {_kind(measure)}: {error}") from None


def _value(word: str, measure: Measure) -> float:
    match measure.unit:
        case "share":
            return units.share(word)
        case "seconds":
            return units.duration(word)
        case "count":
            if not word.isdigit():
                raise ValueError(f"{word!r} is not a whole number, e.g. 0")
            return float(word)
        case _:
            if not re.fullmatch(r"\d+(\.\d+)?", word):
                raise ValueError(f"{word!r} is not a plain number, e.g. 1.5")
            return float(word)


def _kind(measure: Measure) -> str:
    return {"share": "share", "seconds": "duration", "count": "count", "ratio": "ratio"}[measure.unit]


def _during(tokens: _Tokens) -> tuple[str, ...]:
    if tokens.peek() != "during":
        return ()
    tokens.take()
    names = []
    for offset, word in tokens.names():
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", word):
            raise ConditionError(offset, f"{word!r} is no phase's name" if word else "a phase's name is missing")
        names.append(word)
    return tuple(names)
