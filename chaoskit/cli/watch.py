"""Shows a run while it goes: drawn anew on a terminal, a line per phase and every few seconds elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.plan import Plan
    from chaoskit.report.live import LiveState
    from chaoskit.runner.coordinator import View
    from chaoskit.runner.counters import Counters
    from chaoskit.runner.execute import Watch

LINE_EVERY = 5.0
"""Seconds between lines where nothing can be drawn anew."""


@contextlib.contextmanager
def watching(console: Console, plan: Plan) -> Iterator[Watch]:
    """Give a function that shows each View."""
    from rich.live import Live

    from chaoskit.report.live import frame, plain_line

    if not console.is_terminal:
        yield _Lines(console, plan, plain_line).show
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda view, counters, now: live.update(frame(_state(plan, view, counters, now)), refresh=True)


class _Lines:
    def __init__(self, console: Console, plan: Plan, line: Callable[[LiveState], str]) -> None:
        self._console, self._plan, self._line = console, plan, line
        self._phase, self._next = "", 0.0

    def show(self, view: View, counters: Counters, now: float) -> None:
        if view.phase == self._phase and now < self._next:
            return
        self._phase, self._next = view.phase, now + LINE_EVERY
        text = self._line(_state(self._plan, view, counters, now))
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


def _state(plan: Plan, view: View, counters: Counters, now: float) -> LiveState:
    from chaoskit.report.live import LiveFault, LiveState

    recent = counters.recent(now)
    faults = tuple(
        LiveFault(placed.fault.kind, ", ".join(placed.of), _evidence(counters, placed.id, placed.fault.kind, placed.of))
        for placed in view.active
    )
    phases = tuple(phase.name for phase in plan.experiment.phases)
    return LiveState(
        plan.experiment.name, phases, view.phase, view.left, view.until_steady,
        recent.rate, recent.errors, recent.p99, faults,
    )  # fmt: skip


def _evidence(counters: Counters, fault: str, kind: str, of: tuple[str, ...]) -> int:
    if kind == "net.down":
        return sum(counters.syns(dependency) for dependency in of)
    return counters.touched(fault)
