"""The client's side of the gateway: TLS connections, requests in order, drain."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import cast

import httptools

from chaoskit.gateway.calls import identify
from chaoskit.gateway.messages import Headers, Message, RequestReader, TooLarge, pack_response
from chaoskit.gateway.upstream import EmulatorGone, Upstream
from chaoskit.part import Part
from chaoskit.records import Call

LINGER = 2.0
"""Seconds a refused client has for ending its connection itself."""
_JSON: Headers = [(b"Content-Type", b"application/x-amz-json-1.0")]


class Front:
    """One AWS dependency: its connections and its emulator."""

    def __init__(self, part: Part, dependency: str, upstream: Upstream) -> None:
        self.part, self.dependency, self.upstream = part, dependency, upstream
        self.open: set[ClientConnection] = set()
        self.count = 0

    def drain(self) -> None:
        """Every connection open now ends after its next response; later ones are not affected."""
        for connection in self.open:
            connection.draining = True

    def connection(self) -> ClientConnection:
        """asyncio's protocol factory."""
        return ClientConnection(self)


class ClientConnection(asyncio.Protocol):
    """One TLS connection of the target. Pipelined requests are answered in their order."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._requests: asyncio.Queue[Message | int] = asyncio.Queue()
        self._reader = RequestReader(self._requests.put_nowait)
        self._task: asyncio.Task[None] | None = None
        self._refused = False
        self.draining = False
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS is up."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's TLS transport is one in all but its class
        self._front.count += 1
        self._number = self._front.count
        self._front.open.add(self)
        self._task = asyncio.ensure_future(self._serve())

    def data_received(self, data: bytes) -> None:
        """Bytes of requests; whatever follows one that was refused is ignored."""
        if self._refused:
            return
        try:
            self._reader.feed(data)
        except TooLarge:
            self._refuse(413)
        except httptools.HttpParserError:
            self._refuse(400)
        except httptools.HttpParserUpgrade:  # the request is whole and gets its answer; then nothing can be read
            self._refuse(0)
        if self._reader.expects_continue and not self._refused:
            self._reader.expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, status: int) -> None:
        """End the connection after what was asked before; 0: without an answer."""
        self._refused = True
        self._requests.put_nowait(status)

    def connection_lost(self, _error: Exception | None) -> None:
        """The client is gone; a call under way is logged as unanswered by `_answer`."""
        self.gone = True
        self._front.open.discard(self)
        self._requests.put_nowait(0)

    async def _serve(self) -> None:
        while not self.gone:
            request = await self._requests.get()
            if isinstance(request, int):
                await self._end(request)
                break
            if await self._answer(request):
                break
        self._transport.close()

    async def _end(self, status: int) -> None:
        """Answer a refusal, and let the client read that: closing while it still sends would reset the connection
        and take the answer away (RFC 9112 9.6)."""
        if status:
            self._transport.write(pack_response(Message(status=status), close=True))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._requests.get(), LINGER)

    async def _answer(self, request: Message) -> bool:
        """Forward one request and answer it; True when the connection ends with it."""
        front, at = self._front, self._front.part.clock.now()
        try:
            response = await front.upstream.exchange(request)
        except EmulatorGone as error:
            body = json.dumps({"__type": "ServiceUnavailable", "message": f"chaoskit: the emulator: {error}"})
            response = Message(status=503, headers=_JSON, body=body.encode())
        close = self.draining or not request.keep_alive
        if not self.gone:
            self._transport.write(pack_response(response, close))
        self._log(request, at, 0 if self.gone else response.status)
        return close

    def _log(self, request: Message, at: float, status: int) -> None:
        front, call = self._front, identify(request)
        part = front.part
        now, name = part.clock.now(), front.dependency
        part.emit(Call(at, now, name, call.operation, call.invocation, call.attempt, status, call.agent, self._number))
