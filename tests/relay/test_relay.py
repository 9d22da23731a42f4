"""The relay: a port of the host that is the target's inside."""

from __future__ import annotations

import os
import socket
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaoskit.clock import RunClock
from chaoskit.stack.embedded.sandbox import Layout, Sandbox
from chaoskit.stack.process import PartProcess
from chaoskit.wire import RelaySettings
from tests.conftest import wait_until

COUNTS = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], 8080), family=family)
while True:
    client, _ = server.accept()
    size = 0
    while data := client.recv(65536):
        size += len(data)
    client.sendall(f"{size} bytes".encode())
    client.close()
"""
"""Answers only once the client has half-closed, then with how much it was sent."""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(Layout((), 8080), lambda _code: None)
    made.start()
    yield made
    made.terminate(0)
    assert made.close(5)


@pytest.fixture
def published(sandbox: Sandbox, tmp_path: Path) -> Iterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    relay = PartProcess("relay", RunClock(), lambda _records: None, tmp_path / "relay.log")
    relay.start(RelaySettings(8080), {"listen": listener, "namespace": sandbox.pidfd})
    address = listener.getsockname()
    listener.close()
    relay.wait_ready()
    yield address
    relay.stop()


def launch(sandbox: Sandbox, argv: list[str], folder: Path) -> None:
    output = os.open(os.devnull, os.O_WRONLY)
    sandbox.launch([sys.executable, *argv], {"PATH": os.environ["PATH"]}, folder, output)
    os.close(output)
    wait_until(lambda: sandbox.listening(8080))


def test_it_carries_http(sandbox: Sandbox, published: tuple[str, int], tmp_path: Path) -> None:
    """A listener of the host, a server inside."""
    (tmp_path / "hello.txt").write_text("hello from inside")
    launch(sandbox, ["-m", "http.server", "8080"], tmp_path)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"http://{published[0]}:{published[1]}/hello.txt"
    assert opener.open(url, timeout=10).read() == b"hello from inside"


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_half_closes_and_much_data_come_through(
    sandbox: Sandbox, published: tuple[str, int], tmp_path: Path, address: str
) -> None:
    """Whatever address the target listens on; the answer comes after the client's end."""
    launch(sandbox, ["-c", textwrap.dedent(COUNTS), address], tmp_path)
    with socket.create_connection(published, 10) as client:
        client.sendall(b"x" * 3_000_000)
        client.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: client.recv(100), b"")) == b"3000000 bytes"


def test_nobody_inside_means_a_closed_connection(published: tuple[str, int]) -> None:
    """Not a hanging one; and the relay lives on."""
    for _ in range(3):
        with socket.create_connection(published, 10) as client:
            assert client.recv(100) == b""


def test_the_listener_stays_the_hosts(sandbox: Sandbox, published: tuple[str, int]) -> None:
    """Inside, the published port is not there."""
    code = f"import socket; print(socket.socket().connect_ex(('127.0.0.1', {published[1]})))"
    _, output = sandbox.run([sys.executable, "-I", "-S", "-c", code], {}, 10)
    assert output == "111\n"
