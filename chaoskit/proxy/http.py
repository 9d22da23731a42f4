"""The API over HTTP: one thread per client connection, each request done in the loop's thread.

A request only ever waits for the loop, which never blocks: the API cannot hang as Toxiproxy's can."""

from __future__ import annotations

import json
import queue
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn

from chaoskit.chance import new_token
from chaoskit.proxy.api import Answer, Api
from chaoskit.proxy.loop import Loop

LARGEST_BODY = 1 << 20


class _Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True

    def __init__(self, sock: socket.socket, loop: Loop, api: Api) -> None:
        super().__init__(sock.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = sock
        self._loop, self._api = loop, api

    def ask(self, method: str, path: str, body: bytes) -> Answer:
        answer: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._loop.call(lambda: answer.put(self._api.handle(method, path, body)))
        return answer.get()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 60

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, LARGEST_BODY))
        if self.headers.get("User-Agent", "").startswith("Mozilla/"):
            self._send(403, b"User agent not allowed\n", "text/plain; charset=utf-8")
            return
        answer = self.server.ask(self.command, self.path, body)
        if answer.status == 404 and answer.value is None:
            self._send(404, b"404 page not found\n", "text/plain; charset=utf-8")
        elif self.path == "/version" and answer.status == 200:
            self._send(200, json.dumps(answer.value).encode() + b"\n", "application/json;charset=utf-8")
        else:
            text = b"" if answer.value is None else json.dumps(answer.value, separators=(",", ":")).encode()
            self._send(answer.status, text + (b"\n" if answer.status >= 400 and text else b""), "application/json")

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = do_OPTIONS = _do  # noqa: N815

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("X-Toxiproxy-Request-Id", new_token(20))
        if body:
            self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet: the coordinator's own records tell what was done."""


def serve_api(sock: socket.socket, loop: Loop, api: Api) -> None:
    """Serve on a listening socket, in a thread of its own."""
    threading.Thread(target=_Server(sock, loop, api).serve_forever, name="api", daemon=True).start()
