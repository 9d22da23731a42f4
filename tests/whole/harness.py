"""Experiments on small real apps, run through the command line, and a look at what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

APP = textwrap.dedent(
    '''
    """A little app: every path is a way to call a dependency."""
    import json, os, socket, subprocess, sys, threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    KEY = {"id": {"S": "1"}}
    URL = "https://dynamodb.us-east-1.amazonaws.com/"
    HEADERS = {
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=x/20250101/us-east-1/dynamodb/aws4_request, "
        "SignedHeaders=host, Signature=0",
    }
    lock = threading.Lock()
    made = {}

    def client():
        with lock:
            if "boto3" not in made:
                import boto3
                from botocore.config import Config
                config = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1})
                made["boto3"] = boto3.client("dynamodb", config=config)
            return made["boto3"]

    def boto3_get():
        return client().get_item(TableName="things", Key=KEY)["Item"]["name"]["S"]

    def boto3_put(body):
        client().put_item(TableName="things", Item={"id": {"S": json.loads(body)["id"]}})
        return "put"

    def requests_list():
        import requests
        return requests.post(URL, headers=HEADERS, data="{}", timeout=8).text

    def curl_list():
        words = [word for name, value in HEADERS.items() for word in ("-H", f"{name}: {value}")]
        return subprocess.run(["curl", "-sS", *words, "-d", "{}", URL], capture_output=True, text=True).stdout

    def echo():
        with socket.create_connection(("cache.internal", 6379), 2) as sock:
            sock.sendall(b"hello")
            return sock.recv(100).decode()

    GET = {"/boto3": boto3_get, "/requests": requests_list, "/curl": curl_list, "/echo": echo, "/plain": lambda: "ok"}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.answer(GET[self.path])

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(lambda: boto3_put(body))

        def answer(self, call):
            try:
                status, text = 200, str(call())
            except Exception as error:
                status, text = 503, repr(error)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    if "boto3" in sys.argv:
        client()
    Server(("0.0.0.0", 8080), Handler).serve_forever()
    '''
)

DYNAMODB: dict[str, Any] = {
    "aws": "dynamodb",
    "region": "us-east-1",
    "tables": [{"name": "things", "key": "id", "items": [{"id": "1", "name": "one"}]}],
}


def experiment(folder: Path, *, warm: bool = False, **changes: Any) -> Path:
    """Write an experiment on the little app (JSON is YAML). warm: the app makes its boto3 client at its start."""
    app = folder / "app.py"
    app.write_text(APP)
    spec: dict[str, Any] = {
        "title": "a little app",
        "target": {
            "command": [sys.executable, str(app), *(["boto3"] if warm else [])],
            "port": 8080,
            "ready": "/plain",
        },
        "warmup": "500ms",
        "steady": ["success_rate >= 90%"],
        "load": {"gets": {"rate": "40/s", "timeout": "2s", "requests": ["GET /plain"]}},
        "phases": [{"phase": "baseline", "for": "2s"}],
        **changes,
    }
    path = folder / "experiment.yaml"
    path.write_text(json.dumps(spec, indent=1))
    return path


@dataclass
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def run(self) -> dict[str, Any]:
        """The only run of the document."""
        (run,) = self.document["runs"]
        return run  # type: ignore[no-any-return]


def command(*words: str) -> list[str]:
    """The chaoskit command line of this environment."""
    return [sys.executable, "-m", "chaoskit", *words]


def chaoskit(*words: str, cwd: Path, deadline: float = 100) -> Ran:
    """Run the command line."""
    done = subprocess.run(command(*words), cwd=cwd, capture_output=True, text=True, timeout=deadline, check=False)
    document = json.loads(done.stdout) if "--json" in words else {}
    return Ran(done.returncode, done.stdout, done.stderr, document)


def run_json(path: Path, *words: str) -> Ran:
    """Run one experiment and read its document."""
    return chaoskit("run", str(path), "--json", "--out", str(path.parent / "runs"), *words, cwd=path.parent)


# ---------------------------------------------------------------- what is left


def descendants(pid: int) -> set[int]:
    """All processes below a process, from /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found.add(child)
            waiting.append(child)
    return found


def namespaces(pids: set[int]) -> set[str]:
    """The network namespaces of processes, but for our own."""
    return {name for pid in pids if (name := _namespace(pid))} - {_namespace(os.getpid())}


def _namespace(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""


def alive(pids: set[int]) -> set[int]:
    """Those that still run (a zombie that its parent has not read yet does not)."""
    return {pid for pid in pids if _state(pid) not in ("", "Z", "X")}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@dataclass(frozen=True)
class Traces:
    """What a run may not leave: its processes and namespaces, mounts of the host, files in the temporary folder."""

    mounts: str
    files: frozenset[str]

    @staticmethod
    def now() -> Traces:
        """As it is."""
        return Traces(
            Path("/proc/self/mountinfo").read_text(),
            frozenset(path.name for path in Path(tempfile.gettempdir()).iterdir()),
        )


def all_pids() -> set[int]:
    """Every process of the machine."""
    return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
