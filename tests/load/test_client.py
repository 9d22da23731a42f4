"""What servers do to connections, and what becomes of the requests on them."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chaoskit.clock import RunClock
from chaoskit.records import Record, Request, Tick
from chaoskit.wire import Begin, EndAt, Expect, HttpRequest, LoadItem, LoadSettings, LoadStream
from tests.conftest import wait_until
from tests.load.helpers import GET, RawServer, run, run_settings, start, stream

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = Expect(body="hello")


def _write(data: bytes) -> Callable[[socket.socket, int], None]:
    return lambda sock, _: sock.sendall(data)


def _last(data: bytes) -> Callable[[socket.socket, int], None]:
    def respond(sock: socket.socket, _: int) -> None:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_RDWR)

    return respond


def _reset(sock: socket.socket, _: int) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(sock.detach())  # at once: the handler's files would keep it open


def _stale(sock: socket.socket, number: int) -> None:
    """Gives up every kept connection just as its next request comes."""
    if number == 1:
        sock.sendall(OK + b"Content-Length: 0\r\n\r\n")
    else:
        sock.shutdown(socket.SHUT_RDWR)


def _hang(_sock: socket.socket, _number: int) -> None:
    """No answer, ever."""


CASES: dict[str, tuple[Callable[[socket.socket, int], None], Expect, str]] = {
    "/chunked": (_write(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), HELLO, ""),
    "/chunks-cut": (_last(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), HELLO, "closed"),
    "/body-cut": (_last(OK + b"Content-Length: 9\r\n\r\nhello"), HELLO, "closed"),
    "/head-cut": (_last(OK + b"Content-Type: text/plain\r\n"), Expect(), "closed"),
    "/to-the-end": (_last(b"HTTP/1.0 200 OK\r\n\r\nhello"), HELLO, ""),
    "/hints": (
        _write(b"HTTP/1.1 103 Early Hints\r\nX-From: hint\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello"),
        Expect(body="hello", headers={"X-From": "hint"}),
        "expect",
    ),
    "/redirect": (_write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), Expect(), ""),
    "/nonsense": (_write(b"hello there\r\n\r\n"), Expect(), "protocol"),
    "/closed": (_last(b""), Expect(), "closed"),
    "/reset": (_reset, Expect(), "reset"),
    "/hang": (_hang, Expect(), "timeout"),
}


@pytest.fixture
def raw() -> Iterator[Callable[..., RawServer]]:
    servers: list[RawServer] = []

    def begin(respond: Callable[[socket.socket, str, int], None]) -> RawServer:
        servers.append(RawServer(respond))
        return servers[-1]

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def test_each_way_to_end_has_its_class(tmp_path: Path, raw: Callable[..., RawServer]) -> None:
    """A cut head, body or chunk is `closed`, never an answer; without a length the end of the connection is one."""
    server = raw(lambda sock, path, number: CASES[path][0](sock, number))
    asked = [HttpRequest("GET", path, expect=expect) for path, (_, expect, _) in CASES.items()]
    _, requests, _, _ = run(tmp_path, server.port, stream(2 * len(asked), *asked, timeout=0.8))
    assert {r.label.removeprefix("GET "): r.error for r in requests} == {path: case[2] for path, case in CASES.items()}
    assert all((r.outcome == "ok") == (not r.error) for r in requests)


def test_a_stale_connection_is_replaced_once(tmp_path: Path, raw: Callable[..., RawServer]) -> None:
    """A kept connection that ends unanswered at once is no failure; each request is sent at most twice."""
    server = raw(lambda sock, _path, number: _stale(sock, number))
    _, requests, _, due = run(tmp_path, server.port, stream(30))
    assert {r.error for r in requests} == {""}
    assert due < len(server.seen) < 2 * due


def test_a_connection_that_ends_over_a_request_fails_it(tmp_path: Path, raw: Callable[..., RawServer]) -> None:
    """Kept or not: a server that dies while it works on a request has failed it, and does not get it again."""
    dying = threading.Event()

    def respond(sock: socket.socket, _path: str, number: int) -> None:
        if number == 1:
            sock.sendall(OK + b"Content-Length: 0\r\n\r\n")
        else:
            dying.wait(0.5)  # the work itself
            sock.shutdown(socket.SHUT_RDWR)

    server = raw(respond)
    _, requests, _, due = run(tmp_path, server.port, stream(5))
    assert [r.error for r in requests].count("closed") > 0
    assert len(server.seen) == due


def test_an_answer_after_the_timeout_is_not_taken_for_the_next_ones(
    tmp_path: Path, raw: Callable[..., RawServer]
) -> None:
    """A timed-out request takes its connection with it."""
    late = threading.Event()

    def respond(sock: socket.socket, path: str, _number: int) -> None:
        if path == "/0":
            late.wait(0.6)
        body = path.encode()
        try:
            sock.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        except OSError:
            pass  # the client has gone, as it should

    each = HttpRequest("GET", "/${seq}", expect=Expect(body="/${seq}"))
    _, requests, _, _ = run(tmp_path, raw(respond).port, stream(20, each, timeout=0.4))
    assert [r.error for r in requests if r.seq == 0] == ["timeout"]
    assert {r.error for r in requests if r.seq > 0} == {""}


def test_no_free_connection_is_unsent_and_not_the_targets_fault(tmp_path: Path) -> None:
    """Beyond the most connections a request waits; without one before its timeout it was never sent."""
    hog = LoadStream("hog", 3000, 1.2, (LoadItem(GET),))
    late = LoadStream("late", 20, 0.2, (LoadItem(GET),))
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as silent:
        _, requests, _, due = run(tmp_path, silent.getsockname()[1], hog, late, span=0.8)
    assert len(requests) == due
    unsent = [r for r in requests if r.load == "late" and r.error == "unsent"]
    assert unsent
    assert all(r.sent is None and r.first_byte is None and r.done >= r.due for r in unsent)
    assert {r.error for r in requests} == {"unsent", "timeout"}


def test_a_stopped_worker_hides_no_request(tmp_path: Path, raw: Callable[..., RawServer]) -> None:
    """After SIGSTOP and SIGCONT all that was due has its row: sent late, or unsent with its timeout gone by."""
    server = raw(lambda sock, _path, _number: sock.sendall(OK + b"Content-Length: 0\r\n\r\n"))
    records: list[Record] = []
    clock = RunClock()
    settings = LoadSettings(1, "127.0.0.1", server.port, (stream(50, timeout=0.3),), 1.2)
    part = start(tmp_path, settings, records, clock)
    zero = clock.now()
    part.ask(Begin(zero))
    wait_until(lambda: server.seen)
    signal.pidfd_send_signal(part.pidfd, signal.SIGSTOP)
    wait_until(lambda: clock.now() > zero + 1.0)
    signal.pidfd_send_signal(part.pidfd, signal.SIGCONT)
    due = part.ask(EndAt(zero + 1.2), 30)
    part.stop()
    requests = [r for r in records if isinstance(r, Request)]
    assert sorted(r.seq for r in requests) == list(range(60))
    assert due == 60
    unsent = [r for r in requests if r.error == "unsent"]
    assert len(unsent) >= 10
    assert all(r.sent is None for r in unsent)
    assert max(r.late_max for r in records if isinstance(r, Tick)) > 0.2


def test_nothing_is_sent_before_it_is_due(tmp_path: Path, raw: Callable[..., RawServer]) -> None:
    """Or its latency would come out too small."""
    server = raw(lambda sock, _path, _number: sock.sendall(OK + b"Content-Length: 0\r\n\r\n"))
    _, requests, _, _ = run(tmp_path, server.port, stream(200))
    assert all(r.sent is not None and r.due <= r.sent <= r.done for r in requests)


def test_ipv6(tmp_path: Path) -> None:
    """An IPv6 host stands in brackets in the Host header (RFC 9110 7.2)."""
    heads: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock:
            while data := sock.recv(65536):
                heads.append(data.lower())
                sock.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        settings = LoadSettings(1, "::1", port, (stream(10),), 0.2)
        _, requests, _, _ = run_settings(tmp_path, settings, 0.2)
        thread.join(10)
    assert {r.error for r in requests} == {""}
    assert b"host: [::1]:%d\r\n" % port in heads[0]


def test_the_same_seed_asks_the_same(tmp_path: Path, raw: Callable[..., RawServer]) -> None:
    """Paths drawn by one seed are equal in every run; another seed draws others."""

    def asked(seed: int) -> list[str]:
        server = raw(lambda sock, _path, _number: sock.sendall(OK + b"Content-Length: 0\r\n\r\n"))
        run(tmp_path, server.port, stream(100, HttpRequest("GET", "/${1..1000000}")), span=0.2, seed=seed)
        return sorted(server.seen)

    assert asked(1) == asked(1) != asked(2)


def test_the_users_headers_replace_ours(tmp_path: Path, raw: Callable[..., RawServer]) -> None:
    """Whatever their case; a header is never sent twice."""
    heads: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                heads.append(sock.recv(65536).lower())
                sock.sendall(OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        post = HttpRequest("POST", "/", {"content-TYPE": "application/x", "HOST": "shop"}, {"a": 1}, has_json=True)
        run(tmp_path, listener.getsockname()[1], stream(5, post, timeout=0.5), span=0.2)
        thread.join(10)
    assert heads[0].count(b"content-type: application/x\r\n") == heads[0].count(b"content-type") == 1
    assert heads[0].count(b"host: shop\r\n") == heads[0].count(b"host:") == 1


def test_the_earliest_end_wins(tmp_path: Path, raw: Callable[..., RawServer]) -> None:
    """A second `EndAt` cannot prolong the load; both are answered with the same number."""
    server = raw(lambda sock, _path, _number: sock.sendall(OK + b"Content-Length: 0\r\n\r\n"))
    records: list[Record] = []
    clock = RunClock()
    part = start(tmp_path, LoadSettings(1, "127.0.0.1", server.port, (stream(50),), 60.0), records, clock)
    zero = clock.now() + 0.2
    part.ask(Begin(zero))
    first = part.ask(EndAt(zero + 0.4))
    assert part.ask(EndAt(zero + 30.0)) == first == len([r for r in records if isinstance(r, Request)])
    part.stop()
