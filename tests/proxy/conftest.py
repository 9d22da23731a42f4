"""The proxy part with real sockets, and a server behind it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from chaoskit.clock import RunClock
from chaoskit.records import Connection, Record
from chaoskit.stack.process import PartProcess
from chaoskit.stack.toxiproxy import ToxiproxyClient
from chaoskit.wire import Flush, ProxySettings


class Echo:
    """A server that sends back what it gets; closes when its client half-closes."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            try:
                while data := sock.recv(65536):
                    sock.sendall(data)
            except OSError:
                pass


class Running:
    """The proxy part, its API's address, its records."""

    def __init__(self, folder: Path, extra: dict[str, socket.socket] | None = None) -> None:
        self.records: list[Record] = []
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        # Bound to an explicit port, as the sandbox's are: one that the kernel chose is given back on shutdown.
        self.handed = socket.create_server(("127.0.0.1", port))
        self.handed_address = self.handed.getsockname()
        api = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = api.getsockname()
        self.url = f"http://{self.host}:{self.port}"
        self.part = PartProcess("proxy", RunClock(), self.records.extend, folder / "proxy.log")
        settings = ProxySettings(1, {"198.18.0.10:443": "a"})
        self.part.start(settings, {"api": api, "listen:handed": self.handed, **(extra or {})})
        api.close()
        self.handed.close()
        self.part.wait_ready()
        self.client = ToxiproxyClient(self.host, self.port)

    def connect(self, listen: str) -> socket.socket:
        host, _, port = listen.rpartition(":")
        return socket.create_connection((host, int(port)), 5)

    def patch(self, path: str, body: dict[str, object]) -> dict[str, Any]:
        """An update over the API; its answer."""
        response = requests.patch(self.url + path, json=body, timeout=5)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def connections(self, event: str) -> list[Connection]:
        self.part.ask(Flush())
        return [row for row in self.records if isinstance(row, Connection) and row.event == event]


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.server.close()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.part.stop()
