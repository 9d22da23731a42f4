"""Exit codes: of one run, and of several."""

from __future__ import annotations

from collections.abc import Iterable

MET = 0
_UNMET = {"passed": 1, "failed": 1, "inconclusive": 3, "void": 4}
_UNJUDGED = {"broken": 5, "dirty": 6, "stopped": 130}
_WORST_FIRST = (6, 130, 5, 1, 4, 3, 0)


def exit_code(end: str, expected: str) -> int:
    """0 when the run ended as its file expects; an unjudged end never meets an expectation."""
    if end in _UNJUDGED:
        return _UNJUDGED[end]
    return MET if end == expected else _UNMET[end]


def worst(codes: Iterable[int]) -> int:
    """Of several runs: dirty, stopped, broken, 1, void, inconclusive, 0."""
    found = set(codes)
    return next((code for code in _WORST_FIRST if code in found), MET)
