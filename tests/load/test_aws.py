"""AWS calls of a load and its effects, over a unix socket."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from chaoskit.wire import AwsRequest, EffectSpec, EmulatorFront, Expect, LoadItem, LoadSettings, LoadStream
from tests.load.helpers import run_settings


class Emulator(socketserver.ThreadingUnixStreamServer):
    """DynamoDB's JSON protocol: keeps items by id; answers oddly for some of them."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Handler)
        self.items: dict[str, Any] = {}
        self.calls: list[tuple[str, str, Any]] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Emulator

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        self.server.calls.append((operation, self.headers["Authorization"], body))
        status, answer = self._put(body) if operation == "PutItem" else self._get(body["Key"]["id"]["S"])
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _put(self, body: Any) -> tuple[int, bytes]:
        self.server.items[body["Item"]["id"]["S"]] = body["Item"]
        return 200, b"{}"

    def _get(self, key: str) -> tuple[int, bytes]:
        match int(key) % 4:
            case 0:
                return 200, json.dumps({"Item": self.server.items[key]}).encode()
            case 1:
                return 200, b"{}"
            case 2:
                return 500, b'{"__type": "InternalServerError"}'
            case _:
                return 200, b"<html>"

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    server = Emulator(tmp_path / "emulator.sock")
    yield server
    server.shutdown()
    server.server_close()


def test_calls_and_effects(tmp_path: Path, emulator: Emulator) -> None:
    """An item that is there, one that is not, and two whose check fails; texts are texts, the region is told."""
    table = {"TableName": "invoices"}
    put = AwsRequest("dynamodb", "PutItem", {**table, "Item": {"id": {"S": "${seq}"}, "amount": {"N": "${1..9}"}}})
    get = AwsRequest("dynamodb", "GetItem", {**table, "Key": {"id": {"S": "${seq}"}}}, Expect(json={"Item": "present"}))
    load = LoadStream("writes", 8, 2.0, (LoadItem(put, EffectSpec(get, within=0.3)),))
    fronts = (EmulatorFront("dynamodb", "dynamodb", "eu-west-1", str(tmp_path / "emulator.sock")),)
    settings = LoadSettings(1, "127.0.0.1", 1, (load,), 1.0, fronts)
    _, requests, effects, due = run_settings(tmp_path, settings, 1.0)
    assert due == 8
    assert {(r.label, r.error) for r in requests} == {("dynamodb.PutItem", "")}
    states = {effect.seq: effect.state for effect in effects}
    assert states == {seq: ("present", "missing", "unknown", "unknown")[seq % 4] for seq in range(8)}
    assert {effect.count for effect in effects if effect.state == "present"} == {1}
    assert all("/eu-west-1/dynamodb/aws4_request" in authorization for _, authorization, _ in emulator.calls)
    assert all(isinstance(item["amount"]["N"], str) for item in emulator.items.values())


def test_an_emulator_that_is_gone(tmp_path: Path) -> None:
    """A call fails as refused; it is not a crash of the worker."""
    get = AwsRequest("dynamodb", "GetItem", {"TableName": "t", "Key": {"id": {"S": "1"}}})
    fronts = (EmulatorFront("dynamodb", "dynamodb", "us-east-1", str(tmp_path / "none.sock")),)
    settings = LoadSettings(1, "127.0.0.1", 1, (LoadStream("reads", 10, 2.0, (LoadItem(get),)),), 0.3, fronts)
    _, requests, _, due = run_settings(tmp_path, settings, 0.3)
    assert [r.error for r in requests] == ["refused"] * due
