"""The documentation's own test: links resolve, generated pages are fresh, commands and exit codes are documented,
YAML blocks and shipped experiments load. `--write` renews the generated pages."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from chaoskit.cli import EXIT_CODES, cli
from chaoskit.cli.faults import explain
from chaoskit.errors import FileProblems
from chaoskit.experiment.loader import load
from chaoskit.faults import FAULTS
from chaoskit.measures import MEASURES

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("targets/*/README.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
YAML_EXPERIMENT = re.compile(r"```yaml\n(# experiment\b.*?)```", re.DOTALL)


def faults_page() -> str:
    """docs/faults.md, made from the fault models."""
    parts = ["# Faults\n", "Generated from the models by `make docs`. `chaoskit faults NAME` prints the same.\n"]
    parts += [f"## {kind}\n\n```text\n{explain(fault)}\n```\n" for kind, fault in FAULTS.items()]
    return "\n".join(parts)


def measures_page() -> str:
    """docs/measures.md, made from the table of measures."""
    lines = ["# Measures\n", "Generated from the table of measures by `make docs`.\n"]
    lines += ["| measure | unit | statistic | `of` | definition | counted from |", "|---|---|---|---|---|---|"]
    for row in MEASURES.values():
        stat = "`pN`, `mean`, `max`, `min`" if row.stat else ""
        of = {"load": "a load", "aws": "an AWS dependency", "none": ""}[row.of] + (
            " (required)" if row.needs_of else ""
        )
        lines.append(f"| `{row.name}` | {row.unit} | {stat} | {of} | {row.definition} | {row.source} |")
    return "\n".join(lines) + "\n"


GENERATED = {"docs/faults.md": faults_page, "docs/measures.md": measures_page}


def stale_pages() -> Iterator[str]:
    """Generated pages that no longer say what the code says."""
    for name, make in GENERATED.items():
        page = ROOT / name
        if not page.exists() or page.read_text() != make():
            yield f"{name}: not what the code says; run `make docs`"


def dead_links() -> Iterator[str]:
    """Relative links to files that are not there."""
    for page in PAGES:
        for link in LINK.findall(page.read_text()):
            path = link.partition("#")[0]
            if path and "://" not in link and not link.startswith("mailto:") and not (page.parent / path).exists():
                yield f"{page.relative_to(ROOT)}: dead link {link}"


def undocumented() -> Iterator[str]:
    """Commands, options and exit codes that the README does not name."""
    text = (ROOT / "README.md").read_text()
    for name, command in cli.commands.items():
        if f"chaoskit {name}" not in text:
            yield f"README.md: the command `chaoskit {name}` is not named"
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.opts[0] not in text:
                yield f"README.md: the option `{parameter.opts[0]}` of `chaoskit {name}` is not named"
    for code in re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE):
        if f"| {code} |" not in text:
            yield f"README.md: the exit code {code} is not in its table"


def bad_experiments() -> Iterator[str]:
    """Shipped experiments, and `# experiment` YAML blocks of the pages, that do not load."""
    for path in sorted(ROOT.glob("experiments/*.yaml")):
        yield from _problems(path)
    for page in PAGES:
        for block in YAML_EXPERIMENT.findall(page.read_text()):
            with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=ROOT / "experiments") as file:
                file.write(block)
                file.flush()
                yield from (f"{page.relative_to(ROOT)}: {problem}" for problem in _problems(Path(file.name)))


def _problems(path: Path) -> Iterator[str]:
    try:
        load(path)
    except FileProblems as error:
        yield str(error)


def main() -> int:
    """Check, or write with --write; the exit code."""
    if "--write" in sys.argv:
        for name, make in GENERATED.items():
            (ROOT / name).write_text(make())
        return 0
    problems = [*stale_pages(), *dead_links(), *undocumented(), *bad_experiments()]
    print("\n".join(problems) or f"docs: {len(PAGES)} pages checked")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
