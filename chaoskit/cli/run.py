"""`run`: play experiments and judge them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaoskit.cli.options import files, load_files, with_vars
from chaoskit.errors import ChaoskitError

if TYPE_CHECKING:
    from chaoskit.experiment.models import Experiment
    from chaoskit.report.summary import RunSummary
    from chaoskit.runner import Outcome, StopFlag

ENDS_SERIES = ("dirty", "stopped")


@click.command()
@files
@with_vars
@click.option("--seed", type=int, help="Seed of everything drawn; random when not given, always printed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout instead of the summary.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Where run folders go (default .chaoskit/runs)."
)
@click.pass_context
def run(  # one parameter per option of the command line
    ctx: click.Context,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    target: str | None,
    seed: int | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Run experiments; judge whether each app stays within its SLOs.

    The exit code is 0 when every run ended as its file expects; see chaoskit --help for the others.
    """
    from chaoskit.runner import DEFAULT_RUNS

    try:
        loaded = load_files(files, settings, target, running=True)
        experiments = [experiment for file in loaded for experiment in file.experiments]
        runs = _series(experiments, seed, out or DEFAULT_RUNS, as_json)
    except ChaoskitError as error:
        if not as_json:
            raise
        _print_json([], error.exit_code, [str(error)])
        ctx.exit(error.exit_code)
    ctx.exit(_conclude(runs, as_json))


def _series(experiments: list[Experiment], seed: int | None, out: Path, as_json: bool) -> list[RunSummary]:
    """Run one after the other; only a dirty or stopped end keeps the rest from running."""
    from chaoskit.runner import StopFlag

    runs: list[RunSummary] = []
    flag = StopFlag()
    with flag.on_signals():
        for experiment in experiments:
            runs.append(_run_one(experiment, seed, out, flag))
            if not as_json:
                _print_summary(runs[-1])
            if runs[-1].end in ENDS_SERIES:
                break
    return runs


def _run_one(experiment: Experiment, seed: int | None, out: Path, flag: StopFlag) -> RunSummary:
    from rich.console import Console

    from chaoskit.chance import new_seed
    from chaoskit.cli.watch import watching
    from chaoskit.plan import make_plan
    from chaoskit.runner import execute

    plan = make_plan(experiment, new_seed() if seed is None else seed)
    console = Console(stderr=True)
    for warning in plan.warnings:
        console.print(f"warning: {warning}", highlight=False, markup=False)
    with watching(console, plan) as watch:
        return _summarize(execute(plan, out, flag, watch))


def _summarize(outcome: Outcome) -> RunSummary:
    from chaoskit.judge.exits import MET, exit_code
    from chaoskit.report.summary import RunSummary

    experiment = outcome.plan.experiment
    return RunSummary(
        name=experiment.name,
        title=experiment.title,
        end=outcome.end,
        expected=experiment.expect,
        met=exit_code(outcome.end, experiment.expect) == MET,
        verdict=outcome.verdict,
        error=outcome.error,
        folder=_relative(outcome.folder),
        seed=outcome.plan.seed,
        started=outcome.started.isoformat(),
        wall=outcome.wall,
        ready=outcome.ready,
        digest=experiment.digest,
        stack=outcome.plan.stack,
        notes=outcome.notes,
    )


def _relative(folder: Path) -> str:
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def _conclude(runs: list[RunSummary], as_json: bool) -> int:
    from chaoskit.judge.exits import exit_code, worst

    code = worst(exit_code(run.end, run.expected) for run in runs)
    if as_json:
        _print_json(runs, code, [])
    elif len(runs) > 1:
        _print_side_by_side(runs)
    return code


def _print_json(runs: list[RunSummary], code: int, problems: list[str]) -> None:
    import msgspec

    from chaoskit.report.document import make_document

    document = msgspec.json.encode(make_document(runs, code, problems))
    sys.stdout.write(msgspec.json.format(document, indent=2).decode() + "\n")


def _print_summary(run: RunSummary) -> None:
    from rich.console import Console

    from chaoskit.report.terminal import summary

    Console().print(summary(run), "", highlight=False, markup=False)


def _print_side_by_side(runs: list[RunSummary]) -> None:
    from rich.console import Console

    from chaoskit.report.terminal import side_by_side

    Console().print(side_by_side(runs), highlight=False, markup=False)
