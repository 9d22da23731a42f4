"""One proxied connection: a client, an upstream, a link each way."""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Literal

from chaoskit.proxy.addresses import Address
from chaoskit.proxy.link import CHUNK, Link, Shared
from chaoskit.proxy.loop import IN, OUT, Timer

Event = Literal["opened", "failed", "closed"]
Tell = Callable[["Pair", Event, str], None]
_BROKEN = select.EPOLLERR | select.EPOLLHUP
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST (`man 7 socket`)."""
_MOST_DISCARDED = 64
"""Reads before a polite end, at most."""


class Pair:
    """tell: called with opened and later closed and its cause, or once with failed."""

    def __init__(self, shared: Shared, client: socket.socket, port: int, number: int, tell: Tell) -> None:
        self.client_port, self.number = port, number
        self.up: Link | None = None
        self.down: Link | None = None
        self.closed = False
        self._born = shared.loop.clock.now()
        self._loop, self._shared, self._client, self._tell = shared.loop, shared, client, tell
        self._upstream: socket.socket | None = None
        self._timeout: Timer | None = None
        self._cause = ""

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
        """When anything last moved; now, while anything is on its way."""
        if self.up is None or self.down is None:
            return self._born
        if self.up.busy or self.down.busy:
            return self._loop.clock.now()
        return max(self.up.last, self.down.last)

    # ------------------------------------------------------------ connecting

    def connect(self, address: Address | None, within: float, ready: Callable[[Pair], None]) -> None:
        """Connect to the upstream without blocking; `ready` sets the stages before data flows.

        address: None when there is none to be had. within: seconds."""
        if self.closed:
            return
        if address is None or not self._begin_connect(address):
            self._close("failed", "")
            return
        assert self._upstream is not None
        self._loop.watch(self._upstream.fileno(), OUT, lambda _events: self._connected(ready))
        self._timeout = self._loop.at(self._loop.clock.now() + within, partial(self._close, "failed", ""))

    def _begin_connect(self, address: Address) -> bool:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            self._upstream = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            self._upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._upstream.connect_ex(address) in (0, errno.EINPROGRESS)
        except OSError:
            return False  # no descriptor left, or no such family here

    def _connected(self, ready: Callable[[Pair], None]) -> None:
        assert self._upstream is not None and self._timeout is not None
        self._loop.forget(self._upstream.fileno())
        self._timeout.cancel()
        if self._upstream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._close("failed", "")
            return
        self.up = Link(self._client, self._upstream, self._shared, self)
        self.down = Link(self._upstream, self._client, self._shared, self)
        ready(self)
        self._tell(self, "opened", "")
        self.changed()

    # ------------------------------------------------------------ events

    def changed(self) -> None:
        """Watch what the links want now."""
        if self.closed or self.up is None or self.down is None or self._upstream is None:
            return
        self._watch(self._client, self.up, self.down)
        self._watch(self._upstream, self.down, self.up)

    def _watch(self, sock: socket.socket, reads: Link, writes: Link) -> None:
        mask = (IN if reads.wants_read else 0) | (OUT if writes.wants_write else 0)
        handler = reads.readable if mask == IN else partial(self._both, reads, writes)
        self._loop.watch(sock.fileno(), mask, handler)

    def _both(self, reads: Link, writes: Link, events: int) -> None:
        """A socket that is to be written (and perhaps read): one that broke tells so when it is used."""
        if events & (OUT | _BROKEN) and writes.wants_write:
            writes.writable()
        if events & (IN | _BROKEN) and not self.closed and reads.wants_read:
            reads.readable()

    # ------------------------------------------------------------ what the links tell

    def eof(self, link: Link) -> None:
        """Whoever says goodbye first is the cause."""
        self._cause = self._cause or ("client" if link is self.up else "upstream")

    def finished(self) -> None:
        """Over when both directions are."""
        if self.up and self.down and self.up.finished and self.down.finished:
            self._close("closed", self._cause)

    def source_failed(self, link: Link) -> None:
        """Nothing can go back to it; what came from it is still delivered."""
        self._cause = "reset"
        self._drop(self.down if link is self.up else self.up)
        link.end_of_data()

    def sink_failed(self, link: Link) -> None:
        """What it sent before may still be read."""
        self._cause = self._cause or "reset"
        self._drop(link)

    def _drop(self, link: Link | None) -> None:
        if link is not None:
            link.abandon()
            self.changed()
            self.finished()

    # ------------------------------------------------------------ ending

    def end(self, cause: str, *, reset: bool = False) -> None:
        """End both sides, now: FIN, or RST when `reset`."""
        if self.closed:
            return
        for sock in (self._client, self._upstream):
            if sock is not None and reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            elif sock is not None:
                _say_goodbye(sock)
        self._close("closed", cause)

    def _close(self, event: Event, cause: str) -> None:
        if self.closed:
            return
        self.closed = True
        if self._timeout is not None:
            self._timeout.cancel()
        for sock in (self._client, self._upstream):
            if sock is not None:
                self._loop.forget(sock.fileno())
                sock.close()
        for link in (self.up, self.down):
            if link is not None:
                link.abandon()
        self._tell(self, event, cause)


def _say_goodbye(sock: socket.socket) -> None:
    """FIN first, then take what is unread: a socket closed with unread data sends RST."""
    try:
        sock.shutdown(socket.SHUT_WR)
        for _ in range(_MOST_DISCARDED):
            if not sock.recv(CHUNK):
                break
    except OSError:
        pass  # nothing more to take, or not connected
