"""The grammar of conditions: one parser for `steady` and `slos`.

    condition = measure op bound [ "during" phase { "," phase } ] ;
    measure   = word [ stat ] [ "of" address { "," address } ] ;
    stat      = "p" number | "mean" | "max" | "min" ;            (required by timings, and only theirs)
    address   = load | dependency [ "." operation ] ;
    op        = "<=" | "<" | ">=" | ">" | "==" ;
    bound     = number [ unit ] | number "x" "baseline" ;

What the words mean, and their units, is the table of measures (`chaoskit.measures`). Whether a load, a dependency or
a phase of that name exists is not the parser's business.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, cast, get_args

from chaoskit import units
from chaoskit.measures import MEASURES, Measure

T = TypeVar("T")
Operator = Literal["<=", "<", ">=", ">", "=="]
LONGEST = 500
"""Characters of a condition."""
_TOKEN = re.compile(r"\s*(?:(?P<op><=|>=|==|<|>|=<|=>|!=|=)|(?P<comma>,)|(?P<word>[^\s,<>=!]+|!))")
_STAT = re.compile(r"p(\d+(?:\.\d+)?)|mean|max|min")
_FACTOR = re.compile(r"(\d+(?:\.\d+)?)x?")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_KEYWORDS = ("of", "during")
_MEANT = {"=<": "<=", "=>": ">=", "=": "=="}


@dataclass(frozen=True)
class Address:
    """One thing an `of` names: a load, or a dependency, or one operation of a dependency."""

    name: str
    operation: str = ""

    def __str__(self) -> str:
        return f"{self.name}.{self.operation}" if self.operation else self.name


@dataclass(frozen=True)
class Condition:
    """`measure [stat] [of …] op bound [during …]`, parsed.

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


class ConditionError(ValueError):
    """A condition that is none. `offset`: characters from its start; `hint`: what to write instead, or empty."""

    def __init__(self, offset: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.offset, self.message, self.hint = offset, message, hint


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    offset: int


def parse(text: str) -> Condition:
    """The condition a text says. Raises ConditionError with the place, and the right spelling where there is one."""
    return _Parser(text).condition()


def offset_of(text: str, word: str) -> int:
    """Where a word (a name, an address) stands in a condition; 0 when it does not."""
    match = re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])", text)
    return match.start() if match else 0


def _tokens(text: str) -> list[_Token]:
    if len(text) > LONGEST:
        raise ConditionError(0, f"a condition of more than {LONGEST} characters")
    found, end, stripped = list[_Token](), 0, text.rstrip()
    while end < len(stripped):
        match = _TOKEN.match(text, end)
        assert match is not None and match.lastgroup is not None
        found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        end = match.end()
    return found


class _Parser:
    """Recursive descent, one token ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0

    def condition(self) -> Condition:
        """The whole text."""
        measure = self._measure()
        stat = self._stat(measure)
        of = tuple(self._list("of", "a load or a dependency", _address))
        op = self._op()
        bound, relative = self._bound(measure)
        during = tuple(self._list("during", "a phase", lambda token: token.text))
        self._end()
        self._of_fits(measure, of)
        return Condition(" ".join(self._text.split()), measure.name, stat, of, op, bound, relative, during)

    # ------------------------------------------------------------ tokens

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _Token("end", "", len(self._text.rstrip()))

    def _next(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    # ------------------------------------------------------------ rules

    def _measure(self) -> Measure:
        token = self._next()
        if token.kind != "word":
            raise ConditionError(token.offset, "a condition begins with a measure", f"there is: {', '.join(MEASURES)}")
        if token.text not in MEASURES:
            raise ConditionError(token.offset, f"no measure {token.text[:64]!r}", _nearest(token.text, list(MEASURES)))
        return MEASURES[token.text]

    def _stat(self, measure: Measure) -> str:
        token = self._peek()
        match = _STAT.fullmatch(token.text) if token.kind == "word" else None
        if match is None:
            if measure.stat:
                right = self._text[: token.offset].rstrip() + " p99 " + self._text[token.offset :].lstrip()
                raise ConditionError(token.offset, f"{measure.name} needs a statistic", f"write {right.strip()}")
            return ""
        if not measure.stat:
            raise ConditionError(token.offset, f"{measure.name} takes no statistic", f"leave {token.text} out")
        if match[1] is not None and not 0 < float(match[1]) < 100:
            raise ConditionError(token.offset, f"no percentile {token.text}", "write p50, p99, p99.9; or max")
        self._at += 1
        return token.text

    def _list(self, keyword: str, what: str, read: Callable[[_Token], T]) -> list[T]:
        if self._peek().text != keyword:
            return []
        self._at += 1
        found = list[T]()
        while True:
            token = self._next()
            if token.kind != "word" or token.text in _KEYWORDS:
                raise ConditionError(token.offset, f"{what} must follow {keyword!r}")
            one = read(token)
            if one in found:
                raise ConditionError(token.offset, f"{token.text} stands here twice")
            found.append(one)
            if self._peek().kind != "comma":
                return found
            self._at += 1

    def _op(self) -> Operator:
        token = self._next()
        if token.text in get_args(Operator):
            return cast(Operator, token.text)
        if token.kind == "op":
            meant = _MEANT.get(token.text, "")
            raise ConditionError(token.offset, f"{token.text} is no comparison", f"write {meant}" if meant else "")
        if token.kind == "word":
            hint = _nearest(token.text, list(_KEYWORDS)) if len(token.text) > 1 else ""
            raise ConditionError(token.offset, f"{token.text[:64]!r} was not expected before the comparison", hint)
        raise ConditionError(token.offset, "a comparison is missing", "write one of <= < >= > ==")

    def _bound(self, measure: Measure) -> tuple[float, bool]:
        token = self._next()
        if token.kind != "word" or token.text in _KEYWORDS:
            raise ConditionError(token.offset, "a bound must follow the comparison", f"e.g. {_EXAMPLES[measure.unit]}")
        if measure.unit == "ratio" and token.text.endswith("x") and _FACTOR.fullmatch(token.text):
            hint = f"write {token.text[:-1]}"
            raise ConditionError(token.offset, f"{measure.name} is already over the baseline", hint)
        if (factor := self._factor(token)) is not None:
            if measure.kind not in ("share", "timing"):
                raise ConditionError(token.offset, f"{measure.name} has no baseline to be compared with")
            return factor, True
        if len(token.text) > 64:
            raise ConditionError(token.offset, "too long for a bound", f"e.g. {_EXAMPLES[measure.unit]}")
        try:
            return _READERS[measure.unit](token.text), False
        except ValueError as error:
            raise ConditionError(token.offset, str(error)) from None

    def _factor(self, token: _Token) -> float | None:
        """`2x baseline` (also `2 x baseline`)."""
        match = _FACTOR.fullmatch(token.text)
        if match is None:
            return None
        ahead = self._peek()
        if not token.text.endswith("x"):
            if ahead.text != "x":
                return None
            self._at += 1
            ahead = self._peek()
        if ahead.text != "baseline":
            if ahead.kind == "word" and ahead.text not in _KEYWORDS:
                raise ConditionError(ahead.offset, f"{ahead.text[:64]!r} was not expected", "write 2x baseline")
            raise ConditionError(ahead.offset, "of what?", f"write {match[1]}x baseline, or {match[1]} with its unit")
        self._at += 1
        return float(match[1])

    def _end(self) -> None:
        token = self._peek()
        if token.kind == "end":
            return
        hint = _nearest(token.text, list(_KEYWORDS)) if token.kind == "word" else ""
        if token.text == "of":
            hint = "`of` stands before the comparison"
        raise ConditionError(token.offset, f"{token.text[:64]!r} was not expected after the condition", hint)

    def _of_fits(self, measure: Measure, of: tuple[Address, ...]) -> None:
        if of and measure.of == "none":
            raise ConditionError(offset_of(self._text, "of"), f"{measure.name} is of the whole run: it takes no `of`")
        if not of and measure.needs_of:
            what = {"load": "a load", "aws": "a dependency"}[measure.of]
            raise ConditionError(0, f"{measure.name} needs an `of`", f"write {measure.name} of, and {what}")


def _address(token: _Token) -> Address:
    name, dot, operation = token.text.partition(".")
    if not name or (dot and not operation):
        hint = "a load, a dependency, or dependency.Operation"
        raise ConditionError(token.offset, f"{token.text[:64]!r} is no address", hint)
    return Address(name, operation)


def _nearest(word: str, right: list[str]) -> str:
    near = difflib.get_close_matches(word[:64], right, 1, 0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"there is: {', '.join(right)}" if len(right) > len(_KEYWORDS) else ""


# ---------------------------------------------------------------- bounds


def _count(text: str) -> float:
    if not text.isdecimal() or not text.isascii() or len(text) > 15:
        raise ValueError(f"{text[:64]!r} is not a count; write a whole number without a unit, e.g. 0")
    return float(text)


def _ratio(text: str) -> float:
    if not _NUMBER.fullmatch(text) or len(text) > 15:
        raise ValueError(f"{text[:64]!r} is not a ratio; write a number without a unit, e.g. 1.5")
    return float(text)


_READERS: dict[str, Callable[[str], float]] = {
    "share": units.share,
    "seconds": units.duration,
    "count": _count,
    "ratio": _ratio,
}
_EXAMPLES = {"share": "99%", "seconds": "250ms", "count": "0", "ratio": "1.5"}
