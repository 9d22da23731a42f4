"""What a person reads at the end: in words first, then in tables that 80 columns hold."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from chaoskit.judge.slo import show
from chaoskit.judge.verdict import Judged
from chaoskit.report.summary import RunSummary

STYLES = {
    "passed": "bold green",
    "failed": "bold red",
    "inconclusive": "bold yellow",
    "void": "bold yellow",
    "broken": "bold magenta",
    "dirty": "bold magenta",
    "stopped": "bold",
}


def summary(run: RunSummary) -> RenderableType:
    """One run: verdict, reasons, SLOs with their intervals, evidence, where the rest is."""
    parts: list[RenderableType] = [_headline(run)]
    if run.verdict is None:
        parts.append(Text(f"  {run.error}"))
    else:
        parts += [Text(f"  {line}") for line in _reasons(run)]
        parts += [_slo_table(run.verdict.slos or run.verdict.gate)] if run.verdict.slos or run.verdict.gate else []
        injected = [fault for fault in run.verdict.faults if fault.injected]
        parts += [Text(f"  evidence  {fault.fault} of {fault.of}: {fault.detail}") for fault in injected]
        parts += [Text(f"  note      {finding}") for finding in run.verdict.findings]
    parts += [Text(f"  note      {note}") for note in run.notes]
    parts.append(Text(f"  seed {run.seed}, {run.wall:.0f} s; all of it in {run.folder}", style="dim", overflow="fold"))
    return Group(*parts)


def _headline(run: RunSummary) -> Text:
    expected = "" if run.expected == run.end == "passed" else _expectation(run)
    return Text.assemble((run.end.upper(), STYLES[run.end]), "  ", (run.name, "bold"), expected, overflow="fold")


def _expectation(run: RunSummary) -> str:
    return ", as its file expects" if run.met else f", where its file expects {run.expected}"


def _reasons(run: RunSummary) -> Sequence[str]:
    assert run.verdict is not None
    return [reason[:1].upper() + reason[1:] + "." for reason in run.verdict.reasons]


def _slo_table(judged: Sequence[Judged]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("  SLO", ratio=4)
    table.add_column("measured", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("verdict")
    for slo in judged:
        between = f"{show(slo.low, slo.unit)} – {show(slo.high, slo.unit)}" if _bounded(slo) else ""
        table.add_row(f"  {slo.slo}", _value(slo), between, Text(slo.verdict, style=STYLES[slo.verdict]))
    return table


def _bounded(slo: Judged) -> bool:
    return slo.low is not None and slo.high is not None


def _value(slo: Judged) -> str:
    if slo.value is not None:
        return show(slo.value, slo.unit)
    if not slo.samples:
        return "no data"
    return "never" if slo.slo.startswith("time_to") else "no answer"


def side_by_side(runs: Sequence[RunSummary]) -> RenderableType:
    """Several runs of one series: one column each, one row per SLO."""
    table = Table(title="side by side", title_style="bold", title_justify="left", show_lines=False)
    table.add_column("")
    for run in runs:
        table.add_column(_short(run.name), overflow="fold")
    table.add_row("verdict", *(Text(run.end, style=STYLES[run.end]) for run in runs))
    table.add_row("expected", *("yes" if run.met else f"no, {run.expected}" for run in runs))
    for slo in dict.fromkeys(slo.slo for run in runs if run.verdict for slo in run.verdict.slos):
        table.add_row(slo, *(_cell(run, slo) for run in runs))
    return table


def _short(name: str) -> str:
    """`stem[app=billing-naive]` → `billing-naive`, as the stem is the same for all."""
    inside = name.partition("[")[2].rstrip("]")
    return ", ".join(part.partition("=")[2] for part in inside.split(",")) if inside else name


def _cell(run: RunSummary, slo: str) -> Text:
    found = next((judged for judged in (run.verdict.slos if run.verdict else ()) if judged.slo == slo), None)
    if found is None:
        return Text("not judged")
    mark = {"passed": "held", "failed": "broken", "inconclusive": "undecided"}[found.verdict]
    return Text.assemble(_value(found), "  ", (mark, STYLES[found.verdict]))
