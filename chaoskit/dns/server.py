"""The sockets of the DNS server: one selector loop, a table of answers already built, timers for slow ones.

dnslib builds each answer once; after that the bytes behind the id are looked up and the id is put in front. The
table is dropped whenever a fault changes (measured 31 times the throughput of dnslib's own server)."""

from __future__ import annotations

import heapq
import selectors
import socket
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Literal

from dnslib import DNSError

from chaoskit.dns.zone import Reply, Zone, formerr
from chaoskit.part import Part
from chaoskit.records import Lookup, Touched
from chaoskit.wire import Command, DnsClear, DnsInject, Flush, Status, Stop

MOST_CACHED = 65536
DRAIN = 64
"""Datagrams read at one wake-up before other sockets get their turn."""
IDLE = 30.0
"""Seconds after which a silent TCP connection is closed."""
MOST_CONNECTIONS = 512

Send = Callable[[bytes], None]
Transport = Literal["udp", "tcp"]


class _Tcp:
    """One TCP connection: queries in length-prefixed frames (RFC 1035 4.2.2)."""

    def __init__(self, sock: socket.socket, client: str, now: float) -> None:
        self.sock, self.client, self.last = sock, client, now
        self.received = bytearray()

    def frames(self, data: bytes) -> list[bytes]:
        self.received += data
        frames = []
        while len(self.received) >= 2:
            length = int.from_bytes(self.received[:2], "big")
            if len(self.received) < 2 + length:
                break
            frames.append(bytes(self.received[2 : 2 + length]))
            del self.received[: 2 + length]
        return frames

    def send(self, packed: bytes) -> None:
        try:
            self.sock.sendall(len(packed).to_bytes(2, "big") + packed)
        except OSError:
            pass  # the client is gone, or does not read: a resolver's own problem


class Server:
    """Serves until Stop."""

    def __init__(self, part: Part, zone: Zone, udp: socket.socket, tcp: socket.socket) -> None:
        self._part, self._zone, self._udp, self._tcp = part, zone, udp, tcp
        self._answers: dict[bytes, Reply] = {}
        self._later: list[tuple[float, int, Send, bytes]] = []
        self._numbers = 0
        self._touched: Counter[tuple[str, str]] = Counter()
        self._connections: dict[int, _Tcp] = {}
        self._selector = selectors.DefaultSelector()
        self._running = True

    def run(self) -> None:
        """The loop."""
        for sock, handle in ((self._udp, self._datagrams), (self._tcp, self._accept)):
            sock.setblocking(False)
            self._selector.register(sock, selectors.EVENT_READ, handle)
        self._selector.register(self._part.channel, selectors.EVENT_READ, self._command)
        self._part.ready()
        while self._running:
            for key, _ in self._selector.select(self._rest()):
                key.data()
            self._send_due()

    def _rest(self) -> float:
        self._touch_records()
        rest = self._part.tick()
        return min(rest, max(0.0, self._later[0][0] - self._part.clock.now())) if self._later else rest

    # ------------------------------------------------------------ sockets

    def _datagrams(self) -> None:
        for _ in range(DRAIN):
            try:
                query, peer = self._udp.recvfrom(4096)
            except BlockingIOError:
                return
            self._answer(query, "udp", peer, partial(self._send_udp, peer))

    def _send_udp(self, peer: tuple[str, int], packed: bytes) -> None:
        try:
            self._udp.sendto(packed, peer)
        except OSError:
            pass  # a full buffer or a vanished client loses a datagram, as datagrams do

    def _accept(self) -> None:
        try:
            sock, peer = self._tcp.accept()
        except OSError:
            return
        self._close_idle()
        if len(self._connections) >= MOST_CONNECTIONS:
            sock.close()
            return
        sock.settimeout(1.0)
        connection = _Tcp(sock, f"{peer[0]}:{peer[1]}", self._part.clock.now())
        self._connections[sock.fileno()] = connection
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._readable(connection, peer))

    def _readable(self, connection: _Tcp, peer: tuple[str, int]) -> None:
        try:
            data = connection.sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        connection.last = self._part.clock.now()
        for query in connection.frames(data):
            self._answer(query, "tcp", peer, connection.send)

    def _close(self, connection: _Tcp) -> None:
        self._selector.unregister(connection.sock)
        self._connections.pop(connection.sock.fileno(), None)
        connection.sock.close()

    def _close_idle(self) -> None:
        before = self._part.clock.now() - IDLE
        for connection in [c for c in self._connections.values() if c.last < before]:
            self._close(connection)

    # ------------------------------------------------------------ answers

    def _answer(self, query: bytes, transport: Transport, peer: tuple[str, int], send: Send) -> None:
        reply = self._answers.get(query[2:])
        if reply is None:
            try:
                reply = self._zone.reply(query)
            except (DNSError, ValueError, IndexError, AttributeError):  # what dnslib raises on nonsense
                if packed := formerr(query):
                    send(packed)
                return
            if len(self._answers) >= MOST_CACHED:
                self._answers.clear()
            self._answers[query[2:]] = reply
        self._record(reply, query, transport, peer)
        if reply.packed is None:
            return
        packed = query[:2] + reply.packed[2:]
        if reply.delay:
            self._numbers += 1
            heapq.heappush(self._later, (self._part.clock.now() + reply.delay, self._numbers, send, packed))
        else:
            send(packed)

    def _record(self, reply: Reply, query: bytes, transport: Transport, peer: tuple[str, int]) -> None:
        if reply.fault:
            self._touched[reply.fault, reply.dependency] += 1
        identity = int.from_bytes(query[:2], "big")
        client = f"{peer[0]}:{peer[1]}"
        now = self._part.clock.now()
        said = (reply.dependency, reply.name, reply.qtype, transport, client, identity, reply.answer, reply.fault)
        self._part.emit(Lookup(now, *said))

    def _send_due(self) -> None:
        now = self._part.clock.now()
        while self._later and self._later[0][0] <= now:
            _, _, send, packed = heapq.heappop(self._later)
            send(packed)

    def _touch_records(self) -> None:
        for (fault, dependency), count in self._touched.items():
            self._part.emit(Touched(self._part.clock.now(), fault, dependency, count, 0))
        self._touched.clear()

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
                self._touch_records()
                self._part.flush()
                self._running = not isinstance(command.do, Stop)
        return None
