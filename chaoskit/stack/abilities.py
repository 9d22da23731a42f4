"""What this machine can do for us, found by trying; and the remedy for what it cannot."""

from __future__ import annotations

import platform
import re
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chaoskit.clock import RunClock
from chaoskit.errors import ChaoskitError, MissingAbility

OLDEST_KERNEL = (5, 11)
"""Overlays in user namespaces; setns on a pidfd came in 5.8, pidfds in 5.3."""
FREE_DISK = 200_000_000


@dataclass(frozen=True)
class Ability:
    """One thing, whether it is there, and what to do when not. needed: the embedded stack cannot run without."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


def survey() -> tuple[Ability, ...]:
    """Everything worth knowing. Changes nothing; takes a second or two."""
    checks: tuple[Callable[[], Ability], ...] = (_python, _kernel, _sandbox, _ports, _disk, _docker)
    return tuple(check() for check in checks)


def _python() -> Ability:
    return Ability("Python", sys.version_info >= (3, 11), platform.python_version(), "install Python 3.11 or newer")


def _kernel() -> Ability:
    release = platform.release()
    if platform.system() != "Linux":
        return Ability("kernel", False, f"{platform.system()} {release}", "the embedded stack needs Linux")
    numbers = tuple(int(number) for number in re.findall(r"\d+", release)[:2])
    return Ability("kernel", numbers >= OLDEST_KERNEL, f"Linux {release}", "Linux 5.11 or newer is needed")


def _sandbox() -> Ability:
    from chaoskit.stack.embedded.sandbox import Layout, Sandbox

    clock = RunClock()
    sandbox = Sandbox(Layout(("198.18.0.10",), None), lambda _code: None)
    try:
        sandbox.start()
    except MissingAbility as error:
        return Ability("namespaces", False, f"{error.call}: {error.cause}", error.remedy)
    except ChaoskitError as error:
        return Ability("namespaces", False, str(error), "see the message")
    took = clock.now()
    notes = "".join(f"; note: {note}" for note in sandbox.notes)
    sandbox.close(5.0)
    return Ability("namespaces", True, f"a sandbox was up in {took * 1000:.0f} ms{notes}")


def _ports() -> Ability:
    try:
        with socket.create_server(("127.0.0.1", 0)) as sock:
            return Ability("ports", True, f"loopback port {sock.getsockname()[1]} was free")
    except OSError as error:
        return Ability("ports", False, str(error), "free a port on 127.0.0.1, or widen net.ipv4.ip_local_port_range")


def _disk() -> Ability:
    free = shutil.disk_usage(Path.cwd()).free
    return Ability(
        "disk", free > FREE_DISK, f"{free / 1e9:.1f} GB free here", "free 200 MB in this folder's file system"
    )


def _docker() -> Ability:
    """Not needed by the embedded stack; said for those who plan for containers."""
    import docker
    import requests
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=2)
        try:
            version = client.version()["Version"]
        finally:
            client.close()
    except (DockerException, requests.RequestException) as error:
        cause = str(error).split("(")[-1].strip(")' ") or "no engine answers"
        return Ability(
            "Docker", False, f"no engine answers ({cause})", "start one: systemctl start docker", needed=False
        )
    return Ability("Docker", True, f"engine {version}", needed=False)
