"""The sockets of the DNS server: one selector loop, a table of answers already built, timers for slow ones.

dnslib builds each answer once; after that the bytes behind the id are looked up and the id is put in front. The
table is dropped whenever a fault changes (`benchmarks/dns.py` has the throughput beside dnslib's own server)."""

from __future__ import annotations

import heapq
import select
import selectors
import socket
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Literal

from dnslib import DNSError

from chaoskit.dns.stream import Stream
from chaoskit.dns.zone import Reply, Zone, formerr, is_answer
from chaoskit.part import FLUSH_EVERY, Part
from chaoskit.records import Lookup, Touched
from chaoskit.wire import Command, DnsClear, DnsInject, Flush, Status, Stop

MOST_CACHED = 65536
DRAIN = 64
"""Datagrams read at one wake-up before other sockets get their turn."""
IDLE = 30.0
"""Seconds after which a silent TCP connection is closed (RFC 7766 6.2.3 leaves it to the server)."""
MOST_CONNECTIONS = 512

Peer = tuple[str, int]
Send = Callable[[bytes], None]
Transport = Literal["udp", "tcp"]


class Server:
    """Serves until Stop. `idle`: seconds after which a silent TCP connection is closed."""

    def __init__(self, part: Part, zone: Zone, udp: socket.socket, tcp: socket.socket, *, idle: float = IDLE) -> None:
        self._part, self._zone, self._udp, self._tcp, self._idle = part, zone, udp, tcp, idle
        self._clock = part.clock
        self._answers: dict[bytes, Reply] = {}
        self._later: list[tuple[float, int, Send, bytes]] = []
        self._numbers = 0
        self._touched: Counter[tuple[str, str]] = Counter()
        self._streams: set[Stream] = set()
        self._selector = selectors.EpollSelector()
        self._chores_due = 0.0
        self._running = True

    def run(self) -> None:
        """The loop."""
        for sock, handle in ((self._udp, self._datagrams), (self._tcp, self._accept)):
            sock.setblocking(False)
            self._selector.register(sock, selectors.EVENT_READ, handle)
        self._selector.register(self._part.channel, selectors.EVENT_READ, self._command)
        self._part.ready()
        while self._running:
            for key, _ in self._wait():
                key.data()
            self._send_due()
            self._chores()

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        rest = max(0.0, self._chores_due - self._clock.now())
        if self._later:
            # epoll's own timeout counts in milliseconds, select's on the epoll in microseconds.
            until = max(0.0, self._later[0][0] - self._clock.now())
            select.select([self._selector.fileno()], [], [], min(rest, until))
            rest = 0.0
        return self._selector.select(rest)

    def _chores(self) -> None:
        now = self._clock.now()
        if now < self._chores_due:
            return
        self._chores_due = now + FLUSH_EVERY
        self._flush()
        for stream in [s for s in self._streams if s.last < now - self._idle]:
            self._close(stream)

    def _flush(self) -> None:
        for (fault, dependency), count in self._touched.items():
            self._part.emit(Touched(self._clock.now(), fault, dependency, count, 0))
        self._touched.clear()
        self._part.flush()

    # ------------------------------------------------------------ sockets

    def _datagrams(self) -> None:
        for _ in range(DRAIN):
            try:
                query, peer = self._udp.recvfrom(4096)
            except BlockingIOError:
                return
            self._answer(query, "udp", peer, partial(self._send_udp, peer))

    def _send_udp(self, peer: Peer, packed: bytes) -> None:
        try:
            self._udp.sendto(packed, peer)
        except OSError:
            pass  # a full buffer or a vanished client loses a datagram, as datagrams do

    def _accept(self) -> None:
        try:
            sock, peer = self._tcp.accept()
        except OSError:
            return  # the client has left the queue again
        if len(self._streams) >= MOST_CONNECTIONS:
            sock.close()
            return
        stream = Stream(sock, self._clock.now())
        self._streams.add(stream)
        self._selector.register(sock, selectors.EVENT_READ, partial(self._readable, stream, peer))

    def _readable(self, stream: Stream, peer: Peer) -> None:
        queries = stream.read()
        if queries is None:
            self._close(stream)
            return
        stream.last = self._clock.now()
        for query in queries:
            self._answer(query, "tcp", peer, stream.send)

    def _close(self, stream: Stream) -> None:
        self._streams.remove(stream)
        self._selector.unregister(stream.sock)
        stream.sock.close()

    # ------------------------------------------------------------ answers

    def _answer(self, query: bytes, transport: Transport, peer: Peer, send: Send) -> None:
        reply = self._answers.get(query[2:]) or self._build(query, send)
        if reply is None:
            return
        self._record(reply, query, transport, peer)
        if reply.packed is None:
            return
        packed = query[:2] + reply.packed[2:]
        if reply.delay:
            self._numbers += 1
            heapq.heappush(self._later, (self._clock.now() + reply.delay, self._numbers, send, packed))
        else:
            send(packed)

    def _build(self, query: bytes, send: Send) -> Reply | None:
        """Build and remember a reply; None for what is no query, after FORMERR where one is due."""
        if is_answer(query):
            return None
        try:
            reply = self._zone.reply(query)
        except (DNSError, ValueError, IndexError, AttributeError):  # what dnslib raises on nonsense
            if packed := formerr(query):
                send(packed)
            return None
        if len(self._answers) >= MOST_CACHED:
            self._answers.clear()
        self._answers[query[2:]] = reply
        return reply

    def _record(self, reply: Reply, query: bytes, transport: Transport, peer: Peer) -> None:
        if reply.fault:
            self._touched[reply.fault, reply.dependency] += 1
        client = f"{peer[0]}:{peer[1]}"
        identity = int.from_bytes(query[:2], "big")
        now, about = self._clock.now(), (reply.dependency, reply.name, reply.qtype)
        self._part.emit(Lookup(now, *about, transport, client, identity, reply.answer, reply.fault))

    def _send_due(self) -> None:
        now = self._clock.now()
        while self._later and self._later[0][0] <= now:
            _, _, send, packed = heapq.heappop(self._later)
            send(packed)

    # ------------------------------------------------------------ commands

    def _command(self) -> None:
        command = self._part.next_command()
        self._part.done(command, self._do(command))

    def _do(self, command: Command) -> tuple[str, ...] | None:
        match command.do:
            case DnsInject() as fault:
                self._zone.inject(fault)
                self._answers.clear()
            case DnsClear(fault):
                self._zone.clear(fault)
                self._answers.clear()
            case Status():
                return self._zone.in_force()
            case Flush() | Stop():
                self._flush()
                self._running = not isinstance(command.do, Stop)
        return None
