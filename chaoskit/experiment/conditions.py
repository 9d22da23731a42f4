"""The grammar of conditions: one parser for `steady` and `slos`. (Contract; see the grammar in the docs.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Operator = Literal["<=", "<", ">=", ">", "=="]


@dataclass(frozen=True)
class Address:
    """One thing an `of` names: a load, or a dependency, or one operation of a dependency."""

    name: str
    operation: str = ""


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
