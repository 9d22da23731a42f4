"""The experiment as a value: what a file says once its vars are filled in and its names resolved.

Durations are seconds, rates per second. Everything is frozen. (The loader makes these; nothing else does,
but for tests.)
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from chaoskit.experiment.conditions import Condition
from chaoskit.faults import AnyFault
from chaoskit.wire import LoadStream, Table

Expectation = Literal["passed", "failed", "inconclusive", "void"]


class Ready(msgspec.Struct, frozen=True):
    """When the target counts as ready."""

    kind: Literal["http", "tcp", "alive"]
    path: str = "/"
    """For http: answered 2xx or 3xx."""
    within: float = 30.0


class Target(msgspec.Struct, frozen=True):
    """The app under test: a command."""

    name: str
    folder: Path
    """Where its target.yaml (or the experiment) is; relative paths resolve from here; the default workdir."""
    command: tuple[str, ...]
    port: int | None
    ready: Ready
    env: dict[str, str] = {}
    workdir: Path | None = None
    setup: tuple[tuple[str, ...], ...] = ()


class AwsDependency(msgspec.Struct, frozen=True):
    """`aws: dynamodb` with the emulator behind it."""

    name: str
    service: Literal["dynamodb"]
    region: str
    ttl: float
    tables: tuple[Table, ...]


class TcpDependency(msgspec.Struct, frozen=True):
    """`tcp: host:port` with a server that already runs behind it."""

    name: str
    host: str
    port: int
    upstream: str
    ttl: float


Dependency = AwsDependency | TcpDependency


class PlacedFault(msgspec.Struct, frozen=True):
    """One fault of one phase, with the dependencies it is of (one `of` list = one placed fault)."""

    id: str
    """`phase.1:dns.nodata`: phase, position from 1, kind (safe in a URL: it is a toxic's name, too).
    The same for an identical fault that goes on."""
    fault: AnyFault
    of: tuple[str, ...]


class Phase(msgspec.Struct, frozen=True):
    """A named span of time with its faults, in the order they are injected."""

    name: str
    length: float
    faults: tuple[PlacedFault, ...] = ()
    until_steady: bool = False
    """`length` is then the longest it may take."""


class Experiment(msgspec.Struct, frozen=True):
    """One run's worth of a file: one row of its matrix, all names resolved."""

    name: str
    """File stem, with the row's vars: `dynamodb-dns-blank[app=billing-naive]`."""
    file: Path
    digest: str
    """SHA-256 of the file's text and the row's vars, hex."""
    title: str
    description: str
    tags: tuple[str, ...]
    expect: Expectation
    target: Target
    dependencies: tuple[Dependency, ...]
    warmup: float
    load: tuple[LoadStream, ...]
    steady: tuple[Condition, ...]
    phases: tuple[Phase, ...]
    slos: tuple[Condition, ...]
    secrets: tuple[str, ...] = ()
    """Values of `${env.NAME}` used, to be masked in every output."""


def baseline(phases: tuple[Phase, ...]) -> Phase | None:
    """The first phase, which gates the run; None when it is the only one: then there is nothing to gate."""
    return phases[0] if len(phases) > 1 else None


def judged_range(phases: tuple[Phase, ...], condition: Condition) -> tuple[str, ...]:
    """The phases a condition is about: those it names, else from the first fault (or, without one, from the
    baseline's end) to the end."""
    if condition.during:
        return condition.during
    faulty = [index for index, phase in enumerate(phases) if phase.faults]
    start = faulty[0] if faulty else (1 if len(phases) > 1 else 0)
    return tuple(phase.name for phase in phases[start:])
