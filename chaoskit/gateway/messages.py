"""HTTP/1.1 messages, whole, and the parsers that make them (httptools)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import httptools

LARGEST_BODY = 16 * 2**20
LARGEST_HEAD = 64 * 2**10
HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"te", b"upgrade", b"expect"}
"""Headers of one connection, not of the message (RFC 9110 7.6.1), and what we answer or compute ourselves."""

Headers = list[tuple[bytes, bytes]]


class TooLarge(Exception):  # noqa: N818
    """A head or a body beyond our limits."""


@dataclass
class Message:
    """A request (`method`, `target`) or a response (`status`)."""

    method: bytes = b""
    target: bytes = b""
    status: int = 0
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    keep_alive: bool = True

    def get(self, name: bytes) -> bytes:
        """The first header of that lower-case name, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name), b"")


class _Collector:
    """httptools' callbacks; calls `whole` with each complete message."""

    def __init__(self, whole: Callable[[Message], None]) -> None:
        self._whole = whole
        self._message = Message()
        self._body: list[bytes] = []
        self._size = 0
        self.expects_continue = False

    def on_message_begin(self) -> None:
        self._message, self._body, self._size, self.expects_continue = Message(), [], 0, False

    def on_url(self, url: bytes) -> None:
        self._message.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value), LARGEST_HEAD)
        self._message.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._size = 0
        self.expects_continue = self._message.get(b"expect").lower() == b"100-continue"

    def on_body(self, data: bytes) -> None:
        self._grow(len(data), LARGEST_BODY)
        self._body.append(data)

    def on_message_complete(self) -> None:
        self.expects_continue = False
        self._message.body = b"".join(self._body)
        self.finish(self._message)
        self._whole(self._message)

    def finish(self, message: Message) -> None:
        """Fill in what only the parser knows."""

    @staticmethod
    def _feed(parser: httptools.HttpRequestParser | httptools.HttpResponseParser, data: bytes) -> None:
        try:
            parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            raise (error.__context__ if isinstance(error.__context__, TooLarge) else error) from None

    def _grow(self, count: int, limit: int) -> None:
        self._size += count
        if self._size > limit:
            raise TooLarge


class RequestReader(_Collector):
    """Feeds on a client's bytes."""

    def __init__(self, whole: Callable[[Message], None]) -> None:
        super().__init__(whole)
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> None:
        """Raises httptools.HttpParserError for what is no HTTP, HttpParserUpgrade at its end, TooLarge."""
        self._feed(self._parser, data)

    def finish(self, message: Message) -> None:
        """Method and keep-alive."""
        message.method = self._parser.get_method()
        message.keep_alive = self._parser.should_keep_alive()


class ResponseReader(_Collector):
    """Feeds on the emulator's bytes."""

    def __init__(self, whole: Callable[[Message], None]) -> None:
        super().__init__(whole)
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Raises httptools.HttpParserError for what is no HTTP, HttpParserUpgrade at its end, TooLarge."""
        self._feed(self._parser, data)

    def finish(self, message: Message) -> None:
        """Status and keep-alive."""
        message.status = self._parser.get_status_code()
        message.keep_alive = self._parser.should_keep_alive()


def pack_request(message: Message) -> bytes:
    """A request for the emulator: signed headers and body as they came, framing ours."""
    head = b"%s %s HTTP/1.1\r\n" % (message.method, message.target)
    return _pack(head, message, b"")


def pack_response(message: Message, close: bool) -> bytes:
    """A response for the client, with its length; `close` adds `Connection: close`."""
    head = b"HTTP/1.1 %d \r\n" % message.status
    return _pack(head, message, b"Connection: close\r\n" if close else b"")


def _pack(head: bytes, message: Message, extra: bytes) -> bytes:
    lines = [b"%s: %s\r\n" % (name, value) for name, value in message.headers if name.lower() not in HOP_BY_HOP]
    return b"".join([head, *lines, extra, b"Content-Length: %d\r\n\r\n" % len(message.body), message.body])
