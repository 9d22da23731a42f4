"""Which phase a request belongs to, and which requests a condition is about."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from chaoskit.experiment.conditions import Condition
from chaoskit.experiment.models import Experiment, judged_range
from chaoskit.history.reader import Observations
from chaoskit.judge.due import unanswered
from chaoskit.records import Request


@dataclass(frozen=True)
class Span:
    """A phase as it was: seconds of the run. `end` is infinite while it goes on."""

    phase: str
    begin: float
    end: float


class Ranges:
    """Phases and requests of one run, joined once.

    due: every request due; once the load has ended, those without an outcome are among them, as failed.
    """

    def __init__(self, observed: Observations, experiment: Experiment) -> None:
        self.experiment = experiment
        self.spans = _spans(observed)
        self.last_undo = max((e.at for e in observed.fault_events if e.event == "undone"), default=None)
        self._begins = [span.begin for span in self.spans]
        # From the moment it began: what failed before the injection was confirmed is not the baseline's fault.
        self._injections = sorted(event.at for event in observed.fault_events if event.event == "inject")
        self.due = observed.requests + _unanswered(observed, experiment, self.spans)
        self.by_phase: dict[str, list[Request]] = {span.phase: [] for span in self.spans}
        for request in self.due:
            if (phase := self.phase_of(request)) is not None:
                self.by_phase[phase].append(request)

    def phase_of(self, request: Request) -> str | None:
        """The phase it was due in, except that one in flight at an injection goes to the fault's phase."""
        at = request.due
        later = bisect_right(self._injections, request.due)
        if later < len(self._injections) and self._injections[later] < request.done:
            at = self._injections[later]
        return self.phase_at(at)

    def phase_at(self, at: float) -> str | None:
        """The phase of a moment; None before the first and after the last."""
        index = bisect_right(self._begins, at) - 1
        return self.spans[index].phase if index >= 0 and at < self.spans[index].end else None

    def span(self, phase: str) -> Span | None:
        """A phase by its name, if it came to it."""
        return next((span for span in self.spans if span.phase == phase), None)

    def phases(self, condition: Condition) -> tuple[str, ...]:
        """Those it is about."""
        return judged_range(self.experiment.phases, condition)

    def requests(self, phases: tuple[str, ...], loads: tuple[str, ...]) -> list[Request]:
        """The requests of those phases and loads (none named: all)."""
        found = [request for phase in phases for request in self.by_phase.get(phase, ())]
        return [request for request in found if request.load in loads] if loads else found


def _unanswered(observed: Observations, experiment: Experiment, spans: list[Span]) -> tuple[Request, ...]:
    """None while the load goes on: what has no outcome then may be in flight."""
    if not spans or spans[-1].end == math.inf:
        return ()
    return tuple(unanswered(observed.requests, experiment.load, spans[-1].end))


def _spans(observed: Observations) -> list[Span]:
    spans: list[Span] = []
    for event in observed.phase_events:
        if event.event == "begin":
            spans.append(Span(event.phase, event.at, math.inf))
        elif spans and spans[-1].phase == event.phase:
            spans[-1] = Span(event.phase, spans[-1].begin, event.at)
    return spans
