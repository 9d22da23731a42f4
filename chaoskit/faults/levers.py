"""The levers through which faults act: small protocols, implemented by each stack.

Every change has a name of the fault's own, so that undoing is idempotent and touches nothing else.
"""

from __future__ import annotations

from typing import Literal, Protocol

from chaoskit.wire import DnsAnswer

Connections = Literal["keep", "drain", "cut"]
"""What happens to connections that are open when the fault begins. Default drain."""


class DnsLever(Protocol):
    """The DNS server."""

    def answer(self, fault: str, dependency: str, how: DnsAnswer, delay: float) -> None:
        """From now on, answer the dependency's names so: nodata, nxdomain, servfail, drop, slow."""
        ...

    def clear(self, fault: str) -> None:
        """Take that back."""
        ...


class ProxyLever(Protocol):
    """The proxies in front of the dependencies."""

    def add_toxic(self, name: str, dependency: str, kind: str, stream: str, attributes: dict[str, int]) -> None:
        """Toxiproxy's add: attributes as in its API (milliseconds)."""
        ...

    def remove_toxic(self, name: str, dependency: str) -> None:
        """Take it away; unknown is no error."""
        ...

    def disable(self, dependency: str) -> None:
        """Refuse new connections (Toxiproxy's `enabled: false`, but open connections are left alone)."""
        ...

    def enable(self, dependency: str) -> None:
        """Accept again."""
        ...


class ConnectionLever(Protocol):
    """What happens to open connections."""

    def drain(self, dependency: str) -> None:
        """End them politely: after their next response, or after silence, at most 5 s later."""
        ...

    def cut(self, dependency: str) -> None:
        """Reset them now."""
        ...


class Levers(Protocol):
    """All levers of a stack, and a look at what is in force."""

    @property
    def dns(self) -> DnsLever:
        """The DNS server."""
        ...

    @property
    def proxy(self) -> ProxyLever:
        """The proxies."""
        ...

    @property
    def connections(self) -> ConnectionLever:
        """Open connections."""
        ...

    def in_force(self) -> set[str]:
        """Ids of all faults that act at this moment, asked of the parts themselves."""
        ...
