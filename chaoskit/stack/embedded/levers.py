"""The embedded stack's levers: the DNS server and the gateway by their channels, the proxy by Toxiproxy's API."""

from __future__ import annotations

from chaoskit.stack.process import PartProcess
from chaoskit.stack.toxiproxy import ToxiproxyClient
from chaoskit.wire import Cut, DnsAnswer, DnsClear, DnsInject, Drain, Status


class _Dns:
    def __init__(self, dns: PartProcess) -> None:
        self._dns = dns

    def answer(self, fault: str, dependency: str, how: DnsAnswer, delay: float) -> None:
        self._dns.ask(DnsInject(fault, dependency, how, delay))

    def clear(self, fault: str) -> None:
        self._dns.ask(DnsClear(fault))


class _Proxy:
    def __init__(self, client: ToxiproxyClient) -> None:
        self._client = client

    def add_toxic(self, name: str, dependency: str, kind: str, stream: str, attributes: dict[str, int]) -> None:
        self._client.add_toxic(dependency, name, kind, stream, attributes)

    def remove_toxic(self, name: str, dependency: str) -> None:
        self._client.remove_toxic(dependency, name)

    def disable(self, dependency: str) -> None:
        self._client.disable(dependency, keep_connections=True)

    def enable(self, dependency: str) -> None:
        self._client.enable(dependency)


class _Connections:
    def __init__(self, proxy: PartProcess, gateway: PartProcess | None, http: frozenset[str]) -> None:
        self._proxy = proxy
        self._gateway = gateway
        self._http = http

    def drain(self, dependency: str) -> None:
        if self._gateway is not None and dependency in self._http:
            self._gateway.ask(Drain(dependency))
            self._proxy.ask(Drain(dependency, idle=None))
        else:
            self._proxy.ask(Drain(dependency))

    def cut(self, dependency: str) -> None:
        self._proxy.ask(Cut(dependency))


class EmbeddedLevers:
    """`http`: the dependencies behind the gateway."""

    def __init__(
        self,
        dns: PartProcess,
        proxy: PartProcess,
        gateway: PartProcess | None,
        client: ToxiproxyClient,
        http: frozenset[str],
    ) -> None:
        self.dns = _Dns(dns)
        self.proxy = _Proxy(client)
        self.connections = _Connections(proxy, gateway, http)
        self._parts = (dns, proxy)

    def in_force(self) -> set[str]:
        """What the DNS server and the proxy say acts now: fault ids, and `down:DEPENDENCY`."""
        names: set[str] = set()
        for part in self._parts:
            value = part.ask(Status())
            assert isinstance(value, tuple | list)
            names.update(value)
        return names
