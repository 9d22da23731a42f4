"""A server, and a load worker that plays a schedule against it."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chaoskit.clock import RunClock
from chaoskit.records import Effect, Record, Request
from chaoskit.stack.process import PartProcess
from chaoskit.wire import Begin, EffectSpec, EndAt, HttpRequest, LoadItem, LoadSettings, LoadStream

GET = HttpRequest("GET", "/")


class Server(ThreadingHTTPServer):
    """Answers by a function from method, path and body to status, headers and body."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, respond: Callable[[str, str, bytes], tuple[int, dict[str, str], bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.respond = respond
        self.connections = 0
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, answer = self.server.respond(self.command, self.path, body)
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(answer))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)
        self.close_connection = headers.get("Connection") == "close"

    do_GET = do_POST = do_HEAD = _do

    def log_message(self, *_: object) -> None:
        pass


def start(folder: Path, settings: LoadSettings, records: list[Record], clock: RunClock) -> PartProcess:
    """A worker that is ready."""
    part = PartProcess("load", clock, records.extend, folder / "load.log")
    part.start(settings, {})
    part.wait_ready()
    return part


def run(
    folder: Path, port: int, *streams: LoadStream, span: float = 0.6, cut: float | None = None, seed: int = 1
) -> tuple[float, list[Request], list[Effect], int]:
    """Play a schedule to its end (or to `cut`); returns zero, requests, effects and the number due."""
    return run_settings(folder, LoadSettings(seed, "127.0.0.1", port, streams, span), span if cut is None else cut)


def run_settings(folder: Path, settings: LoadSettings, until: float) -> tuple[float, list[Request], list[Effect], int]:
    """The same for whole settings."""
    records: list[Record] = []
    clock = RunClock()
    part = start(folder, settings, records, clock)
    zero = clock.now() + 0.05
    part.ask(Begin(zero))
    due = part.ask(EndAt(zero + until), 60)
    part.stop()
    assert isinstance(due, int)
    requests = sorted((r for r in records if isinstance(r, Request)), key=lambda r: r.due)
    return zero, requests, [r for r in records if isinstance(r, Effect)], due


def stream(rate: float, *requests: HttpRequest, timeout: float = 2.0, effect: EffectSpec | None = None) -> LoadStream:
    return LoadStream("reads", rate, timeout, tuple(LoadItem(request, effect) for request in requests or (GET,)))


def ok(_method: str, _path: str, _body: bytes) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, b'{"a": {"b": [1, "x"]}}'


class RawServer(socketserver.ThreadingTCPServer):
    """Reads whole requests and leaves the answer to a function: (socket, path, number on its connection)."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, respond: Callable[[socket.socket, str, int], None]) -> None:
        super().__init__(("127.0.0.1", 0), _RawHandler)
        self.respond = respond
        self.seen: list[str] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _RawHandler(socketserver.StreamRequestHandler):
    server: RawServer

    def handle(self) -> None:
        number = 0
        while line := self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            number += 1
            path = line.split()[1].decode()
            self.server.seen.append(path)
            self.server.respond(self.connection, path, number)
            if self.connection.fileno() < 0:
                return
