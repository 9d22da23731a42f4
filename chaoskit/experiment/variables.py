"""`vars` and `matrix`: the rows of a file, and what was set from outside. File < row < CHAOSKIT_VAR_… < --set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaoskit.errors import Problem
from chaoskit.experiment.nodes import Node, Report, nearest, show
from chaoskit.experiment.quantities import NAME, TRUTHS
from chaoskit.experiment.templates import RESERVED, Environment, Filler, written
from chaoskit.experiment.yaml12 import scalar

PREFIX = "CHAOSKIT_VAR_"
MOST_ROWS = 100
MOST_WORK = 60_000
"""Values of the file, times rows."""
EXPECT = "expect"
"""The var that usually says how a row ends: the last to tell rows apart by."""


@dataclass(frozen=True)
class Row:
    """One row of the matrix (or the file itself, without one)."""

    label: str
    """`[app=billing-naive]`; empty without a matrix."""
    values: str
    """All vars with their values, for the digest."""
    filler: Filler
    environment: Environment


@dataclass(frozen=True)
class Outside:
    """What the command line and the environment bring."""

    settings: Mapping[str, str]
    environ: Mapping[str, str]
    running: bool
    matrix: bool
    """Whether the matrix counts: not when the target is given."""


def read_rows(root: Node, outside: Outside, report: Report, notes: dict[str, Problem]) -> list[Row]:
    """The rows to run; what is wrong goes to the report."""
    variables = _mapping(root.child("vars"), "vars", report)
    matrix = _matrix(root, report) if outside.matrix else []
    chosen = {name for row in matrix for name in row}
    given = _given(root, variables, chosen, outside, report)
    rows = [_row({**variables, **row, **_others(given, chosen)}, outside, report, notes) for row in matrix or [{}]]
    if not matrix:
        return [Row("", values, filler, environment) for values, filler, environment in rows]
    labels = _labels(root, [[*row] for row in matrix], [filler for _, filler, _ in rows], report)
    found = [
        Row(label, values, filler, environment)
        for label, (values, filler, environment) in zip(labels, rows, strict=True)
        if all(name not in chosen or _same(filler, name, node) for name, node in given.items())
    ]
    if not found:
        _none_selected(root, given, chosen, [filler for _, filler, _ in rows], report)
    return found


# ---------------------------------------------------------------- what is written


def _mapping(node: Node | None, what: str, report: Report) -> dict[str, Node]:
    """Names and single values."""
    if node is None or node.value is None:
        return {}
    if not isinstance(node.value, dict):
        report.add(node.place, f"{what} must be a mapping of names to values")
        return {}
    for name, value in node.value.items():
        place = node.keys[name]
        if not NAME.fullmatch(name):
            report.add(place, f"{show(name)} is not a name: a lower case letter, then letters, digits, _ and -")
        elif name in TRUTHS:
            report.add(place, f"the name {name!r} is a truth value to other YAML tools")
        elif name in RESERVED:
            report.add(place, f"no var can be called {name!r}: ${{{name}}} has a meaning of its own")
        if isinstance(value.value, list):
            report.add(value.place, "a var holds one value, not a list", "write a row of the matrix for each")
        elif isinstance(value.value, dict):
            report.add(value.place, "a var holds one value, not a mapping")
    return node.value


def _matrix(root: Node, report: Report) -> list[dict[str, Node]]:
    node = root.child("matrix")
    if node is None:
        return []
    if not isinstance(node.value, list) or not node.value:
        report.add(node.place, "the matrix must be a list of rows", "write e.g. - {app: billing-naive}")
        return []
    if len(node.value) > MOST_ROWS or len(node.value) * root.size > MOST_WORK:
        report.add(node.place, f"a matrix of {len(node.value)} rows is too large for this file")
        return []
    rows = list[dict[str, Node]]()
    for row in node.value:
        if isinstance(row.value, dict) and row.value:
            rows.append(_mapping(row, "a row", report))
        else:
            report.add(row.place, "a row must set at least one var", "write e.g. - {app: billing-naive}")
    return rows


def _row(
    variables: dict[str, Node], outside: Outside, report: Report, notes: dict[str, Problem]
) -> tuple[str, Filler, Environment]:
    environment = Environment(outside.environ, outside.running, notes=notes)
    filler = Filler(variables, environment, report)
    values = "\n".join(f"{name}={filler.var(name)!r}" for name in sorted(variables))
    return values, filler, environment


# ---------------------------------------------------------------- what is set from outside


def _given(
    root: Node, variables: dict[str, Node], chosen: set[str], outside: Outside, report: Report
) -> dict[str, Node]:
    """Values from outside, of vars that the file has."""
    known = sorted({*variables, *chosen})
    found = dict[str, Node]()
    for name in known:
        text = outside.environ.get(PREFIX + name.upper().replace("-", "_"))
        if text is not None:
            _set(found, name, text, root, report)
    for name, text in outside.settings.items():
        if name in known:
            _set(found, name, text, root, report)
        else:
            _outside_problem(root, f"--set {name}={text}: the file has no var {name!r}", nearest(name, known), report)
    return found


def _set(found: dict[str, Node], name: str, text: str, root: Node, report: Report) -> None:
    """A value from outside is read as it would be in the file."""
    node = root.child("vars")
    place = node.at(name) if node is not None else root.place
    try:
        found[name] = Node(place, scalar(text), templated="${" in text)
    except ValueError as error:
        _outside_problem(root, f"{name}={text[:64]}: {error}", "", report)


def _outside_problem(root: Node, message: str, hint: str, report: Report) -> None:
    report.put(Problem(root.place.source.name, 0, 0, message, hint=hint))


def _others(given: dict[str, Node], chosen: set[str]) -> dict[str, Node]:
    """Those that set a var; the others select rows."""
    return {name: node for name, node in given.items() if name not in chosen}


def _same(filler: Filler, name: str, node: Node) -> bool:
    return filler.has(name) and written(filler.var(name)) == _plain(node)


def _none_selected(root: Node, given: dict[str, Node], chosen: set[str], fillers: list[Filler], report: Report) -> None:
    names = [name for name in given if name in chosen]
    asked = ", ".join(f"{name}={_plain(given[name])}" for name in names)
    there = dict.fromkeys(
        ", ".join(f"{name}={written(filler.var(name))}" for name in names if filler.has(name)) for filler in fillers
    )
    _outside_problem(root, f"no row of the matrix has {asked}", nearest(asked, there), report)


def _plain(node: Node) -> str:
    return written(node.value) if not isinstance(node.value, list | dict) else ""


# ---------------------------------------------------------------- names of rows


def _labels(root: Node, rows: list[list[str]], fillers: list[Filler], report: Report) -> list[str]:
    """What tells the rows apart: the first keys that do, `expect` only where nothing else does."""
    keys = sorted(dict.fromkeys(name for row in rows for name in row), key=lambda name: name == EXPECT)
    values = [{key: written(filler.var(key)) if filler.has(key) else "" for key in keys} for filler in fillers]
    used = keys[:1]
    for key in keys[1:]:
        if _distinct(values, used) == len(values):
            break
        if _distinct(values, [*used, key]) > _distinct(values, used):
            used.append(key)
    labels = [f"[{','.join(f'{key}={value[key]}' for key in used)}]" for value in values]
    matrix = root.child("matrix")
    for index, label in enumerate(labels):
        if label in labels[:index] and matrix is not None:
            report.add(matrix.at(index), f"this row is the same as row {labels.index(label) + 1}")
    return labels


def _distinct(values: list[dict[str, str]], keys: list[str]) -> int:
    return len({tuple(value[key] for key in keys) for value in values})
