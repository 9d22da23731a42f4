"""The gateway beside its emulator asked directly, in the same run: `python -m benchmarks.gateway`.

The emulator is a small asyncio server with a fixed answer, so that what is measured is the way there. One TLS
connection (plain HTTP for direct), one request at a time. Prints the median and 99th percentile of each and the
requests per second; the difference of the medians is what the gateway adds.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import statistics
import sys
import tempfile
import threading
from pathlib import Path

from chaoskit.clock import RunClock, monotonic
from chaoskit.stack.certificates import make
from chaoskit.stack.process import PartProcess
from chaoskit.wire import AwsFront, GatewaySettings

BODY = b'{"TableName": "invoices", "Key": {"id": {"S": "1"}}}'
REQUEST = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\n"
    b"amz-sdk-invocation-id: 1\r\namz-sdk-request: attempt=1\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
COUNT = 3000
WARM = 200


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(65536):
        writer.write(ANSWER)


def emulator() -> int:
    """Start the emulator in a thread of this process; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    async def serve() -> None:
        await (await asyncio.start_server(_answer, sock=listener)).serve_forever()

    threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()
    return int(listener.getsockname()[1])


def gateway(folder: Path, upstream: int) -> tuple[PartProcess, int, ssl.SSLContext]:
    """The part in front of it, its port, and a context that trusts it."""
    certificates = make(("localhost",))
    part = PartProcess("gateway", RunClock(), lambda _: None, folder / "log")
    settings = GatewaySettings((AwsFront("dynamodb", "dynamodb", "us-east-1", f"127.0.0.1:{upstream}"),))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        part.start(settings, {"listen:dynamodb": listener, "certificate": certificates.server})
        port = int(listener.getsockname()[1])
    os.close(certificates.server)
    part.wait_ready()
    return part, port, ssl.create_default_context(cadata=certificates.ca_pem.decode())


def timed(sock: socket.socket) -> list[float]:
    """Seconds of each of COUNT requests, after a warm-up."""
    times = []
    for number in range(WARM + COUNT):
        begun = monotonic()
        sock.sendall(REQUEST)
        got = b""
        while not got.endswith(b"{}"):
            got += sock.recv(65536)
        if number >= WARM:
            times.append(monotonic() - begun)
    return times


def show(name: str, times: list[float]) -> float:
    """Print one row; the median, seconds."""
    cuts = statistics.quantiles(times, n=100)
    rate = len(times) / sum(times)
    sys.stdout.write(
        f"{name:8} median {cuts[49] * 1e6:6.0f} us  p99 {cuts[98] * 1e6:6.0f} us  {rate:6.0f} requests/s\n"
    )
    return cuts[49]


def main() -> None:
    """Direct, then through the gateway."""
    upstream = emulator()
    with tempfile.TemporaryDirectory() as folder:
        part, port, context = gateway(Path(folder), upstream)
        with socket.create_connection(("127.0.0.1", upstream)) as sock:
            direct = show("direct", timed(sock))
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost") as sock:
            through = show("gateway", timed(sock))
        sys.stdout.write(f"added    median {(through - direct) * 1e6:6.0f} us\n")
        part.stop()


if __name__ == "__main__":
    main()
