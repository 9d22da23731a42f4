"""Both services as processes of their own, each with its own interpreter, against the emulator."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaoskit.clock import RunClock
from chaoskit.experiment.models import Ready, Target
from chaoskit.stack.process import PartProcess
from chaoskit.stack.setup import run_setup
from chaoskit.wire import EmulatorSettings, Table
from tests.conftest import wait_until
from tests.targets.conftest import TARGETS

ITEMS = tuple({"id": str(n), "amount": n} for n in range(1, 4))
SETUP = (
    ("python3", "-m", "venv", ".venv"),
    (".venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"),
)


@dataclass
class Answer:
    """What came over HTTP."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class App:
    """A service that runs."""

    port: int
    process: subprocess.Popen[bytes]

    def get(self, path: str, timeout: float = 30.0) -> Answer:
        return self._send(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}"), timeout)

    def post(self, body: Any) -> Answer:
        headers = {"Content-Type": "application/json"}
        url = f"http://127.0.0.1:{self.port}/invoices"
        return self._send(urllib.request.Request(url, json.dumps(body).encode(), headers), 30.0)

    def up(self) -> bool:
        assert self.process.poll() is None, "the service has ended"
        try:
            return self.get("/health").status == 200
        except OSError:
            return False

    def _send(self, request: urllib.request.Request, timeout: float) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())


@contextmanager
def app(name: str, dynamodb: int, folder: Path) -> Iterator[App]:
    """The service, with its journals in a folder. It is killed at the end, as by an outage of its machine."""
    target = Target(name, TARGETS / name, (".venv/bin/python", "app.py"), None, Ready("alive"), setup=SETUP)
    run_setup(target)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {"PATH": os.defpath, "PORT": str(port), "TMPDIR": str(folder), "AWS_EC2_METADATA_DISABLED": "true"}
    env |= {"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{dynamodb}", "AWS_CONFIG_FILE": "/dev/null"}
    env |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with subprocess.Popen(target.command, cwd=target.folder, env=env) as process:
        running = App(port, process)
        try:
            wait_until(running.up, 30.0)
            yield running
        finally:
            process.kill()


@contextmanager
def dynamodb(folder: Path, port: int = 0) -> Iterator[int]:
    """The emulator with the invoices 1 to 3; its port."""
    part = PartProcess("emulator", RunClock(), lambda _records: None, folder / "emulator.log")
    path = folder / "emulator.sock"
    path.unlink(missing_ok=True)
    with socket.create_server(("127.0.0.1", port)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))
        unix.listen()
        used = int(tcp.getsockname()[1])
        part.start(EmulatorSettings("us-east-1", (Table("invoices", "id", items=ITEMS),)), {"tcp": tcp, "unix": unix})
    part.wait_ready(30.0)
    try:
        yield used
    finally:
        part.stop()


def assert_api(service: App) -> None:
    """What both have in common."""
    assert service.get("/invoices/1").json == {"id": "1", "amount": 1.0}
    assert service.get("/invoices/9").status == 404
    assert service.post({"id": "9", "amount": 12}).status == 201
    assert service.get("/invoices/9").json["amount"] == 12
    assert b"billing_requests_total" in service.get("/metrics").body


def test_the_naive_one_works_and_makes_everybody_wait_when_dynamodb_is_gone(tmp_path: Path) -> None:
    with dynamodb(tmp_path) as port, app("billing-naive", port, tmp_path) as service:
        assert_api(service)
    with app("billing-naive", port, tmp_path) as service:
        try:
            waited = service.get("/invoices/1", timeout=2.0).status
        except TimeoutError:
            waited = None
        assert waited is None
        assert service.process.poll() is None


def test_the_resilient_one_goes_on_without_dynamodb_and_loses_nothing_even_when_killed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(dynamodb(tmp_path))
        with app("billing-resilient", port, tmp_path) as service:
            assert_api(service)
            assert_refuses_nonsense(service)
            stack.close()
            assert_goes_on(service)
    with app("billing-resilient", port, tmp_path) as restarted:
        assert restarted.get("/invoices/new").headers["X-Served-From"] == "queue", "from the journal of the dead"
        with dynamodb(tmp_path, port):
            wait_until(lambda: b"billing_queued_writes 0.0" in restarted.get("/metrics").body, 20.0)
            read = restarted.get("/invoices/new")
            assert (read.headers["X-Served-From"], read.json) == ("origin", {"id": "new", "amount": 2.0})


def assert_refuses_nonsense(service: App) -> None:
    bodies = None, [], {}, {"id": 1, "amount": 1}, {"id": "", "amount": 1}, {"id": "1", "amount": "x"}
    for body in (*bodies, {"id": "1", "amount": float("nan")}, {"id": "x" * 3000, "amount": 1}):
        assert service.post(body).status == 400


def assert_goes_on(service: App) -> None:
    """DynamoDB has gone: what was read is served with its age, what is written waits, what is unknown is said so."""
    for _ in range(30):
        read = service.get("/invoices/1")
        assert (read.status, read.headers["X-Served-From"]) == (200, "cache")
        assert int(read.headers["Age"]) >= 0
    assert service.get("/invoices/3").status == 503
    assert service.post({"id": "new", "amount": 1}).status == 202
    assert service.post({"id": "new", "amount": 2}).status == 202
    assert service.get("/invoices/new").json["amount"] == 2
    assert b"billing_breaker_open 1.0" in service.get("/metrics").body
