"""The proxy, as a part with real sockets: API, toxics, draining, cutting, refusing."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from chaoskit.clock import RunClock
from chaoskit.errors import StackBroken
from chaoskit.records import Connection, Record, Touched
from chaoskit.stack.process import PartProcess
from chaoskit.stack.toxiproxy import ToxiproxyClient
from chaoskit.wire import Cut, Drain, Flush, ProxySettings, Status
from tests.conftest import wait_until


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

    def __init__(self, folder: Path, seed: int = 1) -> None:
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
        self.part.start(ProxySettings(seed), {"api": api, "listen:handed": self.handed})
        api.close()
        self.handed.close()
        self.part.wait_ready()
        self.client = ToxiproxyClient(self.host, self.port)

    def connect(self, listen: str) -> socket.socket:
        host, _, port = listen.rpartition(":")
        return socket.create_connection((host, int(port)), 5)

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


# ---------------------------------------------------------------- the API, as Toxiproxy has it

STEPS: list[tuple[str, str, object, int, object]] = [
    ("GET", "/version", None, 200, {"version": "2.12.0"}),
    ("GET", "/proxies", None, 200, {}),
    ("POST", "/proxies", "", 400, {"error": "bad request body: EOF", "status": 400}),
    ("POST", "/proxies", "{", 400, {"error": "bad request body: unexpected EOF", "status": 400}),
    ("POST", "/proxies", {"upstream": "x:1"}, 400, {"error": "missing required field: name", "status": 400}),
    ("POST", "/proxies", {"name": "a"}, 400, {"error": "missing required field: upstream", "status": 400}),
    (
        "POST", "/proxies", {"NAME": "a", "upstream": "x:1", "listen": "127.0.0.1:0", "enabled": False}, 201,
        {"name": "a", "listen": "127.0.0.1:0", "upstream": "x:1", "enabled": False, "toxics": []},
    ),
    ("POST", "/proxies", {"name": "a", "upstream": "x:1"}, 409, {"error": "proxy already exists", "status": 409}),
    ("GET", "/proxies/b", None, 404, {"error": "proxy not found", "status": 404}),
    (
        "POST", "/proxies/a/toxics", {"type": "latency", "attributes": {"latency": 10}}, 200,
        {"attributes": {"latency": 10, "jitter": 0}, "name": "latency_downstream", "type": "latency",
         "stream": "downstream", "toxicity": 1},
    ),
    ("POST", "/proxies/a/toxics", {"type": "latency"}, 409, {"error": "toxic already exists", "status": 409}),
    ("POST", "/proxies/a/toxics", {"type": "nope"}, 400, {"error": "invalid toxic type", "status": 400}),
    (
        "POST", "/proxies/a/toxics", {"type": "latency", "stream": "sideways"}, 400,
        {"error": "stream was invalid, can be either upstream or downstream", "status": 400},
    ),
    (
        "PATCH", "/proxies/a/toxics/latency_downstream", {"toxicity": 0.2, "attributes": {"jitter": 5}}, 200,
        {"attributes": {"latency": 10, "jitter": 5}, "name": "latency_downstream", "type": "latency",
         "stream": "downstream", "toxicity": 0.2},
    ),
    ("GET", "/proxies/a/toxics/nope", None, 404, {"error": "toxic not found", "status": 404}),
    ("DELETE", "/proxies/a/toxics/latency_downstream", None, 204, None),
    ("GET", "/proxies/a/toxics", None, 200, []),
    ("POST", "/populate", [], 201, {"proxies": None}),
    (
        "POST", "/populate", [{"name": "c", "upstream": "x:1"}, {"name": "d"}], 400,
        {"error": "missing required field: upstream at proxy 2", "status": 400},
    ),
    ("PUT", "/proxies", None, 405, None),
    ("GET", "/nope", None, 404, None),
    ("DELETE", "/proxies/a", None, 204, None),
    ("DELETE", "/proxies/a", None, 404, {"error": "proxy not found", "status": 404}),
]  # fmt: skip


def test_the_api_is_toxiproxys(proxy: Running) -> None:
    """Paths, statuses, keys in their order and error texts of Toxiproxy 2.12, one after the other."""
    for method, path, body, status, answer in STEPS:
        data = body if isinstance(body, str) else None if body is None else json.dumps(body)
        response = requests.request(method, proxy.url + path, data=data, timeout=5)
        assert response.status_code == status, (method, path, response.text)
        assert response.headers["X-Toxiproxy-Request-Id"]
        if answer is not None:
            assert response.json() == answer
            assert list(response.json()) == list(answer) if isinstance(answer, dict) else True


def test_browsers_are_refused(proxy: Running) -> None:
    """As in Toxiproxy: a page must not steer a proxy."""
    response = requests.get(proxy.url + "/proxies", headers={"User-Agent": "Mozilla/5.0"}, timeout=5)
    assert (response.status_code, response.text) == (403, "User agent not allowed\n")


def test_a_port_in_use_is_500_with_gos_text(proxy: Running) -> None:
    """And the client turns it into an error of ours, not a KeyError."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StackBroken, match="address already in use"):
            proxy.client.create("a", "127.0.0.1:1", listen)


# ---------------------------------------------------------------- data


def test_bulk_goes_through_whole_both_ways(proxy: Running, echo: Echo) -> None:
    """20 MB there and back, by splice, with the right hash; a half-close passes, and the answer still comes."""
    payload = os.urandom(20_000_000)
    received = hashlib.sha256()
    with proxy.connect(proxy.client.create("a", echo.address)) as sock:

        def send() -> None:
            sock.sendall(payload)
            sock.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send)
        thread.start()
        while data := sock.recv(1 << 20):
            received.update(data)
        thread.join()
    assert received.digest() == hashlib.sha256(payload).digest()
    wait_until(lambda: proxy.connections("closed"))
    (closed,) = proxy.connections("closed")
    assert (closed.bytes_up, closed.bytes_down) == (20_000_000, 20_000_000)


def test_latency_delays_each_way_back_never_less_and_keeps_the_order(proxy: Running, echo: Echo) -> None:
    """With jitter, too; and the delayed bytes are counted under the toxic's name."""
    listen = proxy.client.create("a", echo.address)
    proxy.client.add_toxic("a", "late", "latency", "downstream", {"latency": 60, "jitter": 20})
    with proxy.connect(listen) as sock:
        begin = time.monotonic()
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        assert time.monotonic() - begin >= 0.04
        sent = b"".join(b"%06d" % i for i in range(2000))
        sock.sendall(sent)
        got = b""
        while len(got) < len(sent):
            got += sock.recv(65536)
        assert got == sent
    proxy.part.ask(Flush())
    touched = [row for row in proxy.records if isinstance(row, Touched)]
    assert {row.fault for row in touched} == {"late"}
    assert sum(row.bytes for row in touched) == len(sent) + 1


def test_removing_a_toxic_loses_nothing_and_never_hangs(proxy: Running, echo: Echo) -> None:
    """What it holds comes at once, also while a client does not read."""
    listen = proxy.client.create("a", echo.address)
    proxy.client.add_toxic("a", "late", "latency", "downstream", {"latency": 60_000})
    with proxy.connect(listen) as sock:
        sock.sendall(b"held")
        wait_until(lambda: proxy.part.ask(Flush()) is None and any(isinstance(r, Touched) for r in proxy.records))
        payload = os.urandom(3_000_000)
        threading.Thread(target=sock.sendall, args=(payload,), daemon=True).start()
        proxy.client.remove_toxic("a", "late")
        proxy.client.remove_toxic("a", "late")  # idempotent
        got = b""
        while len(got) < 4 + len(payload):
            got += sock.recv(1 << 20)
        assert got == b"held" + payload


def test_one_seed_gives_the_same_delays(tmp_path: Path, echo: Echo) -> None:
    """Jitter is drawn per connection from the run's seed: two proxies of one seed delay alike, another does not."""

    def delays(seed: int) -> list[float]:
        running = Running(tmp_path, seed)
        listen = running.client.create("a", echo.address)
        running.client.add_toxic("a", "late", "latency", "downstream", {"latency": 100, "jitter": 100})
        found = []
        with running.connect(listen) as sock:
            for _ in range(6):
                begin = time.monotonic()
                sock.sendall(b"x")
                sock.recv(1)
                found.append(time.monotonic() - begin)
        running.part.stop()
        return found

    first, again, other = delays(5), delays(5), delays(6)
    # The draws lie up to 200 ms apart; a busy machine adds some.
    assert first == pytest.approx(again, abs=0.06)
    assert first != pytest.approx(other, abs=0.02)


# ---------------------------------------------------------------- connections


def test_a_handed_in_listener_refuses_while_disabled_and_accepts_again(proxy: Running, echo: Echo) -> None:
    """Refused for real; open connections go on when asked to; the same socket opens again."""
    listen = proxy.client.create("handed", echo.address)
    assert listen == "{}:{}".format(*proxy.handed_address)
    with proxy.connect(listen) as sock:
        for _ in range(3):
            proxy.client.disable("handed", keep_connections=True)
            assert proxy.part.ask(Status()) == ("down:handed",)
            with pytest.raises(ConnectionRefusedError):
                proxy.connect(listen)
            sock.sendall(b"still here")
            assert sock.recv(100) == b"still here"
            proxy.client.enable("handed")
            assert proxy.part.ask(Status()) == ()
            proxy.connect(listen).close()
        proxy.client.disable("handed")
        assert sock.recv(100) == b""  # Toxiproxy's own way: disabling drops connections


def test_cut_resets_what_is_open(proxy: Running, echo: Echo) -> None:
    """RST, recorded as such; new connections are not affected."""
    listen = proxy.client.create("a", echo.address)
    with proxy.connect(listen) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        proxy.part.ask(Cut("a"))
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    assert [row.cause for row in proxy.connections("closed")] == ["cut"]
    with proxy.connect(listen) as sock:
        sock.sendall(b"y")
        assert sock.recv(1) == b"y"


def test_drain_ends_silent_connections_first_and_busy_ones_at_the_deadline(proxy: Running, echo: Echo) -> None:
    """FIN after a moment of silence both ways; whatever still talks ends with the deadline."""
    listen = proxy.client.create("a", echo.address)
    with proxy.connect(listen) as silent, proxy.connect(listen) as busy:
        for sock in (silent, busy):
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
        proxy.part.ask(Drain("a", idle=0.3, deadline=1.5))
        closed = threading.Event()

        def chatter() -> None:
            try:
                while busy.send(b"x") and busy.recv(1):
                    time.sleep(0.02)
            except OSError:
                pass
            closed.set()

        threading.Thread(target=chatter, daemon=True).start()
        silent.settimeout(5)
        assert silent.recv(1) == b""
        assert not closed.is_set()
        assert closed.wait(5)
    assert {row.cause for row in proxy.connections("closed")} == {"drain"}


def test_an_upstream_that_refuses_is_a_failed_connection(proxy: Running) -> None:
    """The client is closed at once, and it is recorded."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with proxy.connect(proxy.client.create("a", address)) as sock:
        assert sock.recv(1) == b""
    assert len(proxy.connections("failed")) == 1


def test_a_server_that_is_not_there_is_an_error_with_its_address() -> None:
    """No hang, no foreign exception."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StackBroken, match=str(port)):
        ToxiproxyClient("127.0.0.1", port, timeout=1).enable("a")
