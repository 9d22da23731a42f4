"""The worker's HTTP/1.1 client: keep-alive connections that grow in number with the requests in flight."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import cast

import httptools

from chaoskit.clock import Clock
from chaoskit.load.expectations import Answer

MOST_CONNECTIONS = 1024
"""To one place. A request that finds none free within its timeout is `unsent`."""
STALE_WITHIN = 0.1
"""Seconds: a kept connection that ends so soon after a request was written had been given up by the server before
it came; one that ends later ended over this request."""
_OURS = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN)
"""connect(2) failed for want of something on this side: no fault of the target's."""
_CONNECTING = {errno.ECONNRESET: "reset", errno.ETIMEDOUT: "timeout"} | dict.fromkeys(_OURS, "unsent")


class Failure(Exception):  # noqa: N818
    """A request failed. `error`: refused, reset, closed, timeout, protocol or unsent."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Exchange:
    """One request on its way: what is known of it so far."""

    def __init__(self, data: bytes, head: bool) -> None:
        self.data, self.head = data, head
        self.sent: float | None = None
        self.first_byte: float | None = None
        self.done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def fail(self, error: str) -> None:
        """End it without an answer."""
        if not self.done.done():
            self.done.set_exception(Failure(error))


class Connection(asyncio.Protocol):
    """One connection; one exchange at a time. idle: called when it is free again."""

    def __init__(self, clock: Clock, idle: Callable[[Connection], None]) -> None:
        self._clock, self._idle = clock, idle
        self._exchange: Exchange | None = None
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    def send(self, exchange: Exchange) -> None:
        """Send a request; its future gets the answer."""
        self._exchange = exchange
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._head_complete = False
        self._body = bytearray()
        self._transport.write(exchange.data)

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        exchange = self._exchange
        if exchange is None:
            self.close()  # bytes that nobody asked for
            return
        if exchange.first_byte is None:
            exchange.first_byte = self._clock.now()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("protocol")

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools' callback."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """httptools' callback: an answer to HEAD has no body, whatever its length says."""
        self._head_complete = self._parser.get_status_code() >= 200
        if self._exchange is not None and self._exchange.head and self._head_complete:
            self._complete(reusable=False)

    def on_body(self, data: bytes) -> None:
        """httptools' callback."""
        self._body += data

    def on_message_complete(self) -> None:
        """httptools' callback."""
        if self._parser.get_status_code() >= 200:
            self._complete(self._parser.should_keep_alive())
        else:
            self._headers = {}  # 1xx is not the answer yet

    def connection_lost(self, error: Exception | None) -> None:
        """The other side closed, or we did."""
        self.open = False
        exchange = self._exchange
        if exchange is not None and error is None and exchange.first_byte is not None and not exchange.done.done():
            self._end_of_body(exchange)
        elif exchange is not None:
            reset = isinstance(error, OSError) and error.errno in (errno.ECONNRESET, errno.EPIPE)
            exchange.fail("reset" if reset else "closed")
        self._exchange = None

    def _end_of_body(self, exchange: Exchange) -> None:
        """Without a length, the end of the connection is the end of the body (RFC 9112 6.3)."""
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        if framed or not self._head_complete:
            exchange.fail("closed")
        else:
            self._complete(reusable=False)

    def _complete(self, reusable: bool) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        if not exchange.done.done():
            exchange.done.set_result(Answer(self._parser.get_status_code(), self._headers, bytes(self._body)))
        if reusable and self.open:
            self._idle(self)
        else:
            self.close()

    def _fail(self, error: str) -> None:
        if self._exchange is not None:
            self._exchange.fail(error)
            self._exchange = None
        self.close()

    def close(self) -> None:
        """Close at once."""
        self.open = False
        self._transport.abort()


class Client:
    """A pool for one place. `connect` makes a transport for a protocol factory (TCP or a unix socket)."""

    def __init__(self, clock: Clock, connect: Callable[..., object]) -> None:
        self._clock, self._connect = clock, connect
        self._free: list[Connection] = []
        self._count = asyncio.Semaphore(MOST_CONNECTIONS)

    async def exchange(self, exchange: Exchange) -> Answer:
        """Send a request and wait for its answer. Raises Failure.

        A kept connection that ends before a byte of the answer, within STALE_WITHIN, is replaced once by a new one,
        for any method: keep-alive ends at the server's convenience (RFC 9112 9.3.1), and a failure of that kind is
        none of the target's. A request of a new connection is never sent twice."""
        async with self._count:
            # Sent is when we begin: a target that does not accept the connection is not a late generator.
            exchange.sent = self._clock.now()
            connection = self._kept()
            if connection is not None:
                try:
                    return await self._on(connection, exchange)
                except Failure as failure:
                    if not self._was_stale(failure, exchange):
                        raise
                    exchange.done = asyncio.get_running_loop().create_future()
            return await self._on(await self._new(), exchange)

    def _was_stale(self, failure: Failure, exchange: Exchange) -> bool:
        soon = exchange.sent is not None and self._clock.now() - exchange.sent < STALE_WITHIN
        return soon and failure.error in ("closed", "reset") and exchange.first_byte is None

    def _kept(self) -> Connection | None:
        while self._free:
            connection = self._free.pop()
            if connection.open:
                return connection
        return None

    async def _new(self) -> Connection:
        try:
            _, connection = await self._connect(lambda: Connection(self._clock, self._free.append))  # type: ignore[misc]
        except OSError as error:
            raise Failure(_CONNECTING.get(error.errno or 0, "refused")) from None
        return cast("Connection", connection)

    async def _on(self, connection: Connection, exchange: Exchange) -> Answer:
        connection.send(exchange)
        try:
            return await exchange.done
        except asyncio.CancelledError:
            connection.close()  # timed out: an answer that comes now must not be taken for the next one's
            raise
