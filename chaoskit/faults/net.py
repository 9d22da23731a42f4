"""Faults of the network between the target and a dependency, through the proxy."""

from __future__ import annotations

from typing import ClassVar, Literal

from chaoskit.faults.base import Fault
from chaoskit.faults.levers import Connections, Levers


class NetLatency(Fault, frozen=True, kw_only=True):
    """Data arrives late by `latency`, give or take `jitter`, in order."""

    latency: float
    """A duration, at least 1 ms."""
    jitter: float = 0.0
    """A duration: each chunk's delay is drawn from latency ± jitter, uniformly."""
    stream: Literal["downstream", "upstream"] = "downstream"
    """downstream: from the dependency to the target."""

    kind: ClassVar[str] = "net.latency"
    evidence: ClassVar[str] = "bytes that the toxic delayed"
    client_sees: ClassVar[str] = (
        "every answer comes later by the latency, once per round trip (a TLS handshake has two)"
    )
    example: ClassVar[str] = "{fault: net.latency, of: dynamodb, latency: 200ms, jitter: 50ms}"

    def inject(self, levers: Levers, fault: str, dependency: str) -> None:
        levers.proxy.add_toxic(
            fault,
            dependency,
            "latency",
            self.stream,
            {"latency": round(self.latency * 1e3), "jitter": round(self.jitter * 1e3)},
        )

    def undo(self, levers: Levers, fault: str, dependency: str) -> None:
        levers.proxy.remove_toxic(fault, dependency)


class NetDown(Fault, frozen=True):
    """New connections are refused."""

    connections: Connections = "drain"

    kind: ClassVar[str] = "net.down"
    evidence: ClassVar[str] = "SYNs to the dependency's address, seen on the wire"
    client_sees: ClassVar[str] = "ECONNREFUSED on every new connection; boto3: EndpointConnectionError"
    example: ClassVar[str] = "{fault: net.down, of: dynamodb, connections: cut}"

    def inject(self, levers: Levers, fault: str, dependency: str) -> None:  # noqa: ARG002
        levers.proxy.disable(dependency)
        if self.connections == "drain":
            levers.connections.drain(dependency)
        elif self.connections == "cut":
            levers.connections.cut(dependency)

    def undo(self, levers: Levers, fault: str, dependency: str) -> None:  # noqa: ARG002
        levers.proxy.enable(dependency)

    def mark(self, fault: str, dependency: str) -> str:  # noqa: ARG002
        return f"down:{dependency}"
