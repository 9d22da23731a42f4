"""The load worker beside vegeta, one after the other in the same run: `python -m benchmarks.load [RATE ...]`.

Both send an open loop of `GET /` at a constant rate (2,000 and 20,000 a second unless told) for SECONDS to one
asyncio server, a process of its own. The worker runs as in an experiment: a part, with a record of every request
sent to the host. Printed: requests due, answered as expected, 99th percentiles of send lateness and of latency
counted from due, and CPU time per request of the client's process alone.

vegeta is looked for on PATH (`go install github.com/tsenart/vegeta/v12@latest`); without it ours is shown alone.
Its latency counts from its send, and it does not tell its lateness, so the CPU is what is compared.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import uvloop

from chaoskit.clock import RunClock
from chaoskit.records import Record, Request
from chaoskit.stack.process import PartProcess
from chaoskit.wire import Begin, EndAt, HttpRequest, LoadItem, LoadSettings, LoadStream

SECONDS = 3.0
RATES = (2000.0, 20000.0)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class _Answer(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER * data.count(b"\r\n\r\n"))


def _serve(listener: socket.socket) -> None:
    async def serve() -> None:
        await (await asyncio.get_running_loop().create_server(_Answer, sock=listener)).serve_forever()

    uvloop.run(serve())


@contextmanager
def server() -> Iterator[int]:
    """A server in a process of its own; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(listener,), daemon=True)
        process.start()
        yield int(listener.getsockname()[1])
        process.kill()
        process.join()


def cpu(pid: int) -> float:
    """CPU seconds a process has used so far (`man 5 proc`)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def p99(values: list[float]) -> float:
    """99th percentile, milliseconds."""
    return statistics.quantiles(values, n=100)[98] * 1e3


def ours(rate: float, port: int) -> float:
    """Print one row; CPU microseconds per request."""
    records: list[Record] = []
    clock = RunClock()
    with tempfile.TemporaryDirectory() as folder:
        part = PartProcess("load", clock, records.extend, Path(folder) / "log")
        stream = LoadStream("reads", rate, 2.0, (LoadItem(HttpRequest("GET", "/")),))
        part.start(LoadSettings(1, "127.0.0.1", port, (stream,), SECONDS), {})
        part.wait_ready()
        before, zero = cpu(part.pid), clock.now() + 0.1
        part.ask(Begin(zero))
        due = part.ask(EndAt(zero + SECONDS), 60)
        each = (cpu(part.pid) - before) / max(1, int(str(due))) * 1e6
        part.stop()
    requests = [record for record in records if isinstance(record, Request)]
    late = [r.sent - r.due for r in requests if r.sent is not None]
    good = sum(r.outcome == "ok" for r in requests)
    latency = p99([r.done - r.due for r in requests])
    sys.stdout.write(
        f"{rate:7.0f}/s  chaoskit  due {due}  ok {good}  late p99 {p99(late):6.2f} ms  "
        f"latency p99 {latency:6.2f} ms  CPU {each:6.1f} us/request\n"
    )
    return each


def vegeta(program: str, rate: float, port: int) -> float:
    """Print one row; CPU microseconds per request."""
    attack = [program, "attack", f"-rate={rate:.0f}/s", f"-duration={SECONDS}s", "-timeout=2s"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    sent = subprocess.run(attack, input=f"GET http://127.0.0.1:{port}/\n".encode(), capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = subprocess.run([program, "report", "-type=json"], input=sent.stdout, capture_output=True, check=True)
    told = json.loads(report.stdout)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    each = used / max(1, int(told["requests"])) * 1e6
    sys.stdout.write(
        f"{rate:7.0f}/s  vegeta    due {rate * SECONDS:.0f}  ok {told['status_codes'].get('200', 0)}  "
        f"latency p99 {told['latencies']['99th'] / 1e6:6.2f} ms (from send)  CPU {each:6.1f} us/request\n"
    )
    return each


def main(rates: tuple[float, ...]) -> None:
    """Each rate, ours then theirs."""
    program = shutil.which("vegeta")
    for rate in rates:
        with server() as port:
            mine = ours(rate, port)
            if program is not None:
                sys.stdout.write(f"{rate:7.0f}/s  CPU, chaoskit : vegeta = {mine / vegeta(program, rate, port):.2f}\n")


if __name__ == "__main__":
    main(tuple(map(float, sys.argv[1:])) or RATES)
