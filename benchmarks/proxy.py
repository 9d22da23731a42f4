"""Our proxy beside the real Toxiproxy, interleaved in one run: `python -m benchmarks.proxy [TOXIPROXY_SERVER]`.

Without a path the real server (2.12.0) is built with `go install` into a temporary folder. Both are driven through the
same client and the same API. Client and backend are processes of their own; ours runs as it does in an experiment: a
part, with a record of every connection. Prints each round, and the ratios of the medians.
"""

from __future__ import annotations

import multiprocessing
import os
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chaoskit.clock import RunClock, monotonic
from chaoskit.errors import StackBroken
from chaoskit.stack.process import PartProcess
from chaoskit.stack.toxiproxy import ToxiproxyClient
from chaoskit.wire import ProxySettings

MODULE = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0"
HOST = "127.0.0.1"
ROUNDS = 3
SECONDS = 1.5
LATENCY = 50
"""Milliseconds of the latency toxic."""
MESSAGES = 500
"""Per second, over 16 connections, for the latency toxic."""
Address = tuple[str, int]


# ---------------------------------------------------------------- servers


def _pump(sock: socket.socket) -> None:
    data = bytes(1 << 20)
    with sock, suppress(OSError):
        while sock.send(data):
            pass


def _echo(listener: socket.socket) -> None:
    poll, socks = select.epoll(), {listener.fileno(): listener}
    poll.register(listener, select.EPOLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == listener.fileno():
                sock = listener.accept()[0]
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                socks[sock.fileno()] = sock
                poll.register(sock, select.EPOLLIN)
                continue
            with suppress(OSError):
                if data := socks[descriptor].recv(65536):
                    socks[descriptor].sendall(data)
                    continue
            poll.unregister(descriptor)
            socks.pop(descriptor).close()


def _backend(tell: Callable[[tuple[int, int]], None]) -> None:
    echo, bulk = (socket.create_server((HOST, 0), backlog=256) for _ in range(2))
    tell((echo.getsockname()[1], bulk.getsockname()[1]))
    threading.Thread(target=_echo, args=(echo,), daemon=True).start()
    while True:
        threading.Thread(target=_pump, args=(bulk.accept()[0],), daemon=True).start()


@contextmanager
def backend() -> Iterator[tuple[int, int]]:
    """The ports of an echo server and of one that sends as much as it can."""
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_backend, args=(send.send,), daemon=True)
    process.start()
    try:
        yield receive.recv()
    finally:
        process.terminate()
        process.join()


Server = tuple[ToxiproxyClient, int]
"""A client of it, and its process."""


@contextmanager
def ours() -> Iterator[Server]:
    """Our proxy as a part."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server((HOST, 0)) as api:
        part = PartProcess("proxy", RunClock(), lambda _records: None, Path(folder, "log"))
        part.start(ProxySettings(1), {"api": api})
        try:
            part.wait_ready()
            yield ToxiproxyClient(*api.getsockname()), part.pid
        finally:
            part.stop()


@contextmanager
def theirs(binary: str) -> Iterator[Server]:
    """The real server."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    quiet = {**os.environ, "LOG_LEVEL": "panic"}
    process = subprocess.Popen([binary, "-host", HOST, "-port", str(port)], env=quiet, stdout=subprocess.DEVNULL)
    end = monotonic() + 10
    try:
        while monotonic() < end:
            with suppress(OSError):
                socket.create_connection((HOST, port), 1).close()
                break
        yield ToxiproxyClient(HOST, port), process.pid
    finally:
        process.terminate()
        process.wait()


def build(folder: str) -> str:
    """The real server's binary, made with Go."""
    go = shutil.which("go")
    if go is None:
        raise SystemExit("no `go` on the PATH: give the path of a toxiproxy-server")
    subprocess.run([go, "install", MODULE], env={**os.environ, "GOBIN": folder}, cwd=folder, check=True)
    return str(Path(folder, "server"))


# ---------------------------------------------------------------- measures


def bulk(address: Address, seconds: float) -> float:
    """MB/s of one connection."""
    buffer, count = bytearray(1 << 20), 0
    with socket.create_connection(address) as sock:
        begin = monotonic()
        while monotonic() < begin + seconds:
            count += sock.recv_into(buffer)
        return count / 1e6 / (monotonic() - begin)


@contextmanager
def connections(address: Address, count: int) -> Iterator[tuple[select.epoll, dict[int, socket.socket]]]:
    """So many, watched for answers."""
    socks = [socket.create_connection(address) for _ in range(count)]
    with select.epoll() as poll:
        for sock in socks:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(sock, select.EPOLLIN)
        try:
            yield poll, {sock.fileno(): sock for sock in socks}
        finally:
            for sock in socks:
                sock.close()


def ping(address: Address, count: int, seconds: float) -> float:
    """Requests per second of 16 bytes there and back, one at a time on each connection."""
    done = 0
    with connections(address, count) as (poll, socks):
        begin = monotonic()
        for sock in socks.values():
            sock.send(bytes(16))
        while monotonic() < begin + seconds:
            for descriptor, _ in poll.poll(1):
                sock = socks[descriptor]
                sock.recv(64)
                sock.send(bytes(16))
                done += 1
        return done / (monotonic() - begin)


def lateness(address: Address, seconds: float) -> tuple[float, float]:
    """p50 and p99 of what a round trip took beyond the toxic's latency, in ms; open loop."""
    errors: list[float] = []
    with connections(address, 16) as (poll, socks):
        sent: dict[int, list[float]] = {descriptor: [] for descriptor in socks}
        order = list(socks)
        begin, number = monotonic(), 0
        while (now := monotonic()) < begin + seconds:
            due = begin + number / MESSAGES
            if now >= due:
                descriptor = order[number % len(order)]
                sent[descriptor].append(monotonic())
                socks[descriptor].send(bytes(16))
                number += 1
                continue
            select.select([poll.fileno()], [], [], due - now)
            for descriptor, _ in poll.poll(0):
                for _ in range(len(socks[descriptor].recv(4096)) // 16):
                    errors.append((monotonic() - sent[descriptor].pop(0)) * 1000 - LATENCY)
    errors.sort()
    return statistics.median(errors), errors[len(errors) * 99 // 100]


def cpu(pid: int) -> float:
    """CPU seconds of a process so far (`man 5 proc`, stat)."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def one_round(server: Server, listens: dict[str, Address], seconds: float) -> dict[str, float]:
    """All figures of one proxy, once."""
    client, pid = server
    row = {"bulk MB/s": bulk(listens["bulk"], seconds), "ping/s 1 connection": ping(listens["echo"], 1, seconds)}
    before = cpu(pid)
    row["ping/s 64 connections"] = ping(listens["echo"], 64, seconds)
    row["CPU us per ping at 64"] = (cpu(pid) - before) * 1e6 / (row["ping/s 64 connections"] * seconds)
    client.add_toxic("echo", "late", "latency", "downstream", {"latency": LATENCY})
    row["latency error p50 ms"], row["latency error p99 ms"] = lateness(listens["echo"], seconds)
    client.remove_toxic("echo", "late")
    return row


def prepare(client: ToxiproxyClient, ports: tuple[int, int]) -> dict[str, Address]:
    """A proxy for each backend."""
    found = {}
    for name, port in zip(("echo", "bulk"), ports, strict=True):
        host, _, listen = client.create(name, f"{HOST}:{port}", f"{HOST}:0").rpartition(":")
        found[name] = host, int(listen)
    return found


def main(binary: str, seconds: float = SECONDS) -> None:
    """Measure and print."""
    figures: dict[str, dict[str, list[float]]] = {}
    with backend() as ports, ours() as our_server, theirs(binary) as their_server:
        servers = {"chaoskit": our_server, "Toxiproxy": their_server}
        listens = {who: prepare(client, ports) for who, (client, _) in servers.items()}
        for number in range(1, ROUNDS + 1):
            for who, server in servers.items():
                for name, value in one_round(server, listens[who], seconds).items():
                    figures.setdefault(name, {}).setdefault(who, []).append(value)
                    print(f"round {number} {who:9} {name:22} {value:10.2f}")
    for name, found in figures.items():
        mine, real = (statistics.median(found[who]) for who in servers)
        print(f"{name:22} chaoskit {mine:10.2f}  Toxiproxy {real:10.2f}  ratio {mine / real:.2f}")


if __name__ == "__main__":
    try:
        if len(sys.argv) > 1:
            main(sys.argv[1])
        else:
            with tempfile.TemporaryDirectory() as scratch:
                main(build(scratch))
    except StackBroken as error:
        raise SystemExit(str(error)) from None
