"""The gateway, with boto3 as its client and a small HTTP server as the emulator."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from chaoskit.clock import RunClock
from chaoskit.records import Call, Record
from chaoskit.stack.certificates import make
from chaoskit.stack.process import PartProcess
from chaoskit.wire import AwsFront, Drain, Flush, GatewaySettings


class Emulator(ThreadingHTTPServer):
    """Answers every call with its own arguments; remembers what it saw."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self.hold = threading.Event()
        self.hold.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Emulator

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.headers["X-Amz-Target"], dict(self.headers)))
        self.server.hold.wait(10)
        answer = json.dumps({"Item": json.loads(body)["Key"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


class Running:
    """The gateway part in front of an emulator."""

    def __init__(self, folder: Path) -> None:
        self.emulator = Emulator()
        self.records: list[Record] = []
        self.ca = folder / "ca.pem"
        certificates = make(("localhost", "*.ddb.us-east-1.amazonaws.com"))
        self.ca.write_bytes(certificates.ca_pem)
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.part = PartProcess("gateway", RunClock(), self.records.extend, folder / "gateway.log")
        fronts = (AwsFront("dynamodb", "dynamodb", "us-east-1", f"127.0.0.1:{self.emulator.server_address[1]}"),)
        self.part.start(GatewaySettings(fronts), {"listen:dynamodb": listener, "certificate": certificates.server})
        listener.close()
        self.part.wait_ready()

    def client(self, **config: Any) -> Any:
        return boto3.client(
            "dynamodb", region_name="us-east-1", endpoint_url=f"https://localhost:{self.port}", verify=str(self.ca),
            aws_access_key_id="a", aws_secret_access_key="b", config=Config(**config),
        )  # fmt: skip

    def calls(self) -> list[Call]:
        self.part.ask(Flush())
        return [row for row in self.records if isinstance(row, Call)]

    def connect(self) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.ca))
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 5), server_hostname="localhost")


def get(client: Any, key: str = "1") -> Any:
    return client.get_item(TableName="t", Key={"id": {"S": key}})["Item"]["id"]["S"]


def test_calls_go_through_and_are_logged_with_who_made_them(gateway: Running) -> None:
    """Operation, invocation, attempt, status; one connection for all; signed headers as they were."""
    client = gateway.client()
    assert [get(client, key) for key in ("1", "2", "3")] == ["1", "2", "3"]
    calls = gateway.calls()
    assert {(c.dependency, c.operation, c.attempt, c.status, c.connection) for c in calls} == {
        ("dynamodb", "GetItem", 1, 200, 1)
    }
    assert len({call.invocation for call in calls}) == 3
    assert all(call.done >= call.at and "Boto3" in call.agent for call in calls)
    target, headers = gateway.emulator.seen[0]
    assert target == "DynamoDB_20120810.GetItem"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256")
    assert headers["Host"] == f"localhost:{gateway.port}"
    assert gateway.emulator.connections == 1


def test_a_large_body_passes_untouched(gateway: Running) -> None:
    """One megabyte there and back."""
    key = "x" * 1_000_000
    assert get(gateway.client(), key) == key


def test_drain_ends_a_connection_after_its_next_response_and_spares_later_ones(gateway: Running) -> None:
    """`Connection: close` on one response; the next call is on a new connection, which then stays."""
    client = gateway.client()
    get(client)
    gateway.part.ask(Drain("dynamodb"))
    for _ in range(3):
        get(client)
    assert [call.connection for call in gateway.calls()] == [1, 1, 2, 2]


def test_a_dead_emulator_is_503_and_each_try_is_logged(gateway: Running) -> None:
    """The SDK retries; the log tells tries of one call apart by their number."""
    gateway.emulator.shutdown()
    gateway.emulator.server_close()
    client = gateway.client(retries={"mode": "standard", "total_max_attempts": 3})
    with pytest.raises(client.exceptions.ClientError):
        get(client)
    calls = gateway.calls()
    assert [(call.attempt, call.status) for call in calls] == [(1, 503), (2, 503), (3, 503)]
    assert len({call.invocation for call in calls}) == 1


def test_an_emulator_that_closed_its_kept_connections_is_asked_anew(gateway: Running) -> None:
    """A restart of the emulator on its port is not felt by the target."""
    client = gateway.client(retries={"total_max_attempts": 1})
    get(client)
    port = gateway.emulator.server_address[1]
    gateway.emulator.shutdown()
    gateway.emulator.server_close()
    gateway.emulator = Emulator(port)
    assert get(client) == "1"


def test_a_client_that_goes_away_is_logged_with_status_0(gateway: Running) -> None:
    """Its call was a try all the same."""
    gateway.emulator.hold.clear()
    with gateway.connect() as sock:
        body = b'{"Key": {}}'
        sock.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: D.GetItem\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        while not gateway.emulator.seen:
            threading.Event().wait(0.01)
    threading.Event().wait(0.1)
    gateway.emulator.hold.set()
    while not gateway.calls():
        threading.Event().wait(0.01)
    assert gateway.calls()[0].status == 0


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (17 * 2**20), b"413"),
    ],
)
def test_what_is_no_request_of_ours_is_refused(gateway: Running, request_bytes: bytes, status: bytes) -> None:
    """With a status that a client can read that sends all of it first; the connection is not used again."""
    with gateway.connect() as sock:
        sock.sendall(request_bytes)
        answer = sock.recv(1000)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nConnection: close\r\n" in answer


def test_pipelined_and_chunked_requests_are_answered_in_order(gateway: Running) -> None:
    """Two requests in one packet, the second in chunks."""
    with gateway.connect() as sock:
        first = b'{"Key": {"id": {"S": "first"}}}'
        second = b'{"Key": {"id": {"S": "second"}}}'
        head = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: D.GetItem\r\n"
        chunks = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (5, second[:5], len(second) - 5, second[5:])
        sock.sendall(
            head
            + b"Content-Length: %d\r\n\r\n" % len(first)
            + first
            + head
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + chunks
        )
        got = b""
        while b"second" not in got:
            got += sock.recv(65536)
    assert got.index(b"first") < got.index(b"second")
