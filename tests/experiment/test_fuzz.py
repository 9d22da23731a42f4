"""Whatever a file holds: an experiment or problems, never another exception, and soon."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaoskit.errors import FileProblems
from chaoskit.experiment.loader import load
from tests.experiment.sample import SAMPLE, Folder

SLOW = 5.0
"""Seconds. The rule is one; the machine may be busy, and what is quadratic takes minutes."""
LINES = SAMPLE.splitlines()
WORDS = sorted(set(SAMPLE.replace(",", " ").replace("{", " ").replace("}", " ").split()))
CRUMBS = [
    *WORDS,
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "${",
    "${app}",
    "$${",
    "${a..b}",
    "&a",
    "*a",
    "!!x",
    "<<",
    "'",
    '"',
    "|",
    "\t",
    "null",
    "\u2028",
    "1e9",
    "~",
]


def survives(text: str, folder: Folder) -> None:
    """Loading ends in an experiment or in problems whose texts can be shown."""
    folder.path.write_text(text, encoding="utf-8")
    began = time.monotonic()
    try:
        load(folder.path, environ={"TOKEN": "x"})
    except FileProblems as error:
        assert error.problems
        assert str(error)
    assert time.monotonic() - began < SLOW


@pytest.fixture(scope="module")
def shared() -> Folder:
    """One folder for all examples."""
    return Folder(Path(tempfile.mkdtemp()))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text(shared: Folder, text: str) -> None:
    """Also none that is YAML."""
    survives(text, shared)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_sample_with_words_exchanged(shared: Folder, data: st.DataObject) -> None:
    """Lines dropped, doubled and moved, words replaced by others: nearly right files."""
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        crumb = data.draw(st.sampled_from(CRUMBS))
        cut = data.draw(st.integers(0, len(lines[index])))
        match data.draw(st.sampled_from(["drop", "double", "insert", "cut", "swap"])):
            case "drop":
                del lines[index]
            case "double":
                lines.insert(index, lines[index])
            case "insert":
                lines[index] = lines[index][:cut] + crumb + lines[index][cut:]
            case "cut":
                lines[index] = lines[index][:cut]
            case "swap":
                parts = lines[index].split(" ")
                parts[data.draw(st.integers(0, len(parts) - 1))] = crumb
                lines[index] = " ".join(parts)
        if not lines:
            break
    survives("\n".join(lines), shared)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from([line.split(":")[0] for line in LINES if line[0].isalpha()]), VALUES))
def test_the_right_keys_with_any_values(shared: Folder, values: dict[str, object]) -> None:
    """JSON is YAML."""
    import json

    survives(json.dumps(values), shared)


BIG = {
    "unknown keys": "".join(f"titl{n}: 1\n" for n in range(20_000)),
    "one long line": "title: " + "x" * 250_000,
    "rows": "matrix:\n" + "  - {a: 1}\n" * 20_000,
    "rows within bounds": SAMPLE.replace("  - {app: resilient}\n", "".join(f"  - {{app: naive, size: {n}}}\n" for n in range(99))),
    "values": "tags: [" + "a," * 100_000 + "]",
    "flow": "[" * 250_000,
    "braces": "{" * 250_000,
    "unquoted templates": "tags: [" + "${x}," * 40_000 + "]",
    "templates": "vars: {x: " + "y" * 1000 + "}\ntitle: " + "${x}" * 60_000,
    "open templates": "title: " + "${" * 120_000,
    "vars": "vars:\n" + "".join(f"  v{n}: ${{v{n + 1}}}\n" for n in range(8_000)) + "title: ${v0}\n",
    "phases": SAMPLE.replace("slos:", "".join(f"  - {{phase: q{n}, for: 1s, faults: [{{fault: x, of: y}}]}}\n" for n in range(4_000)) + "slos:"),
    "conditions": SAMPLE + "".join(f"  - sucess_rate{n} >= 99%\n" for n in range(8_000)),
    "requests": SAMPLE.replace('["GET /invoices/${1..40}"]', "[" + "{gett: /x}," * 6_000 + "]"),
    "spaces": "a:" + " " * 250_000,
    "dashes": "- " * 120_000,
    "anchors": "".join(f"- &a{n} x\n" for n in range(18_000)),
    "quotes": "'" * 250_000,
    "numbers": "a: " + "9" * 250_000,
    "bad duration": SAMPLE.replace("for: 10s", "for: " + "1s" * 100_000),
}  # fmt: skip


@pytest.mark.parametrize("what", BIG)
def test_large_files_are_answered_soon(what: str, shared: Folder) -> None:
    """Nothing is quadratic, or hangs, up to the largest file that is read."""
    survives(BIG[what], shared)
