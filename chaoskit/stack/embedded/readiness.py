"""Is the target ready? Asked without touching it more than the file says; and the pre-flight from inside."""

from __future__ import annotations

import sys
from pathlib import Path

import requests

from chaoskit.clock import RunClock
from chaoskit.errors import StackBroken, TargetNotReady
from chaoskit.experiment.models import Target
from chaoskit.stack.base import Check
from chaoskit.stack.embedded.sandbox import Sandbox

POLL = 0.03
"""Seconds between two looks."""
OUTPUT_SHOWN = 2000
"""Bytes of the target's last output that an error shows."""
_PROBE = """
import socket, sys
for name, port in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        socket.create_connection((name, int(port)), 5).close()
    except OSError as error:
        sys.exit(f"{name}:{port}: {error}")
"""


def probe(sandbox: Sandbox, names: tuple[tuple[str, int], ...], check: Check) -> None:
    """From inside, resolve and reach every dependency, as the target will. Raises StackBroken naming the first
    that does not answer."""
    check()
    words = [word for name, port in names for word in (name, str(port))]
    code, output = sandbox.run([sys.executable, "-I", "-S", "-c", _PROBE, *words], {}, 15.0)
    if code != 0:
        raise StackBroken(f"pre-flight: inside the sandbox, {output.strip() or f'the probe ended with {code}'}")


def wait_target(sandbox: Sandbox, target: Target, published: str, log: Path, check: Check) -> str:
    """Wait until the target is ready; returns the address it listens on, in its own network.

    Raises TargetNotReady with the end of its output when its deadline passes or it ends before.
    """
    clock = RunClock()
    while True:
        check()
        host = sandbox.listening(target.port) if target.port else None
        if _ready(target, host, published):
            return host or "127.0.0.1"
        if sandbox.exit_code is not None:
            raise TargetNotReady(f"the target ended (exit code {sandbox.exit_code}) before it was ready", tail(log))
        if clock.now() > target.ready.within:
            raise TargetNotReady(
                f"the target was not ready within {target.ready.within:g} s ({_asked(target)})", tail(log)
            )
        clock.sleep(POLL)


def _ready(target: Target, host: str | None, published: str) -> bool:
    if target.ready.kind == "alive":
        return True
    if target.port is not None and host is None:
        return False
    return target.ready.kind == "tcp" or _answers(f"http://{published}{target.ready.path}")


def _answers(url: str) -> bool:
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the environment is not for loopback
        try:
            return session.get(url, timeout=2, allow_redirects=False).status_code < 400
        except requests.RequestException:
            return False


def _asked(target: Target) -> str:
    if target.ready.kind == "http":
        return f"GET {target.ready.path} on port {target.port} gave no 2xx or 3xx"
    return f"nothing listened on port {target.port}"


def tail(log: Path) -> str:
    """The end of a log, for an error."""
    if not log.exists():
        return ""
    return log.read_bytes()[-OUTPUT_SHOWN:].decode(errors="replace")
