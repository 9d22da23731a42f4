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
"""Bytes; a larger one is answered 413."""
_TEXTS = {403: b"User agent not allowed\n", 404: b"404 page not found\n"}


class _Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True

    def __init__(self, sock: socket.socket, loop: Loop, api: Api) -> None:
        super().__init__(sock.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = sock
        self._loop, self._api = loop, api

    def ask(self, method: str, path: str, body: bytes, browser: bool) -> Answer:
        answer: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._loop.call(lambda: answer.put(self._api.handle(method, path, body, browser)))
        return answer.get()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 60
    wbufsize = -1  # one segment per answer: a second one would wait for a delayed ACK
    disable_nagle_algorithm = True

    def _do(self) -> None:
        body = self._body()
        if body is None:
            return
        browser = self.headers.get("User-Agent", "").startswith("Mozilla/")
        answer = self.server.ask(self.command, self.path, body, browser)
        if answer.status in _TEXTS and answer.value is None:
            self._send(answer, _TEXTS[answer.status], "text/plain; charset=utf-8")
        elif isinstance(answer.value, dict) and "version" in answer.value:
            self._send(answer, json.dumps(answer.value).encode() + b"\n", "application/json;charset=utf-8")
        else:
            self._send(answer, _encode(answer), "application/json")

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = do_OPTIONS = _do  # noqa: N815

    def _body(self) -> bytes | None:
        """None: refused, and the connection ends, for where the next request begins is unknown."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self._refuse(411, "a body needs a Content-Length")
        elif len(length) > 9 or int(length) > LARGEST_BODY:
            self._refuse(413, "body too large")
        else:
            return self.rfile.read(int(length))
        return None

    def _refuse(self, status: int, text: str) -> None:
        self.close_connection = True
        answer = Answer(status, {"error": text, "status": status}, routed=False)
        self._send(answer, _encode(answer), "application/json")

    def _send(self, answer: Answer, body: bytes, kind: str) -> None:
        self.send_response(answer.status)
        if answer.routed:
            self.send_header("X-Toxiproxy-Request-Id", new_token(20))
        if answer.location:
            self.send_header("Location", answer.location)
        if body:
            self.send_header("Content-Type", kind)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet: the coordinator's own records tell what was done."""


def _encode(answer: Answer) -> bytes:
    """Compact, as Go's; an error ends with a newline unless it lists proxies."""
    if answer.value is None:
        return b""
    text = json.dumps(answer.value, separators=(",", ":"), ensure_ascii=False).encode()
    plain_error = answer.status >= 400 and isinstance(answer.value, dict) and "proxies" not in answer.value
    return text + b"\n" if plain_error else text


def serve_api(sock: socket.socket, loop: Loop, api: Api) -> None:
    """Serve on a listening socket, in a thread of its own."""
    threading.Thread(target=_Server(sock, loop, api).serve_forever, name="api", daemon=True).start()
