"""YAML 1.2 with positions, and nothing that surprises."""

from __future__ import annotations

import pytest

from chaoskit.experiment.nodes import Node, Report, Source
from chaoskit.experiment.validate import bare, plain
from chaoskit.experiment.yaml12 import parse, scalar


def read(text: str) -> tuple[Node | None, list[str]]:
    """The tree, and the problems as `line:column message`."""
    report = Report()
    node = parse(Source("f.yaml", text), text, report)
    return node, [f"{one.line}:{one.column} {one.message}" for one in report.problems()]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("yes", "yes"), ("n", "n"), ("12:30", "12:30"), ("1_000", "1_000"), ("0b1", "0b1"),
        ("true", True), ("False", False), ("~", None), ("", None), ("null", None),
        ("0o17", 15), ("0x1F", 31), ("017", 17), ("-3", -3), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0),
        ("2020-01-01", "2020-01-01"), ("=", "="), ("<<", "<<"),
    ],
)  # fmt: skip
def test_core_schema(text: str, value: object) -> None:
    """Plain scalars are typed by YAML 1.2's core schema: no yes, no dates, no sexagesimals."""
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e999", "9" * 5000, "0x" + "f" * 500])
def test_numbers_that_nobody_means(text: str) -> None:
    """Not finite, or absurdly long: an error, never a traceback."""
    _, problems = read(f"a: {text}")
    assert len(problems) == 1
    assert "quote it if it is text" in problems[0]


def test_quoted_scalars_are_text() -> None:
    """Quotes and blocks make text."""
    node, problems = read("a: '1'\nb: \"true\"\nc: |\n  5\n")
    assert node is not None
    assert (bare(plain(node)), problems) == ({"a": "1", "b": "true", "c": "5\n"}, [])


def test_every_value_and_key_has_its_place() -> None:
    """Lines and columns from 1, in characters."""
    node, _ = read("é: {ü: [1, x]}\n")
    assert node is not None
    assert (node.at("é", "ü", 1).line, node.at("é", "ü", 1).column) == (1, 12)
    assert node.entries()["é"].keys["ü"].column == 5
    assert node.at("é", "nothing").column == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2", "2:1 the key 'a' is already on line 1"),
        ("a: {<<: {b: 1}}", "1:5 merge keys"),
        ("a: !!str 1", "1:4 tags are not supported"),
        ("? [a]\n: b", "1:3 a key must be text"),
        ("a: &x [*x]", "1:8 *x contains itself"),
        ("a: *x", "1:4 no anchor &x"),
        ("a: 1\n---\nb: 1", "2:1 a second document"),
        ("%YAML 1.1\n---\na: 1", "1:1 experiments are YAML 1.2"),
        ("", "0:0 the file is empty"),
        ("a: b: c", "1:5 not YAML"),
        ("a: 'x", "1:6 not YAML"),
        ("a: \x07", "0:0 not YAML"),
        ("[" * 5000, "not YAML"),
        ("- " * 400, "nested more than 50 deep"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    """Each with its place."""
    _, problems = read(text)
    assert says in problems[0]


def test_an_alias_is_what_its_anchor_is() -> None:
    """Anchors and aliases are YAML, so they work."""
    node, problems = read("a: &x {b: 1}\nc: [*x, *x]\n")
    assert node is not None
    assert (bare(plain(node)), problems) == ({"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}, [])


def test_an_alias_bomb_is_refused() -> None:
    """Nine levels of nine: a billion values out of 300 bytes."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    node, problems = read("\n".join(lines))
    assert node is None
    assert "more than 30,000 values" in problems[0]


def test_unquoted_templates_are_all_found() -> None:
    """Inside {} and [], `${x}` is no YAML: an error of its own, for each."""
    _, problems = read("a: {app: ${x}}\nb: [${y}, 1]\nc: ${z}\nd: {${k}: 1}\n")
    assert problems == [f"{place} an unquoted ${{…}} inside {{ }} or [ ]" for place in ("1:10", "2:5", "4:5")]
