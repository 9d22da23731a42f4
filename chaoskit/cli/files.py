"""`validate`, `plan`, `schema`: what a file says, without touching anything."""

from __future__ import annotations

import json
from pathlib import Path

import click

from chaoskit.cli.options import files, load_files, with_vars


@click.command()
@files
@with_vars
def validate(files: tuple[Path, ...], settings: tuple[str, ...], target: str | None) -> None:
    """Check experiment files; report every problem with its place and its remedy."""
    for path, loaded in zip(files, load_files(files, settings, target, running=False), strict=True):
        for note in loaded.notes:
            click.echo(f"note: {note}", err=True)
        runs = len(loaded.experiments)
        click.echo(f"{path}: valid, {runs} run{'s' if runs != 1 else ''}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_vars
@click.option("--seed", type=int, help="Seed of the run; random when not given.")
def plan(file: Path, settings: tuple[str, ...], target: str | None, seed: int | None) -> None:
    """Print what a run would start, change and undo, and when. Touches nothing."""
    from chaoskit.chance import new_seed
    from chaoskit.plan import describe, make_plan

    (loaded,) = load_files([file], settings, target, running=False)
    seed = new_seed() if seed is None else seed
    click.echo("\n\n".join(describe(make_plan(experiment, seed)) for experiment in loaded.experiments))


@click.command()
def schema() -> None:
    """Print the JSON Schema of experiment files, for editors."""
    from chaoskit.experiment.schema import schema as make_schema

    click.echo(json.dumps(make_schema(), indent=2))
