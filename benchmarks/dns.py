"""Our DNS server beside dnslib's own, one after the other in the same run: `python -m benchmarks.dns`.

Both answer A queries for 1000 names; the client (this process) keeps 64 queries in flight over one UDP socket and
takes every answer apart far enough to know it is right. Ours runs as it does in an experiment: a part, with a record
of every query sent to the host. Prints queries per second of each round and the ratio of the medians.
"""

from __future__ import annotations

import multiprocessing
import socket
import statistics
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dnslib import QTYPE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

from chaoskit.clock import RunClock, monotonic
from chaoskit.stack.process import PartProcess
from chaoskit.wire import DnsSettings, NameGroup

NAMES = tuple(f"host{number}.example.test" for number in range(1000))
ADDRESS = "198.18.0.10"
IN_FLIGHT = 64
ROUNDS = 3
SECONDS = 1.5
LOST_AFTER = 0.5
"""Seconds without any answer after which the window is sent anew (UDP may lose)."""
Address = tuple[str, int]


@contextmanager
def ours() -> Iterator[Address]:
    """Our server as a part."""
    clock = RunClock()
    with tempfile.TemporaryDirectory() as folder:
        part = PartProcess("dns", clock, lambda _records: None, Path(folder, "log"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.create_server(("127.0.0.1", 0)) as tcp:
            udp.bind(("127.0.0.1", 0))
            part.start(DnsSettings((NameGroup("bench", NAMES, ADDRESS, 5),)), {"udp": udp, "tcp": tcp})
            address = udp.getsockname()
        try:
            part.wait_ready()
            yield address
        finally:
            part.stop()


class Resolver(BaseResolver):  # type: ignore[misc]
    """The same names for dnslib's server."""

    def __init__(self) -> None:
        self.records = {f"{name}.": A(ADDRESS) for name in NAMES}

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:  # noqa: ARG002
        reply = request.reply()
        reply.add_answer(RR(request.q.qname, QTYPE.A, ttl=5, rdata=self.records[str(request.q.qname).lower()]))
        return reply


def _serve_dnslib(tell: Callable[[int], None]) -> None:
    quiet = DNSLogger("-request,-reply,-truncated,-error,-recv,-send,-data", False)
    server = DNSServer(Resolver(), address="127.0.0.1", port=0, logger=quiet)
    tell(server.server.server_address[1])
    server.start()


@contextmanager
def dnslibs() -> Iterator[Address]:
    """dnslib's DNSServer in a process of its own, its log off."""
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_serve_dnslib, args=(send.send,), daemon=True)
    process.start()
    try:
        yield "127.0.0.1", receive.recv()
    finally:
        process.terminate()
        process.join()


def queries() -> list[bytes]:
    """One packed query per name, without its id."""
    return [DNSRecord.question(name).pack()[2:] for name in NAMES]


def measure(address: Address, tails: list[bytes], seconds: float) -> float:
    """Answers per second with IN_FLIGHT queries out."""
    wanted = socket.inet_aton(ADDRESS)
    sent = answered = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.settimeout(LOST_AFTER)
        begin = monotonic()
        while monotonic() < begin + seconds:
            for _ in range(IN_FLIGHT - (sent - answered)):
                sock.send(struct.pack(">H", sent & 0xFFFF) + tails[sent % len(tails)])
                sent += 1
            try:
                answer = sock.recv(512)
            except TimeoutError:
                sent = answered
                continue
            if not answer.endswith(wanted):
                raise SystemExit(f"wrong answer: {answer!r}")
            answered += 1
        return answered / (monotonic() - begin)


def main(seconds: float = SECONDS) -> None:
    """Measure and print."""
    tails = queries()
    rates: dict[str, list[float]] = {"chaoskit": [], "dnslib": []}
    with ours() as our_address, dnslibs() as their_address:
        for address in (our_address, their_address):
            measure(address, tails, min(0.3, seconds))
        for number in range(ROUNDS):
            rates["chaoskit"].append(measure(our_address, tails, seconds))
            rates["dnslib"].append(measure(their_address, tails, seconds))
            print(f"round {number + 1}: chaoskit {rates['chaoskit'][-1]:8.0f}/s  dnslib {rates['dnslib'][-1]:8.0f}/s")
    ratio = statistics.median(rates["chaoskit"]) / statistics.median(rates["dnslib"])
    print(f"chaoskit answers {ratio:.1f} times as many queries as dnslib's DNSServer")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
