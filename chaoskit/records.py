"""The rows of a history: what the parts observed, each an immutable value.

Times are seconds since the run's origin (`clock.py`). Parts stream records to the coordinator as
JSON arrays (`array_like`, tagged by type); only the recorder writes them to SQLite, one table per type.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec


class Request(msgspec.Struct, frozen=True, array_like=True, tag="request"):
    """One request of a load. Latency counts from `due`, never from `sent` (coordinated omission)."""

    load: str
    seq: int
    """Number of the request within its load, from 0; `(load, seq)` is unique."""
    due: float
    sent: float | None
    """None: it could not be sent within its timeout."""
    first_byte: float | None
    done: float
    outcome: Literal["ok", "failed"]
    error: str
    """Empty when ok, else a class: refused, reset, closed, timeout, status, expect, protocol, unsent."""
    status: int | None
    bytes_in: int
    label: str
    """What was asked, e.g. `GET /invoices/7`."""


class Effect(msgspec.Struct, frozen=True, array_like=True, tag="effect"):
    """What an accepted request of a load with `effect` has brought about, as last seen."""

    load: str
    seq: int
    accepted: float
    """When the request's answer came."""
    found: float | None
    """When a poll first found the effect; None: never."""
    last_check: float
    state: Literal["present", "missing", "unknown"]
    """At the last check. unknown: the check itself failed (the emulator did not answer)."""
    count: int
    """How many times the effect was found to be there at the last check (0 or 1 for a yes/no check)."""


class Lookup(msgspec.Struct, frozen=True, array_like=True, tag="lookup"):
    """One DNS query that reached our server, and what it was told."""

    at: float
    dependency: str
    """Name of the dependency whose name it is; empty for a name that is nobody's."""
    name: str
    qtype: str
    """A, AAAA, SOA, …"""
    transport: Literal["udp", "tcp"]
    client: str
    """address:port of the asker."""
    query_id: int
    answer: str
    """address, record (SOA, NS), nodata, nxdomain, servfail, refused, notimp, formerr, or dropped."""
    fault: str
    """Id of the fault that made the answer; empty when it was the true one."""


class Connection(msgspec.Struct, frozen=True, array_like=True, tag="connection"):
    """Something that happened to a TCP connection at the proxy."""

    at: float
    dependency: str
    number: int
    """Number of the connection within its proxy, from 1; 0 for a SYN."""
    event: Literal["syn", "opened", "failed", "closed"]
    """syn: seen on the wire by the packet socket. failed: accepted, but its upstream refused or timed out."""
    cause: str
    """For closed: client, upstream, reset, drain, cut, down, stop. Else empty."""
    client_port: int
    bytes_up: int
    """Client to upstream, so far."""
    bytes_down: int


class Touched(msgspec.Struct, frozen=True, array_like=True, tag="touched"):
    """A fault acted on traffic: evidence counted at the point of injection since the last such record."""

    at: float
    fault: str
    """Id of the fault (for the proxy: the name of the toxic)."""
    dependency: str
    count: int
    """Chunks, lookups, connections or calls touched."""
    bytes: int


class Call(msgspec.Struct, frozen=True, array_like=True, tag="call"):
    """One AWS call that reached the gateway (one try; a retry is another)."""

    at: float
    """When its request was read."""
    done: float
    dependency: str
    operation: str
    """Operation of the service's model, e.g. GetItem; empty when it could not be told."""
    invocation: str
    """`amz-sdk-invocation-id`: the same for all tries of one SDK call. Empty when not sent."""
    attempt: int
    """From `amz-sdk-request: attempt=N`; 0 when not sent."""
    status: int
    """HTTP status answered; 0: the client went away first. 503 with our own message: the emulator did not answer."""
    agent: str
    """User-Agent."""
    connection: int
    """Number of the connection within the gateway."""


FaultMoment = Literal["inject", "injected", "undo", "undone", "failed"]
TargetMoment = Literal["started", "ready", "exited"]


class FaultEvent(msgspec.Struct, frozen=True, array_like=True, tag="fault"):
    """The coordinator's note of what it did about a fault."""

    at: float
    fault: str
    """Id, e.g. `outage.1:dns.nodata`."""
    kind: str
    """e.g. dns.nodata."""
    of: str
    event: FaultMoment
    detail: str


class PhaseEvent(msgspec.Struct, frozen=True, array_like=True, tag="phase"):
    """A phase began or ended."""

    at: float
    phase: str
    event: Literal["begin", "end"]
    detail: str


class TargetEvent(msgspec.Struct, frozen=True, array_like=True, tag="target"):
    """The target started, became ready, or ended."""

    at: float
    event: TargetMoment
    detail: str


class Tick(msgspec.Struct, frozen=True, array_like=True, tag="tick"):
    """The load worker's own account: how late its sends were. One per flush."""

    at: float
    sent: int
    late_max: float
    """Greatest lateness of a send since the last tick, seconds."""


Record: TypeAlias = (
    Request | Effect | Lookup | Connection | Touched | Call | FaultEvent | PhaseEvent | TargetEvent | Tick
)
