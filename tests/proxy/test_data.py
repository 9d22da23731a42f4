"""What goes through: whole, in order, never early; toxics come and go without loss."""

from __future__ import annotations

import hashlib
import os
import select
import socket
import struct
import threading
import time
from collections import Counter

import pytest

from chaoskit.chance import stream
from chaoskit.clock import FakeClock
from chaoskit.proxy.toxics import Stage, Toxic
from chaoskit.records import Touched
from chaoskit.wire import Flush
from tests.conftest import wait_until
from tests.proxy.conftest import Echo, Running


def receive(sock: socket.socket, count: int) -> bytes:
    """Exactly so many bytes, or what came before the end."""
    got = bytearray()
    while len(got) < count and (data := sock.recv(1 << 20)):
        got += data
    return bytes(got)


def touched(proxy: Running) -> list[Touched]:
    proxy.part.ask(Flush())
    return [row for row in proxy.records if isinstance(row, Touched)]


def send_in_background(sock: socket.socket, payload: bytes) -> threading.Thread:
    def send() -> None:
        sock.sendall(payload)
        sock.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("toxic", [None, ("latency", {"latency": 20}), ("noop", {})])
def test_bulk_goes_through_whole_both_ways(
    proxy: Running, echo: Echo, toxic: tuple[str, dict[str, int]] | None
) -> None:
    """20 MB there and back, by splice or through a toxic; a half-close passes, and the answer still comes."""
    payload = os.urandom(20_000_000)
    received = hashlib.sha256()
    listen = proxy.client.create("a", echo.address)
    if toxic is not None:
        proxy.client.add_toxic("a", "t", toxic[0], "downstream", toxic[1])
    with proxy.connect(listen) as sock:
        thread = send_in_background(sock, payload)
        while data := sock.recv(1 << 20):
            received.update(data)
        thread.join()
    assert received.digest() == hashlib.sha256(payload).digest()
    wait_until(lambda: proxy.connections("closed"))
    (closed,) = proxy.connections("closed")
    assert (closed.bytes_up, closed.bytes_down, closed.cause) == (20_000_000, 20_000_000, "client")


@pytest.mark.parametrize("way", ["upstream", "downstream"])
def test_latency_never_less_and_in_order(proxy: Running, echo: Echo, way: str) -> None:
    """With jitter, too; and the delayed bytes are counted under the toxic's name."""
    listen = proxy.client.create("a", echo.address)
    proxy.client.add_toxic("a", "late", "latency", way, {"latency": 60, "jitter": 20})
    with proxy.connect(listen) as sock:
        begin = time.monotonic()
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        assert time.monotonic() - begin >= 0.04
        sent = b"".join(b"%06d" % i for i in range(2000))
        for start in range(0, len(sent), 600):
            sock.sendall(sent[start : start + 600])
        assert receive(sock, len(sent)) == sent
    rows = touched(proxy)
    assert {(row.fault, row.dependency) for row in rows} == {("late", "a")}
    assert sum(row.bytes for row in rows) == len(sent) + 1


def test_latencies_in_a_row_add_up(proxy: Running, echo: Echo) -> None:
    listen = proxy.client.create("a", echo.address)
    proxy.client.add_toxic("a", "one", "latency", "downstream", {"latency": 80})
    proxy.client.add_toxic("a", "two", "latency", "downstream", {"latency": 80})
    with proxy.connect(listen) as sock:
        begin = time.monotonic()
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        assert time.monotonic() - begin >= 0.16


def test_toxicity_zero_touches_nothing(proxy: Running, echo: Echo) -> None:
    listen = proxy.client.create("a", echo.address)
    proxy.client.add_toxic("a", "late", "latency", "downstream", {"latency": 60_000}, toxicity=0)
    with proxy.connect(listen) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
    assert touched(proxy) == []


def test_removing_a_toxic_loses_nothing(proxy: Running, echo: Echo) -> None:
    """What it holds comes at once and first; and removing it again is no error."""
    listen = proxy.client.create("a", echo.address)
    proxy.client.add_toxic("a", "late", "latency", "downstream", {"latency": 60_000})
    with proxy.connect(listen) as sock:
        sock.sendall(b"held")
        wait_until(lambda: touched(proxy))
        payload = os.urandom(3_000_000)
        send_in_background(sock, payload)
        proxy.client.remove_toxic("a", "late")
        proxy.client.remove_toxic("a", "late")
        assert receive(sock, 4 + len(payload)) == b"held" + payload


def test_a_shorter_latency_takes_effect_at_once(proxy: Running, echo: Echo) -> None:
    """What is held leaves, and nothing waits for the old time any more."""
    listen = proxy.client.create("a", echo.address)
    proxy.client.add_toxic("a", "late", "latency", "downstream", {"latency": 60_000})
    with proxy.connect(listen) as sock:
        sock.sendall(b"1")
        wait_until(lambda: touched(proxy))
        proxy.patch("/proxies/a/toxics/late", {"attributes": {"latency": 30}})
        assert sock.recv(1) == b"1"
        sock.sendall(b"2")
        assert sock.recv(1) == b"2"


def test_a_client_that_does_not_read_blocks_nobody(proxy: Running, echo: Echo) -> None:
    """Toxics come and go while its buffers are full (Toxiproxy's API hangs here), others go on, and it loses nothing."""
    listen = proxy.client.create("a", echo.address)
    payload = os.urandom(60_000_000)  # more than all buffers on the way hold
    with proxy.connect(listen) as sock, proxy.connect(listen) as other:
        thread = send_in_background(sock, payload)
        wait_until(lambda: not select.select([], [sock], [], 0.2)[1])
        assert thread.is_alive()
        for _ in range(3):
            proxy.client.add_toxic("a", "late", "latency", "downstream", {"latency": 1})
            proxy.client.add_toxic("a", "later", "latency", "upstream", {"latency": 1})
            other.sendall(b"x")
            assert other.recv(1) == b"x"
            proxy.client.remove_toxic("a", "late")
            proxy.client.remove_toxic("a", "later")
        assert receive(sock, len(payload)) == payload
        thread.join()


def test_what_a_reset_upstream_sent_before_still_arrives(proxy: Running) -> None:
    """Data held by a toxic is delivered; then the end, recorded as a reset."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        listen = proxy.client.create("a", "{}:{}".format(*server.getsockname()))
        proxy.client.add_toxic("a", "late", "latency", "downstream", {"latency": 300})
        with proxy.connect(listen) as sock:
            upstream, _ = server.accept()
            upstream.sendall(b"last words")
            wait_until(lambda: touched(proxy))
            upstream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            upstream.close()
            assert receive(sock, 100) == b"last words"
    wait_until(lambda: proxy.connections("closed"))
    assert [row.cause for row in proxy.connections("closed")] == ["reset"]


def test_who_closes_first_is_the_cause(proxy: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listen = proxy.client.create("a", "{}:{}".format(*server.getsockname()))
        with proxy.connect(listen) as sock:
            server.accept()[0].close()
            assert sock.recv(1) == b""
    wait_until(lambda: proxy.connections("closed"))
    (opened,), (closed,) = proxy.connections("opened"), proxy.connections("closed")
    assert (closed.cause, closed.number) == ("upstream", 1)
    assert closed.client_port == opened.client_port > 0


# ---------------------------------------------------------------- one seed, the same faults


class Timeline:
    """As much of a loop as a stage uses; remembers when things are due."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.due: list[float] = []

    def at(self, due: float, _action: object) -> None:
        self.due.append(due)


def delays(seed: int, connection: int, toxicity: float = 1.0) -> list[float]:
    """When a jittery toxic would release each of twenty chunks that come one by one."""
    found: list[float] = []
    toxic = Toxic("late", "latency", "downstream", toxicity, {"latency": 100, "jitter": 90})
    line = Timeline()
    stage = Stage(toxic, line, stream(seed, "proxy", "a", "late", connection), Counter())  # type: ignore[arg-type]
    for number in range(20):
        stage.push(float(number), b"x")
        stage.flush()
        found.extend(due - number for due in line.due)
        line.due.clear()
        stage._fire()
    return found


def test_one_seed_draws_the_same_jitter() -> None:
    """Per connection, within its bounds; another seed or connection draws another."""
    assert delays(5, 1) == delays(5, 1)
    assert delays(5, 1) != delays(6, 1)
    assert delays(5, 1) != delays(5, 2)
    assert all(0.01 <= delay <= 0.19 for delay in delays(5, 1))


def test_toxicity_is_drawn_once_per_connection() -> None:
    """A connection is either touched by it or not."""
    touched_counts = {len(delays(5, connection, 0.5)) for connection in range(1, 60)}
    assert min(touched_counts) == 0
    assert len(touched_counts) == 2
