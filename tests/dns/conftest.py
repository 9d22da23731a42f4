"""A DNS server as a part of its own, on loopback, and clients for it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from dnslib import DNSRecord

from chaoskit.clock import RunClock
from chaoskit.records import Lookup, Record, Touched
from chaoskit.stack.process import PartProcess, Value
from chaoskit.wire import AnyCommand, DnsInject, DnsSettings, Flush, NameGroup

GROUPS = (
    NameGroup("dynamodb", ("dynamodb.us-east-1.amazonaws.com", "*.ddb.us-east-1.amazonaws.com"), "198.18.0.10", 7),
    NameGroup("payments", ("payments.example.com",), "198.18.0.11", 5),
)


@dataclass
class Dns:
    """The part and how to ask it."""

    part: PartProcess
    address: tuple[str, int]
    records: list[Record] = field(default_factory=list)

    def udp(self, packet: bytes, timeout: float = 5.0) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout)
            sock.sendto(packet, self.address)
            return sock.recv(65535)

    def ask(self, name: str, qtype: str = "A") -> DNSRecord:
        query = DNSRecord.question(name, qtype)
        answer = DNSRecord.parse(self.udp(query.pack()))
        assert answer.header.id == query.header.id
        return answer

    def tell(self, command: AnyCommand) -> Value:
        return self.part.ask(command)

    def fault(self, answer: str, fault: str = "f", dependency: str = "dynamodb", delay: float = 0.0) -> None:
        self.tell(DnsInject(fault, dependency, answer, delay))  # type: ignore[arg-type]

    def lookups(self) -> list[Lookup]:
        self.tell(Flush())
        return [record for record in self.records if isinstance(record, Lookup)]

    def touched(self) -> list[Touched]:
        self.tell(Flush())
        return [record for record in self.records if isinstance(record, Touched)]


def bound_pair() -> tuple[socket.socket, socket.socket]:
    """UDP and TCP sockets on the same free port of loopback."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()


@pytest.fixture
def dns(tmp_path: Path) -> Iterator[Dns]:
    records: list[Record] = []
    part = PartProcess("dns", RunClock(), records.extend, tmp_path / "log")
    udp, tcp = bound_pair()
    with udp, tcp:
        part.start(DnsSettings(GROUPS), {"udp": udp, "tcp": tcp})
        address = udp.getsockname()
    part.wait_ready()
    yield Dns(part, address, records)
    part.stop()
    assert (tmp_path / "log").read_text() == ""
