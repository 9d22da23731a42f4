"""One clock, one source of chance."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import chaoskit

PACKAGE = Path(chaoskit.__file__).parent


@pytest.mark.parametrize(("module", "owner"), [("time", "clock.py"), ("random", "chance.py"), ("secrets", "chance.py")])
def test_only_its_owner_imports(module: str, owner: str) -> None:
    """Nobody else asks the system for the time or for chance (type annotations apart)."""
    offenders = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if path.name != owner and _imports(path, module)
    ]
    assert offenders == []


def _imports(path: Path, module: str) -> bool:
    """`from random import Random`, for annotations, is let pass."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import) and any(alias.name == module for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and node.module == module and {a.name for a in node.names} != {"Random"}:
            return True
    return False
