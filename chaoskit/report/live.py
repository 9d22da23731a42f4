"""The live view, as a pure function of what there is to see."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from chaoskit.units import show_duration


@dataclass(frozen=True)
class LiveFault:
    """An active fault and how often it has touched traffic so far."""

    fault: str
    of: str
    evidence: int


@dataclass(frozen=True)
class LiveState:
    """One moment. rate and errors are per second; p99 in seconds, None without requests."""

    name: str
    phases: tuple[str, ...]
    phase: str
    left: float
    until_steady: bool
    rate: float
    errors: float
    p99: float | None
    faults: tuple[LiveFault, ...]


def frame(state: LiveState) -> RenderableType:
    """For a terminal: a few lines, drawn anew."""
    track = Text("  ")
    for phase in state.phases:
        track.append(f" {phase} ", style="reverse" if phase == state.phase else "dim")
    return Group(
        Text(state.name, style="bold", overflow="ellipsis", no_wrap=True),
        track,
        Text(f"  {_numbers(state)}"),
        *_fault_lines(state),
    )


def plain_line(state: LiveState) -> str:
    """For a log: one line."""
    faults = "; ".join(f"{fault.fault} of {fault.of}: {fault.evidence} touched" for fault in state.faults)
    return " | ".join(filter(None, [state.name, state.phase, _numbers(state), faults]))


def _numbers(state: LiveState) -> str:
    left = f"{'at most ' if state.until_steady else ''}{max(0.0, state.left):.0f} s left"
    p99 = f", p99 {show_duration(state.p99)}" if state.p99 is not None else ""
    return f"{left}, {state.rate:.0f} answers/s, {state.errors:.0f} errors/s{p99}"


def _fault_lines(state: LiveState) -> list[Text]:
    return [
        Text.assemble(("  fault ", "bold red"), f"{fault.fault} of {fault.of}: ", f"{fault.evidence} touched so far")
        for fault in state.faults
    ]
