"""`faults`: the catalogue, made from the fault models themselves."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import click

from chaoskit.errors import UsageProblem

if TYPE_CHECKING:
    from chaoskit.faults import Fault


@click.command()
@click.argument("name", required=False)
def faults(name: str | None) -> None:
    """List all faults, or explain one with an example and what a client sees."""
    from chaoskit.faults import FAULTS

    if name is None:
        for kind, fault in FAULTS.items():
            click.echo(f"{kind:14} {_summary(fault)}")
        click.echo("\nchaoskit faults NAME explains one.")
        return
    if name not in FAULTS:
        near = difflib.get_close_matches(name, FAULTS, 1)
        raise UsageProblem(f"no fault {name!r}" + (f"; did you mean {near[0]}?" if near else "; see chaoskit faults"))
    click.echo(explain(FAULTS[name]))


def explain(fault: type[Fault]) -> str:
    """All there is to say of a fault."""
    import msgspec

    lines = [f"{fault.kind}: {_summary(fault)}", "", f"of: a dependency that is {' or '.join(fault.takes)}"]
    for field in msgspec.structs.fields(fault):
        default = "" if field.required else f" (default {field.default})"
        lines.append(f"parameter {field.name}: {_type_name(field.type)}{default}")
    lines += ["", f"a client sees: {fault.client_sees}", f"evidence: {fault.evidence}", "", "example:"]
    lines += ["  faults:", f"    - {fault.example}"]
    return "\n".join(lines)


def _summary(fault: type[Fault]) -> str:
    return (fault.__doc__ or "").strip().splitlines()[0]


def _type_name(kind: object) -> str:
    from typing import get_args

    return "duration" if kind is float else " | ".join(map(str, get_args(kind)))
