"""The DNS server as a process: its sockets, its records, its commands."""

from __future__ import annotations

import select
import socket
import struct
import threading

import msgspec
import pytest
from dnslib import RCODE, DNSRecord

from chaoskit.channel import Channel
from chaoskit.clock import RunClock, monotonic
from chaoskit.dns.server import Server
from chaoskit.dns.zone import Zone
from chaoskit.part import Part
from chaoskit.wire import Command, DnsClear, DnsSettings, Start, Status, Stop
from tests.conftest import wait_until
from tests.dns.conftest import GROUPS, Dns, bound_pair

NAME = "dynamodb.us-east-1.amazonaws.com"
OTHER = "payments.example.com"


def connect(dns: Dns) -> socket.socket:
    return socket.create_connection(dns.address, timeout=5.0)


def framed(packet: bytes) -> bytes:
    return struct.pack(">H", len(packet)) + packet


def read_frame(sock: socket.socket) -> bytes:
    (length,) = struct.unpack(">H", sock.recv(2, socket.MSG_WAITALL))
    return sock.recv(length, socket.MSG_WAITALL)


def addresses(answer: DNSRecord) -> list[str]:
    return [str(record.rdata) for record in answer.rr]


def test_udp_answers_and_records_each_query(dns: Dns) -> None:
    """The second, which comes from the table of built answers, like the first."""
    assert addresses(dns.ask(NAME)) == addresses(dns.ask(NAME)) == ["198.18.0.10"]
    first, second = dns.lookups()
    assert first.query_id != second.query_id or first.client != second.client
    assert (first.dependency, first.name, first.qtype, first.transport, first.answer, first.fault) == (
        "dynamodb", NAME, "A", "udp", "address", ""
    )  # fmt: skip
    assert 0 < first.at < second.at


def test_a_record_names_the_asker(dns: Dns) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5.0)
        sock.sendto(DNSRecord.question(NAME.upper(), "AAAA").pack(), dns.address)
        sock.recv(512)
        port = sock.getsockname()[1]
    (lookup,) = dns.lookups()
    assert (lookup.client, lookup.name, lookup.qtype) == (f"127.0.0.1:{port}", NAME, "AAAA")


def test_tcp_takes_several_queries_of_one_connection_in_any_pieces(dns: Dns) -> None:
    names = [NAME, OTHER, NAME]
    stream = b"".join(framed(DNSRecord.question(name).pack()) for name in names)
    with connect(dns) as sock:
        for start in range(0, len(stream), 7):
            sock.sendall(stream[start : start + 7])
        answers = [DNSRecord.parse(read_frame(sock)) for _ in names]
    assert [addresses(answer)[0] for answer in answers] == ["198.18.0.10", "198.18.0.11", "198.18.0.10"]
    assert {lookup.transport for lookup in dns.lookups()} == {"tcp"}


def test_a_fault_acts_on_answers_that_were_built_before_it(dns: Dns) -> None:
    assert dns.ask(NAME).rr
    dns.fault("nodata", "outage.1:dns.nodata")
    answer = dns.ask(NAME)
    assert answer.header.rcode == RCODE.NOERROR and not answer.rr and answer.auth
    assert dns.tell(Status()) == ("outage.1:dns.nodata",)
    dns.tell(DnsClear("outage.1:dns.nodata"))
    assert dns.ask(NAME).rr
    assert dns.tell(Status()) == ()
    assert [lookup.fault for lookup in dns.lookups()] == ["", "outage.1:dns.nodata", ""]


def test_touches_are_counted_in_few_records(dns: Dns) -> None:
    dns.fault("servfail")
    for _ in range(30):
        dns.ask(NAME)
        dns.ask(OTHER)
    touched = dns.touched()
    assert {(record.fault, record.dependency, record.bytes) for record in touched} == {("f", "dynamodb", 0)}
    assert sum(record.count for record in touched) == 30
    assert len(touched) < 30


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_drop_leaves_the_query_without_an_answer(dns: Dns, transport: str) -> None:
    """The next answer on the same socket is the one of the next query."""
    dns.fault("drop")
    packets = [DNSRecord.question(name).pack() for name in (NAME, OTHER)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) if transport == "udp" else connect(dns) as sock:
        sock.settimeout(5.0)
        sock.connect(dns.address) if transport == "udp" else None
        for packet in packets:
            sock.sendall(packet if transport == "udp" else framed(packet))
        answer = sock.recv(512) if transport == "udp" else read_frame(sock)
    assert addresses(DNSRecord.parse(answer)) == ["198.18.0.11"]
    assert [(lookup.answer, lookup.fault) for lookup in dns.lookups()] == [("dropped", "f"), ("address", "")]


def test_slow_answers_late_and_lets_others_pass(dns: Dns) -> None:
    """The true answer comes no sooner than the delay; a query sent after it is answered before it."""
    clock = RunClock()
    dns.fault("slow", delay=0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5.0)
        sent = clock.now()
        for name in (NAME, OTHER):
            sock.sendto(DNSRecord.question(name).pack(), dns.address)
        answers = [addresses(DNSRecord.parse(sock.recv(512)))[0] for _ in range(2)]
        assert clock.now() - sent >= 0.3
    assert answers == ["198.18.0.11", "198.18.0.10"]
    assert [(lookup.answer, lookup.fault) for lookup in dns.lookups()] == [("address", "f"), ("address", "")]


def test_a_slow_answer_to_a_client_that_left_harms_nobody(dns: Dns) -> None:
    dns.fault("slow", delay=0.1)
    with connect(dns) as sock:
        sock.sendall(framed(DNSRecord.question(NAME).pack()))
        wait_until(dns.lookups)
    dns.tell(DnsClear("f"))
    dns.fault("slow", "g", delay=0.2)
    assert addresses(dns.ask(NAME)) == ["198.18.0.10"]


@pytest.mark.parametrize("packet", [b"", b"\0", b"\1\2" + b"\0" * 9, b"\xff" * 300])
def test_garbage_over_udp_harms_nobody(dns: Dns, packet: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(packet, dns.address)
    assert dns.ask(NAME).rr


def test_an_unreadable_query_gets_formerr(dns: Dns) -> None:
    packet = DNSRecord.question(NAME).pack()[:-3]
    answer = DNSRecord.parse(dns.udp(packet))
    assert (answer.header.rcode, answer.pack()[:2]) == (RCODE.FORMERR, packet[:2])


def test_answers_are_not_answered(dns: Dns) -> None:
    """Of an answer and a query, only the query is replied to."""
    query = DNSRecord.question(NAME)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5.0)
        for packet in (DNSRecord.question(OTHER).reply().pack(), query.pack()):
            sock.sendto(packet, dns.address)
        assert sock.recv(512)[:2] == query.pack()[:2]


def test_garbage_over_tcp_harms_nobody(dns: Dns) -> None:
    with connect(dns) as sock:
        sock.sendall(b"\0\0" + framed(b"\1\2\0\0" + b"\xff" * 40) + b"\xff\xff")
        assert read_frame(sock)[3] & 15 == RCODE.FORMERR
    assert dns.ask(NAME).rr


def test_a_client_that_does_not_read_is_hung_up_on(dns: Dns) -> None:
    """It must not make the others wait."""
    with connect(dns) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        flood = framed(DNSRecord.question(NAME).pack()) * 2000

        hung_up = threading.Event()

        def send_all() -> None:
            try:
                for _ in range(200):
                    sock.sendall(flood)
            except OSError:
                hung_up.set()

        sender = threading.Thread(target=send_all)
        sender.start()
        while sender.is_alive():
            assert dns.ask(OTHER).rr
            sender.join(0.02)
        assert hung_up.is_set()


def test_a_silent_connection_is_closed() -> None:
    """After its idle time, without another client having to come; one that goes on asking stays."""
    ours, theirs = socket.socketpair()
    udp, tcp = bound_pair()
    part = Part(Channel(theirs), Start(monotonic(), (), DnsSettings(GROUPS)), [])
    thread = threading.Thread(target=Server(part, Zone(GROUPS), udp, tcp, idle=1.0).run)
    with udp, tcp, ours, theirs:
        thread.start()
        address = udp.getsockname()
        with socket.create_connection(address, 5.0) as silent, socket.create_connection(address, 5.0) as busy:
            while not select.select([silent], [], [], 0.1)[0]:
                busy.sendall(framed(DNSRecord.question(NAME).pack()))
                assert addresses(DNSRecord.parse(read_frame(busy))) == ["198.18.0.10"]
            assert silent.recv(1) == b""
        Channel(ours).send(msgspec.json.encode(Command(1, Stop())))
        thread.join(5.0)
        assert not thread.is_alive()
