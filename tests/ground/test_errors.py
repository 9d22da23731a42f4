"""The tree at the top of errors.py is the tree in the code."""

from __future__ import annotations

import inspect
import re

from chaoskit import errors


def test_the_drawn_tree_is_the_real_one() -> None:
    """Every class is drawn with its exit code, and nothing else is."""
    drawn = {name: int(code) for name, code in re.findall(r"[├└]── (\w+)\s+(\d+)", errors.__doc__ or "")}
    real = {
        name: cls.exit_code
        for name, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, errors.ChaoskitError) and cls is not errors.ChaoskitError
    }
    assert drawn == real


def test_a_problem_points_at_its_place() -> None:
    """file:line:column, the line, a mark under the column, the hint."""
    problem = errors.Problem("x.yaml", 3, 5, "unknown key 'lod'", "    lod: {}", "did you mean load?")
    assert str(problem).splitlines() == [
        "x.yaml:3:5: unknown key 'lod'",
        "    did you mean load?",
        "        lod: {}",
        "        ^",
    ]
