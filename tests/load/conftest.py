"""Servers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.load.helpers import Server


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(respond: Callable[[str, str, bytes], tuple[int, dict[str, str], bytes]]) -> Server:
        servers.append(Server(respond))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
