"""One proxied connection: a client, an upstream, a link each way."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable
from typing import Literal

from chaoskit.proxy.link import Link
from chaoskit.proxy.loop import IN, OUT, Loop
from chaoskit.proxy.toxics import Stage, Toxic

Event = Literal["opened", "failed", "closed"]
Tell = Callable[["Pair", Event, str], None]
MakeStage = Callable[[Toxic, "Pair", str], Stage]


class Pair:
    """tell: called once with opened or failed, and once with closed and its cause."""

    def __init__(self, loop: Loop, client: socket.socket, port: int, number: int, tell: Tell) -> None:
        self.client_port, self.number = port, number
        self._loop, self._client, self._tell = loop, client, tell
        self.up: Link | None = None
        self.down: Link | None = None
        self._upstream: socket.socket | None = None
        self._closed = False

    @property
    def bytes_up(self) -> int:
        """From the client, so far."""
        return self.up.bytes if self.up else 0

    @property
    def bytes_down(self) -> int:
        """To the client, so far."""
        return self.down.bytes if self.down else 0

    @property
    def last(self) -> float:
        """When anything last moved."""
        return max(self.up.last, self.down.last) if self.up and self.down else 0.0

    # ------------------------------------------------------------ connecting

    def connect(self, address: tuple[str, int], within: float, ready: Callable[[Pair], None]) -> None:
        """Connect to the upstream without blocking; `ready` sets the stages before data flows."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._upstream = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._upstream.connect_ex(address)
        except OSError:
            self.close("upstream", failed=True)
            return
        self._loop.watch(self._upstream.fileno(), OUT, lambda _events: self._connected(ready))
        self._loop.at(self._loop.clock.now() + within, self._connect_timeout)

    def _connected(self, ready: Callable[[Pair], None]) -> None:
        assert self._upstream is not None
        self._loop.forget(self._upstream.fileno())
        if self._upstream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.close("upstream", failed=True)
            return
        clock = self._loop.clock
        self.up = Link(self._client, self._upstream, clock, self._changed, self._direction_ended)
        self.down = Link(self._upstream, self._client, clock, self._changed, self._direction_ended)
        ready(self)
        self._tell(self, "opened", "")
        self._changed()

    def _connect_timeout(self) -> None:
        if self.up is None and not self._closed:
            self.close("upstream", failed=True)

    # ------------------------------------------------------------ events

    def _changed(self) -> None:
        """Watch what the links want now."""
        if self._closed or self.up is None or self.down is None or self._upstream is None:
            return
        for sock, reads, writes in ((self._client, self.up, self.down), (self._upstream, self.down, self.up)):
            mask = (IN if reads.wants_read else 0) | (OUT if writes.wants_write else 0)
            self._loop.watch(sock.fileno(), mask, self._handler(reads, writes))

    def _handler(self, reads: Link, writes: Link) -> Callable[[int], None]:
        broken = select.EPOLLERR | select.EPOLLHUP

        def handle(events: int) -> None:
            try:
                if events & OUT and writes.wants_write:
                    writes.writable()
                if events & (IN | broken) and not self._closed and reads.wants_read:
                    reads.readable()
                elif events & broken and not events & OUT:
                    self.close("reset")
            except OSError:
                self.close("reset")

        return handle

    def _direction_ended(self) -> None:
        if self.up and self.down and self.up.finished and self.down.finished:
            self.close("client")
        elif self._closed or (self.up and self.down and not (self.up.finished or self.down.finished)):
            self.close("reset")

    # ------------------------------------------------------------ ending

    def close(self, cause: str, *, reset: bool = False, failed: bool = False) -> None:
        """End both sides: FIN, or RST when `reset`."""
        if self._closed:
            return
        self._closed = True
        for sock in (self._client, self._upstream):
            if sock is None:
                continue
            self._loop.forget(sock.fileno())
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        for link in (self.up, self.down):
            if link is not None:
                link.close()
        self._tell(self, "failed" if failed else "closed", cause)

    @property
    def closed(self) -> bool:
        """Over."""
        return self._closed
