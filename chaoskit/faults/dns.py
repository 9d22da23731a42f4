"""Faults of name resolution. They act on new lookups only, hence `connections`."""

from __future__ import annotations

from typing import ClassVar

from chaoskit.faults.base import Fault
from chaoskit.faults.levers import Connections, Levers
from chaoskit.wire import DnsAnswer


class _DnsFault(Fault, frozen=True):
    connections: Connections = "drain"

    answer: ClassVar[DnsAnswer]
    evidence: ClassVar[str] = "queries for the dependency's names that the fault answered or dropped"

    def _delay(self) -> float:
        return 0.0

    def inject(self, levers: Levers, fault: str, dependency: str) -> None:
        levers.dns.answer(fault, dependency, self.answer, self._delay())
        if self.connections == "drain":
            levers.connections.drain(dependency)
        elif self.connections == "cut":
            levers.connections.cut(dependency)

    def undo(self, levers: Levers, fault: str, dependency: str) -> None:  # noqa: ARG002
        levers.dns.clear(fault)


class DnsNodata(_DnsFault, frozen=True):
    """The name exists and has no address: NOERROR with an empty answer and an SOA, as on 20 October 2025."""

    kind: ClassVar[str] = "dns.nodata"
    answer: ClassVar[DnsAnswer] = "nodata"
    client_sees: ClassVar[str] = (
        "glibc: EAI_NODATA at once (2 ms, one query each for A and AAAA); boto3: EndpointConnectionError; "
        "pooled connections go on working, so `connections` decides when it bites"
    )
    example: ClassVar[str] = "{fault: dns.nodata, of: dynamodb, connections: drain}"


class DnsNxdomain(_DnsFault, frozen=True):
    """The name does not exist: NXDOMAIN with an SOA."""

    kind: ClassVar[str] = "dns.nxdomain"
    answer: ClassVar[DnsAnswer] = "nxdomain"
    client_sees: ClassVar[str] = "glibc: EAI_NONAME at once; boto3: EndpointConnectionError; Go: no such host"
    example: ClassVar[str] = "{fault: dns.nxdomain, of: dynamodb}"


class DnsServfail(_DnsFault, frozen=True):
    """The server fails: SERVFAIL."""

    kind: ClassVar[str] = "dns.servfail"
    answer: ClassVar[DnsAnswer] = "servfail"
    client_sees: ClassVar[str] = (
        "glibc: EAI_AGAIN after asking twice (4 queries); boto3: EndpointConnectionError; Go calls it temporary"
    )
    example: ClassVar[str] = "{fault: dns.servfail, of: dynamodb}"


class DnsDrop(_DnsFault, frozen=True):
    """Queries get no answer."""

    kind: ClassVar[str] = "dns.drop"
    answer: ClassVar[DnsAnswer] = "drop"
    client_sees: ClassVar[str] = "glibc waits 5 s, twice, then EAI_AGAIN (10.0 s); no connect timeout covers it"
    example: ClassVar[str] = "{fault: dns.drop, of: dynamodb, connections: cut}"


class DnsSlow(_DnsFault, frozen=True, kw_only=True):
    """Answers come late."""

    delay: float
    """How late; a duration."""

    kind: ClassVar[str] = "dns.slow"
    answer: ClassVar[DnsAnswer] = "slow"
    client_sees: ClassVar[str] = "each new connection waits; connect timeouts do not cover it (3 s late = 3 s longer)"
    example: ClassVar[str] = "{fault: dns.slow, of: dynamodb, delay: 3s}"

    def _delay(self) -> float:
        return self.delay
