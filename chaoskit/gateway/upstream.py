"""Keep-alive connections to the emulator."""

from __future__ import annotations

import asyncio

import httptools

from chaoskit.gateway.messages import Message, ResponseReader, TooLarge, pack_request

CHUNK = 65536
WITHIN = 60.0
"""Seconds for one answer; the SDKs' own read timeout is as long."""


class EmulatorGone(Exception):  # noqa: N818
    """The emulator refused, closed or answered nonsense."""


class _Stale(EmulatorGone):
    """It was closed before a byte of an answer came."""


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def exchange(self, request: Message) -> Message:
        """One request, one response. Raises _Stale, EmulatorGone."""
        whole: list[Message] = []
        parser = ResponseReader(whole.append)
        answered = False
        self._writer.write(pack_request(request))
        while not whole:
            data = await self._read(answered)
            answered = True
            parser.feed(data)
        return whole[0]

    async def _read(self, answered: bool) -> bytes:
        try:
            data = await self._reader.read(CHUNK)
        except OSError as error:
            raise (EmulatorGone if answered else _Stale)(str(error)) from None
        if not data:
            raise (EmulatorGone if answered else _Stale)("it closed the connection")
        return data

    def close(self) -> None:
        self._writer.close()


class Upstream:
    """A pool for one emulator. A kept connection that turns out closed before a byte came is replaced by
    another; a request that was answered in part, or too late, is never sent twice."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host, int(port)
        self._idle: list[_Connection] = []

    async def exchange(self, request: Message) -> Message:
        """Forward a request. Raises EmulatorGone."""
        while self._idle:
            connection = self._idle.pop()
            try:
                return await self._on(connection, request)
            except _Stale:
                continue
        return await self._on(await self._connect(), request)

    async def _connect(self) -> _Connection:
        try:
            return _Connection(*await asyncio.open_connection(self._host, self._port))
        except OSError as error:
            raise EmulatorGone(str(error)) from None

    async def _on(self, connection: _Connection, request: Message) -> Message:
        try:
            response = await asyncio.wait_for(connection.exchange(request), WITHIN)
        except (OSError, TooLarge, httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            connection.close()
            raise EmulatorGone(str(error) or type(error).__name__) from None
        except (EmulatorGone, asyncio.CancelledError):
            connection.close()
            raise
        if response.keep_alive:
            self._idle.append(connection)
        else:
            connection.close()
        return response
