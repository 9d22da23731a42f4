"""One function per row of the table of measures: observations in, a value with its uncertainty out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chaoskit.experiment.conditions import Condition
from chaoskit.history.reader import Observations
from chaoskit.judge.ranges import Ranges
from chaoskit.judge.recovery import recovery_time
from chaoskit.judge.statistics import percentile, percentile_interval, wilson
from chaoskit.records import Request


@dataclass(frozen=True)
class Measured:
    """A value. None: there was nothing to measure (`samples` 0), or it never happened (`never`).

    low, high: the interval; both None where the value is exact or a point value."""

    value: float | None
    samples: int
    low: float | None = None
    high: float | None = None
    never: bool = False


@dataclass(frozen=True)
class Scene:
    """What a measure looks at."""

    observed: Observations
    ranges: Ranges


MeasureFunction = Callable[[Scene, Condition, tuple[str, ...]], Measured]


def success_rate(scene: Scene, condition: Condition, phases: tuple[str, ...]) -> Measured:
    """Good requests of all due, with Wilson's interval."""
    return share_of(scene.ranges.requests(phases, _loads(condition)))


def share_of(requests: list[Request]) -> Measured:
    """The success rate of some requests."""
    good = sum(request.outcome == "ok" for request in requests)
    if not requests:
        return Measured(None, 0)
    low, high = wilson(good, len(requests))
    return Measured(good / len(requests), len(requests), low, high)


def latency(scene: Scene, condition: Condition, phases: tuple[str, ...]) -> Measured:
    """A statistic of done - due; a failed request is slower than any bound."""
    return latency_of(scene.ranges.requests(phases, _loads(condition)), condition.stat)


def latency_of(requests: list[Request], stat: str) -> Measured:
    """The latency statistic of some requests."""
    ordered = sorted(request.done - request.due if request.outcome == "ok" else math.inf for request in requests)
    if not ordered:
        return Measured(None, 0)
    if stat.startswith("p"):
        share = float(stat[1:]) / 100
        interval = percentile_interval(ordered, share)
        low, high = interval if interval is not None else (ordered[0], math.inf)
        return Measured(percentile(ordered, share), len(ordered), low, high)
    value = {"mean": sum(ordered) / len(ordered), "max": ordered[-1], "min": ordered[0]}[stat]
    return Measured(value, len(ordered))


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
    """A lookup is an A query, with the AAAA beside it; repeats of one port and id are one."""
    seen = set[tuple[str, int]]()
    for row in observed.lookups:
        if row.dependency == dependency and row.qtype == "A" and row.answer not in ("address", "record"):
            key = (row.client, row.query_id)
            if key not in seen:
                seen.add(key)
                yield row.at


def _failed_connections(observed: Observations, dependency: str) -> Iterable[float]:
    """A SYN that no accepted connection followed (repeats of one port within its life are one), a failed upstream,
    or a connection that ended without having brought a byte."""
    rows = [row for row in observed.connections if row.dependency == dependency]
    accepted: dict[int, list[float]] = {}
    for row in rows:
        if row.event in ("opened", "failed"):
            accepted.setdefault(row.client_port, []).append(row.at)
    refused = set[int]()
    for row in rows:
        if row.event == "syn" and row.client_port not in refused:
            if not any(row.at - 0.5 <= at <= row.at + 11 for at in accepted.get(row.client_port, ())):
                refused.add(row.client_port)
                yield row.at
        elif row.event == "failed" or (row.event == "closed" and row.bytes_down == 0):
            yield row.at


def lost(scene: Scene, condition: Condition, phases: tuple[str, ...]) -> Measured:
    """Accepted requests whose effect is missing at the last check. Exact."""
    accepted = {
        (request.load, request.seq)
        for request in scene.ranges.requests(phases, _loads(condition))
        if request.outcome == "ok"
    }
    last = {(effect.load, effect.seq): effect.state for effect in scene.observed.effects}
    if not accepted:
        return Measured(None, 0)
    if any(last.get(key, "unknown") == "unknown" for key in accepted):
        return Measured(None, 0)  # the last check itself failed: neither lost nor there
    return Measured(float(sum(last[key] == "missing" for key in accepted)), len(accepted))


def time_to_recover(scene: Scene, _condition: Condition, _phases: tuple[str, ...]) -> Measured:
    """From the last undo to the first of three windows in a row in which the steady state holds. Exact."""
    undo = scene.ranges.last_undo
    if undo is None:
        return Measured(None, 0)
    found = recovery_time(scene.observed, scene.ranges, undo, math.inf)
    requests = sum(request.due >= undo for request in scene.observed.requests)
    return Measured(found, requests, never=found is None)


def _loads(condition: Condition) -> tuple[str, ...]:
    return tuple(address.name for address in condition.of)


FUNCTIONS: dict[str, MeasureFunction] = {
    function.__name__: function for function in (success_rate, latency, amplification, lost, time_to_recover)
}
