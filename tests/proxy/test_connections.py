"""Connections: refused, drained, cut, failed, ended; and the records of them."""

from __future__ import annotations

import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaoskit.chance import stream
from chaoskit.clock import RunClock
from chaoskit.errors import PartFailed
from chaoskit.proxy import proxies
from chaoskit.proxy.link import Shared
from chaoskit.proxy.loop import IN, Loop
from chaoskit.proxy.proxies import Proxy
from chaoskit.proxy.syns import read_syn
from chaoskit.records import Connection
from chaoskit.wire import Cut, Drain, Status
from tests.conftest import wait_until
from tests.proxy.conftest import Echo, Running


def say(sock: socket.socket, text: bytes = b"x") -> None:
    """There and back."""
    sock.sendall(text)
    assert sock.recv(len(text)) == text


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
            say(sock, b"still here")
            proxy.client.enable("handed")
            assert proxy.part.ask(Status()) == ()
            proxy.connect(listen).close()
        proxy.client.disable("handed")
        assert sock.recv(100) == b""  # Toxiproxy's own way: disabling drops connections
    assert "down" in {row.cause for row in proxy.connections("closed")}


def test_a_proxys_own_listener_keeps_its_port(proxy: Running, echo: Echo) -> None:
    """Disabled and enabled again, toxics and all; the upstream may change on the way."""
    listen = proxy.client.create("a", "127.0.0.1:1")
    proxy.client.add_toxic("a", "t", "noop", "downstream", {})
    proxy.client.disable("a")
    with pytest.raises(ConnectionRefusedError):
        proxy.connect(listen)
    shown = proxy.patch("/proxies/a", {"enabled": True, "upstream": echo.address})
    assert (shown["listen"], shown["upstream"], len(shown["toxics"])) == (listen, echo.address, 1)
    assert proxy.part.ask(Status()) == ("t",)
    with proxy.connect(listen) as sock:
        say(sock)


def test_cut_resets_both_sides_of_what_is_open(proxy: Running) -> None:
    """RST, recorded as such; new connections are not affected."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        listen = proxy.client.create("a", "{}:{}".format(*server.getsockname()))
        with proxy.connect(listen) as sock, server.accept()[0] as upstream:
            sock.sendall(b"x")
            assert upstream.recv(1) == b"x"
            proxy.part.ask(Cut("a"))
            for end in (sock, upstream):
                end.settimeout(5)
                with pytest.raises(ConnectionResetError):
                    end.recv(1)
        assert [row.cause for row in proxy.connections("closed")] == ["cut"]
        with proxy.connect(listen) as sock, server.accept()[0] as upstream:
            sock.sendall(b"y")
            assert upstream.recv(1) == b"y"


def test_drain_ends_silent_connections_first_and_busy_ones_at_the_deadline(proxy: Running, echo: Echo) -> None:
    """FIN after a moment of silence both ways; whatever still talks ends with the deadline; new ones live on."""
    listen = proxy.client.create("a", echo.address)
    with proxy.connect(listen) as silent, proxy.connect(listen) as busy:
        say(silent)
        say(busy)
        proxy.part.ask(Drain("a", idle=0.5, deadline=2.0))
        closed = threading.Event()

        def chatter() -> None:
            try:
                while busy.send(b"x") and busy.recv(1):
                    time.sleep(0.02)
            except OSError:
                pass
            closed.set()

        threading.Thread(target=chatter, daemon=True).start()
        with proxy.connect(listen) as young:
            silent.settimeout(5)
            assert silent.recv(1) == b""
            assert not closed.is_set()
            assert closed.wait(5)
            say(young)
    assert [row.cause for row in proxy.connections("closed")][:2] == ["drain", "drain"]


def test_drain_without_idle_waits_for_the_deadline_and_says_goodbye_with_a_fin(proxy: Running) -> None:
    """EOF on both sides, also where something lies unread (closing such a socket would reset it)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        listen = proxy.client.create("a", "{}:{}".format(*server.getsockname()))
        proxy.client.add_toxic("a", "late", "latency", "upstream", {"latency": 60_000})
        with proxy.connect(listen) as sock, server.accept()[0] as upstream:
            sock.sendall(b"never arrives")
            begin = time.monotonic()
            proxy.part.ask(Drain("a", idle=None, deadline=0.4))
            for end in (sock, upstream):
                end.settimeout(5)
                assert end.recv(1) == b""
            assert time.monotonic() - begin >= 0.4


def test_what_a_toxic_holds_is_not_silence(proxy: Running, echo: Echo) -> None:
    """A drained connection still gets the answer that is on its way."""
    listen = proxy.client.create("a", echo.address)
    proxy.client.add_toxic("a", "late", "latency", "downstream", {"latency": 800})
    with proxy.connect(listen) as sock:
        sock.sendall(b"x")
        proxy.part.ask(Drain("a", idle=0.2, deadline=30.0))
        assert sock.recv(1) == b"x"
        assert sock.recv(1) == b""


def test_commands_for_an_unknown_proxy_are_errors(proxy: Running) -> None:
    with pytest.raises(PartFailed, match="nobody"):
        proxy.part.ask(Cut("nobody"))


@pytest.mark.parametrize("upstream", ["127.0.0.1:{port}", "no port", "[::1]:{port}", "nosuch.invalid:80", "http://x"])
def test_an_upstream_that_cannot_be_had_is_a_failed_connection(proxy: Running, upstream: str) -> None:
    """Refused, no address, no such name: the client is closed, it is recorded, and the proxy lives on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with proxy.connect(proxy.client.create("a", upstream.format(port=port))) as sock:
        sock.settimeout(30)  # a resolver may take its time
        assert sock.recv(1) == b""
    (failed,) = proxy.connections("failed")
    assert (failed.dependency, failed.cause) == ("a", "")


def test_an_upstream_by_name_is_looked_up(proxy: Running, echo: Echo) -> None:
    listen = proxy.client.create("a", echo.address.replace("127.0.0.1", socket.gethostname()))
    by_name = proxy.client.create("b", echo.address.replace("127.0.0.1", "localhost"))
    with proxy.connect(by_name) as sock:
        say(sock)
    proxy.connect(listen).close()  # whatever this machine's name is: no hang
    with proxy.connect(by_name) as sock:
        say(sock)


def test_stopping_ends_and_records_what_is_open(tmp_path: Path, echo: Echo) -> None:
    running = Running(tmp_path)
    with running.connect(running.client.create("a", echo.address)) as sock:
        say(sock)
        running.part.stop()
        assert sock.recv(1) == b""
    closed = [row for row in running.records if isinstance(row, Connection) and row.event == "closed"]
    assert [(row.cause, row.bytes_up, row.bytes_down) for row in closed] == [("stop", 1, 1)]


def test_running_out_of_descriptors_is_survived(proxy: Running, echo: Echo) -> None:
    """Some connections fail or wait meanwhile; the listener works on (Toxiproxy's dies)."""
    listen = proxy.client.create("a", echo.address)
    with proxy.connect(listen) as sock:
        say(sock)
        used = len(list(Path(f"/proc/{proxy.part.pid}/fd").iterdir()))
        before = resource.prlimit(proxy.part.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(proxy.part.pid, resource.RLIMIT_NOFILE, (used + 5, before[1]))
        waiting = [proxy.connect(listen) for _ in range(20)]
        wait_until(lambda: proxy.connections("failed") or len(proxy.connections("opened")) > 1)
        say(sock)
        resource.prlimit(proxy.part.pid, resource.RLIMIT_NOFILE, before)
        for one in waiting:
            one.close()
        with proxy.connect(listen) as late:
            say(late)


@contextmanager
def looping(loop: Loop) -> Iterator[None]:
    """Run a loop in a thread."""
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    yield
    loop.call(lambda: setattr(loop, "running", False))
    thread.join(5)


def test_an_upstream_that_never_answers_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its SYNs are dropped (a listener with a full backlog); only this client waits, and not for ever."""
    monkeypatch.setattr(proxies, "CONNECT_WITHIN", 0.3)
    events: list[str] = []
    loop = Loop(RunClock())
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        proxy = Proxy(Shared(loop), "a", "{}:{}".format(*deaf.getsockname()), 1, None)
        proxy.move("127.0.0.1:0", proxy.upstream)
        proxy.emit = lambda _proxy, _pair, event, _cause: events.append(event)
        proxy.start()
        with looping(loop):
            host, _, port = proxy.listen.rpartition(":")
            with socket.create_connection((host, int(port)), 5) as sock:
                assert sock.recv(1) == b""
        proxy.stop()
        for filler in fillers:
            filler.close()
    assert events == ["failed"]


# ---------------------------------------------------------------- SYNs


def syn(address: str, port: int, flags: int = 0x02, options: int = 0) -> bytes:
    """An IPv4 packet from port 40000, as the packet socket gives it."""
    ip = bytes([0x45 + options]) + bytes(8) + b"\x06" + bytes(6) + socket.inet_aton(address) + bytes(4 * options)
    return ip + struct.pack(">HHIIBBHHH", 40000, port, 1, 0, 0x50, flags, 1024, 0, 0)


def test_syns_are_read_from_the_ip_header_on() -> None:
    """With IP options, too; a SYN-ACK, UDP, or anything short is none."""
    assert read_syn(syn("198.18.0.10", 443)) == ("198.18.0.10:443", 40000)
    assert read_syn(syn("198.18.0.10", 443, options=10)) == ("198.18.0.10:443", 40000)
    assert read_syn(syn("198.18.0.10", 443, flags=0x12)) is None
    assert read_syn(syn("198.18.0.10", 443)[:30]) is None
    assert read_syn(b"") is None


def test_no_frame_breaks_the_reader() -> None:
    chance = stream(1, "frames")
    for length in range(70):
        read_syn(chance.randbytes(length))
        read_syn(b"\x4f" + chance.randbytes(length))


def test_each_syn_to_a_dependency_is_recorded(tmp_path: Path) -> None:
    """By its name; to other addresses, none."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    running = Running(tmp_path, {"syn": theirs})
    for frame in (syn("198.18.0.10", 443), b"short", syn("198.18.0.99", 443), syn("198.18.0.10", 443)):
        ours.send(frame)
    wait_until(lambda: len(running.connections("syn")) == 2)
    assert {(row.dependency, row.client_port) for row in running.connections("syn")} == {("a", 40000)}
    running.part.stop()
    ours.close()
    theirs.close()


# ---------------------------------------------------------------- the loop


def test_an_event_for_a_closed_descriptor_does_not_reach_its_successor() -> None:
    """One handler closes another's descriptor, whose number is given out again, while its event is under way."""
    loop = Loop(RunClock())
    pairs = [socket.socketpair() for _ in range(2)]
    calls: list[str] = []
    spare = socket.socketpair()

    def handle(mine: int) -> None:
        calls.append("first")
        other = pairs[1 - mine][0].fileno()
        loop.forget(pairs[mine][0].fileno())
        loop.forget(other)
        os.dup2(spare[0].fileno(), other)
        loop.watch(other, IN, lambda _events: calls.append("stale"))

    for number, (near, far) in enumerate(pairs):
        loop.watch(near.fileno(), IN, lambda _events, number=number: handle(number))
        far.send(b"x")
    loop.at(loop.clock.now() + 0.1, lambda: setattr(loop, "running", False))
    loop.run()
    assert calls == ["first"]
    for sock in (*pairs[0], *pairs[1], *spare):
        sock.close()


def test_timers_run_in_order_never_early_and_not_when_cancelled() -> None:
    loop = Loop(RunClock())
    ran: list[tuple[str, float]] = []
    due = loop.clock.now()
    for name, after in (("c", 0.06), ("a", 0.001), ("b", 0.02)):
        loop.at(due + after, lambda name=name, after=after: ran.append((name, loop.clock.now() - due - after)))
    loop.at(due + 0.03, lambda: ran.append(("never", 0))).cancel()
    loop.at(due + 0.07, lambda: setattr(loop, "running", False))
    loop.run()
    assert [name for name, _ in ran] == ["a", "b", "c"]
    assert all(late >= 0 for _, late in ran)
