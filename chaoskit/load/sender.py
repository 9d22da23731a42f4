"""Sends one request of either kind and says how it ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chaoskit.clock import Clock
from chaoskit.load.expectations import Answer
from chaoskit.load.http import Client, Exchange, Failure
from chaoskit.load.requests import aws_holds, http_holds, wire_aws, wire_http
from chaoskit.load.templates import Draws
from chaoskit.wire import HttpRequest, LoadRequest, LoadSettings


@dataclass
class Ended:
    """How one request ended. error empty: as expected."""

    label: str
    sent: float | None
    first_byte: float | None
    done: float
    error: str
    status: int | None
    size: int


class Sender:
    """Knows the target and the emulators."""

    def __init__(self, settings: LoadSettings, clock: Clock) -> None:
        self._clock, self._settings = clock, settings
        self._host = settings.host
        self._target = Client(clock, self._connect_target)
        self._fronts = {front.dependency: front for front in settings.emulators}
        self._emulators = {
            front.dependency: Client(clock, _unix_connector(front.socket)) for front in settings.emulators
        }

    def aim(self, host: str) -> None:
        """The target listens there."""
        self._host = host

    def _connect_target(self, factory: Callable[[], asyncio.BaseProtocol]) -> Awaitable[object]:
        return asyncio.get_running_loop().create_connection(factory, self._host, self._settings.port)

    async def send(self, request: LoadRequest, draws: Draws, timeout: float) -> Ended:
        """Send; `timeout` seconds from now (none left: it is not sent). Never raises for what a server can do."""
        if isinstance(request, HttpRequest):
            shown = f"[{self._host}]" if ":" in self._host else self._host
            wired = wire_http(request, f"{shown}:{self._settings.port}", draws)
            client = self._target
        else:
            wired = wire_aws(request, self._fronts[request.dependency], draws)
            client = self._emulators[request.dependency]
        exchange = Exchange(wired.data, wired.head)
        answer, error = await _exchange(client, exchange, timeout)
        done = self._clock.now()
        if answer is not None:
            error = self._judge(request, answer, draws)
        status, size = (answer.status, len(answer.body)) if answer else (None, 0)
        sent = None if error == "unsent" else exchange.sent
        return Ended(wired.label, sent, exchange.first_byte, done, error, status, size)

    def _judge(self, request: LoadRequest, answer: Answer, draws: Draws) -> str:
        if isinstance(request, HttpRequest):
            return http_holds(request, answer, draws)
        return aws_holds(request, self._fronts[request.dependency], answer, draws)


async def _exchange(client: Client, exchange: Exchange, timeout: float) -> tuple[Answer | None, str]:
    """The answer, or the class of the failure."""
    if timeout <= 0:
        return None, "unsent"
    try:
        async with asyncio.timeout(timeout):
            return await client.exchange(exchange), ""
    except TimeoutError:
        return None, "timeout" if exchange.sent is not None else "unsent"
    except Failure as failure:
        return None, failure.error


def _unix_connector(path: str) -> Callable[[Callable[[], asyncio.BaseProtocol]], Awaitable[object]]:
    """Connects by way of /proc: a unix socket's path is at most 107 bytes, a run folder's may be longer."""
    folder, name = os.path.split(path)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    short = f"/proc/self/fd/{descriptor}/{name}"
    return lambda factory: asyncio.get_running_loop().create_unix_connection(factory, short)
