"""`doctor`: what this machine can do, and what to do about the rest."""

from __future__ import annotations

import click


@click.command()
def doctor() -> None:
    """Say what this machine can do: namespaces, Docker, ports; each missing thing with its remedy."""
    from chaoskit.stack.abilities import survey

    abilities = survey()
    for ability in abilities:
        mark = "ok     " if ability.ok else ("missing" if ability.needed else "no     ")
        click.echo(f"{mark} {ability.name}: {ability.detail}")
        if not ability.ok:
            click.echo(f"        remedy: {ability.remedy}")
    if missing := [ability.name for ability in abilities if ability.needed and not ability.ok]:
        click.echo(f"\nthe embedded stack cannot run here: {', '.join(missing)}")
        click.get_current_context().exit(5)
    click.echo("\nthe embedded stack can run here")
