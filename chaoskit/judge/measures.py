"""One function per row of the table of measures: observations in, a value with its uncertainty out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chaoskit.experiment.conditions import Condition
from chaoskit.history.reader import Observations
from chaoskit.judge.points import good, latencies, latency_point, loads_of, share_of
from chaoskit.judge.ranges import Ranges
from chaoskit.judge.recovery import IN_A_ROW, recovery_time, windows_after
from chaoskit.judge.statistics import CONFIDENCE, percentile_interval, wilson
from chaoskit.records import Lookup

LOOKUP_REPEAT = 31.0
"""Seconds: a query of the same port and id within this is the resolver asking again (resolv.conf(5): 30 s at most)."""
SYN_REPEAT = 9.0
"""Seconds: a SYN from the same port within this is the kernel's own repeat (after 1, 2, 4 and 8 s), a later one is
a new connection on a port that came round again."""


@dataclass(frozen=True)
class Measured:
    """A value. None: there was nothing to measure (`samples` 0), or it never happened (`never`).

    low, high: between what the value lies; both None where it is exact or a point value.
    confidence: of that interval; None where it is certain. note: what a reader must know besides; may be empty."""

    value: float | None
    samples: int
    low: float | None = None
    high: float | None = None
    never: bool = False
    confidence: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Scene:
    """What a measure looks at."""

    observed: Observations
    ranges: Ranges


MeasureFunction = Callable[[Scene, Condition, tuple[str, ...]], Measured]


def success_rate(scene: Scene, condition: Condition, phases: tuple[str, ...]) -> Measured:
    """Good requests of all due, with Wilson's interval."""
    requests = scene.ranges.requests(phases, loads_of(condition))
    if not requests:
        return Measured(None, 0)
    count = good(requests)
    low, high = wilson(count, len(requests))
    return Measured(count / len(requests), len(requests), low, high, confidence=CONFIDENCE)


def latency(scene: Scene, condition: Condition, phases: tuple[str, ...]) -> Measured:
    """A statistic of done - due; a failed request is slower than any bound."""
    ordered = latencies(scene.ranges.requests(phases, loads_of(condition)))
    if not ordered:
        return Measured(None, 0)
    value = latency_point(ordered, condition.stat)
    if (share := share_of(condition.stat)) is None:
        return Measured(value, len(ordered))
    low, high = percentile_interval(ordered, share)
    return Measured(value, len(ordered), max(0.0, low), high, confidence=CONFIDENCE)


def amplification(scene: Scene, condition: Condition, phases: tuple[str, ...]) -> Measured:
    """Tries per load request, over the same in the baseline; a point value."""
    before = _tries_per_request(scene, condition, (scene.ranges.experiment.phases[0].name,))
    during = _tries_per_request(scene, condition, phases)
    requests = len(scene.ranges.requests(phases, ()))
    if before is None or during is None or before == 0:
        return Measured(None, 0)
    return Measured(during / before, requests)


def _tries_per_request(scene: Scene, condition: Condition, phases: tuple[str, ...]) -> float | None:
    requests = len(scene.ranges.requests(phases, ()))
    tries = sum(1 for at in _tries(scene.observed, condition) if scene.ranges.phase_at(at) in phases)
    return tries / requests if requests else None


def _tries(observed: Observations, condition: Condition) -> Iterable[float]:
    """When each try ended, counted once, where it ended: failed lookup, failed connection, or call."""
    for address in condition.of:
        yield from (
            call.at
            for call in observed.calls
            if call.dependency == address.name and address.operation in ("", call.operation)
        )
        if not address.operation:  # a try that never got to a call has no operation
            yield from _failed_lookups(observed, address.name)
            yield from _failed_connections(observed, address.name)


def _failed_lookups(observed: Observations, dependency: str) -> Iterable[float]:
    """A lookup is an A query, with the AAAA beside it; repeats of one port and id are one, and end as the last did."""
    last: dict[tuple[str, int], Lookup] = {}
    for row in observed.lookups:
        if row.dependency == dependency and row.qtype == "A":
            before = last.get((row.client, row.query_id))
            if before is not None and row.at - before.at > LOOKUP_REPEAT and _failed(before):
                yield before.at
            last[row.client, row.query_id] = row
    yield from (row.at for row in last.values() if _failed(row))


def _failed(lookup: Lookup) -> bool:
    return lookup.answer not in ("address", "record")


def _failed_connections(observed: Observations, dependency: str) -> Iterable[float]:
    """A SYN that no accepted connection followed (repeats from one port are one), a failed upstream, or a connection
    that ended, other than by our own stop, without having brought a byte."""
    rows = [row for row in observed.connections if row.dependency == dependency]
    accepted: dict[int, list[float]] = {}
    for row in rows:
        if row.event in ("opened", "failed"):
            accepted.setdefault(row.client_port, []).append(row.at)
    refused: dict[int, float] = {}
    for row in rows:
        if row.event == "syn":
            if not any(-0.5 <= at - row.at <= SYN_REPEAT for at in accepted.get(row.client_port, ())):
                if row.at - refused.get(row.client_port, -math.inf) > SYN_REPEAT:
                    yield row.at
                refused[row.client_port] = row.at
        elif row.event == "failed" or (row.event == "closed" and row.bytes_down == 0 and row.cause != "stop"):
            yield row.at


def lost(scene: Scene, condition: Condition, phases: tuple[str, ...]) -> Measured:
    """Accepted requests whose effect is missing at the last check. Exact, but for effects that could not be checked:
    each of them may be lost or not."""
    accepted = {
        (request.load, request.seq)
        for request in scene.ranges.requests(phases, loads_of(condition))
        if request.outcome == "ok"
    }
    if not accepted:
        return Measured(None, 0, note="no request was accepted")
    last = {(effect.load, effect.seq): effect.state for effect in scene.observed.effects}
    states = Counter(last.get(key, "unknown") for key in accepted)
    missing, unknown = states["missing"], states["unknown"]
    if not unknown:
        return Measured(missing, len(accepted))
    note = f"the effects of {unknown:,} of {len(accepted):,} accepted requests could not be checked"
    return Measured(missing, len(accepted), missing, missing + unknown, note=note)


def time_to_recover(scene: Scene, _condition: Condition, _phases: tuple[str, ...]) -> Measured:
    """From the last undo to the first of three windows in a row in which the steady state holds. Exact."""
    ranges, undo = scene.ranges, scene.ranges.last_undo
    if undo is None:
        return Measured(None, 0, note="no fault was undone")
    if windows_after(ranges, undo) < IN_A_ROW:
        return Measured(None, 0, note="the load ended less than three seconds after the last undo")
    found = recovery_time(ranges, undo)
    return Measured(found, sum(request.due >= undo for request in ranges.due), never=found is None)


FUNCTIONS: dict[str, MeasureFunction] = {
    function.__name__: function for function in (success_rate, latency, amplification, lost, time_to_recover)
}
