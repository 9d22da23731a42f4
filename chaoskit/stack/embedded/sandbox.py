"""The host's side of the sandbox: starts the agent, asks it, and sees its end. Standard library only."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaoskit.channel import Channel, Closed
from chaoskit.clock import RunClock
from chaoskit.errors import ChaoskitError, StackBroken, TargetNotReady
from chaoskit.stack.embedded.remedies import explain, gather_facts

DNS_ADDRESS = "198.18.0.1"
AGENT = Path(__file__).with_name("agent.py")
ANSWER_WITHIN = 10.0
AGENT_GONE = "the sandbox's agent is gone"
Answer = tuple[dict[str, Any] | None, list[int]]
"""A message and its descriptors; no message: the agent ended instead."""


@dataclass(frozen=True)
class Layout:
    """What the sandbox is made of.

    addresses: of the dependencies. target_port: kept out of the ephemeral range; None for a target without one.
    """

    addresses: tuple[str, ...]
    target_port: int | None


class Sandbox:
    """A sandbox for one target. `start`, then the rest, then `close`.

    on_exit is called with the exit code of the target (negative: a signal), from the reader thread.
    """

    def __init__(self, layout: Layout, on_exit: Callable[[int], None]) -> None:
        self.layout = layout
        self.notes: list[str] = []
        self.exit_code: int | None = None
        self.pid1 = -1
        self.pidfd = -1
        self._on_exit = on_exit
        self._process: subprocess.Popen[bytes] | None = None
        self._target = -1
        self._answers: dict[int, queue.Queue[Answer]] = {}
        self._exits: dict[int, int] = {}
        self._exited = threading.Condition()
        self._number = 0
        self._lock = threading.Lock()
        self._gone = False
        self._closing = False
        self._lost: list[str] = []

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Make the namespaces. Raises MissingAbility with cause and remedy where the machine refuses."""
        try:
            self._spawn()
        except OSError as error:
            raise explain(error.errno or 0, "fork", gather_facts(os.getuid())) from None
        try:
            self._greet()
        except ChaoskitError:
            self.close(ANSWER_WITHIN)
            raise
        threading.Thread(target=self._read, name="from-sandbox", daemon=True).start()

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._channel = Channel(ours)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(AGENT), str(theirs.fileno()), str(os.getpid())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _greet(self) -> None:
        """Send the layout; take the answer of PID 1 and its pidfd."""
        try:
            self._channel.send(json.dumps(self._description()).encode())
            if not select.select([self._channel], [], [], ANSWER_WITHIN)[0]:
                raise StackBroken(f"the sandbox was not up after {ANSWER_WITHIN:g} s")
            frame, descriptors = self._channel.receive()
        except Closed:
            raise StackBroken("the sandbox's agent ended at its start") from None
        answer = json.loads(frame)
        if "error" in answer:
            raise explain(answer["error"], answer["call"], gather_facts(os.getuid()))
        self.notes = answer["notes"]
        (self.pidfd,) = descriptors
        self.pid1 = _host_pid(self.pidfd)

    def close(self, deadline: float) -> bool:
        """End everything inside; False when it is still there after `deadline` seconds."""
        self._closing = True
        if self._process is None:
            return True
        # Shut down, not merely closed: the reader thread still holds the socket in its receive.
        try:
            self._channel.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        try:
            self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            self._process.kill()
            try:
                self._process.wait(deadline)
            except subprocess.TimeoutExpired:
                return False
        gone = self.pidfd < 0 or bool(select.select([self.pidfd], [], [], deadline)[0])
        self._channel.close()
        if gone:
            self._process = None
            if self.pidfd >= 0:
                os.close(self.pidfd)
                self.pidfd = -1
        return gone

    def _description(self) -> dict[str, Any]:
        # Any folder of the host serves as a mount point; what is mounted there exists in the sandbox alone.
        return {
            "addresses": [DNS_ADDRESS, *self.layout.addresses],
            "port": self.layout.target_port,
            "hide": private_sockets(os.environ, os.getuid()),
            "scratch": tempfile.gettempdir(),
            "etc": {
                "resolv.conf": f"nameserver {DNS_ADDRESS}\n",
                # The machine's own name too: Java and others look it up at their start.
                "hosts": f"127.0.0.1 localhost {os.uname().nodename}\n::1 localhost\n",
                "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
            },
        }

    def trouble(self) -> str | None:
        """Why the target is no longer in a sandbox as we made it; None while all is well, and after `close`."""
        if self._closing:
            return None
        if self._gone:
            return "the sandbox's agent ended, and the target with it"
        if self._lost:
            names = ", ".join(self._lost)
            return f"something on this machine replaced {names}: the target may have used the host's DNS server"
        return None

    # ------------------------------------------------------------ sockets

    def listen(self, kind: str, ip: str, port: int) -> socket.socket:
        """A bound socket inside (`udp`, or `tcp` and listening), usable from out here."""
        _, (descriptor,) = self._ask("listen", kind=kind, ip=ip, port=port)
        return socket.socket(fileno=descriptor)

    def syn_socket(self) -> socket.socket:
        """The packet socket that sees the SYNs to the dependencies."""
        _, (descriptor,) = self._ask("syn")
        return socket.socket(fileno=descriptor)

    def listening(self, port: int) -> str | None:
        """The address at which something inside listens on a port, or None; without touching it.

        Read from /proc/PID/net: state 0A is LISTEN (`man 5 proc_pid_net`)."""
        for family, loopback in (("tcp", "127.0.0.1"), ("tcp6", "::1")):
            for address in _listeners(self.pid1, family, port):
                return loopback if set(address) <= {"0"} else _text(address)
        return None

    # ------------------------------------------------------------ processes

    def launch(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, output: int) -> None:
        """Start the target; its output goes to the descriptor. Raises TargetNotReady when it cannot be executed."""
        try:
            pid = self._start(argv, env, cwd, output)
        except OSError as error:
            raise TargetNotReady(
                f"the target's command cannot be started: {error.filename}: {error.strerror}"
            ) from None
        with self._exited:
            self._target = pid
            code = self._exits.pop(pid, None)
        if code is not None:  # it ended before we knew its number
            self._ended(pid, code)

    def run(self, argv: Sequence[str], env: Mapping[str, str], deadline: float) -> tuple[int, str]:
        """Run a short program inside and return its exit code and output. Raises StackBroken when it takes longer."""
        read, write = os.pipe2(os.O_CLOEXEC)
        try:
            pid = self._start(argv, env, Path("/"), write)
        finally:
            os.close(write)
        try:
            output = self._drain(read, deadline)
        finally:
            os.close(read)
        with self._exited:
            ended = self._exited.wait_for(lambda: pid in self._exits or self._gone, deadline)
            if output is None or not ended or pid not in self._exits:
                raise StackBroken(f"{argv[0]} inside the sandbox did not end within {deadline:g} s")
            return self._exits.pop(pid), output.decode(errors="replace")

    def _drain(self, descriptor: int, deadline: float) -> bytes | None:
        """All that is written to a pipe until its end; None when that does not come within `deadline` seconds."""
        clock = RunClock()
        output = b""
        while select.select([descriptor], [], [], max(0.0, deadline - clock.now()))[0]:
            if not (data := os.read(descriptor, 65536)):
                return output
            output += data
        return None

    def terminate(self, grace: float) -> None:
        """SIGTERM to the target, `grace` seconds, then SIGKILL to everything inside."""
        if self._gone or self._process is None:
            return
        try:
            if self._target > 0 and self.exit_code is None:
                self._ask("signal", pid=self._target, signal=signal.SIGTERM)
                with self._exited:
                    self._exited.wait_for(lambda: self.exit_code is not None or self._gone, grace)
            clock = RunClock()
            while not self._ask("signal", pid=-1, signal=signal.SIGKILL)[0]["none"] and clock.now() < ANSWER_WITHIN:
                clock.sleep(0.002)
        except (StackBroken, OSError):
            pass  # gone already; `close` tells

    def _start(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, output: int) -> int:
        answer, _ = self._ask("start", [output], argv=list(argv), env=dict(env), cwd=str(cwd))
        pid: int = answer["pid"]
        return pid

    # ------------------------------------------------------------ talk

    def _ask(self, do: str, descriptors: list[int] | None = None, **arguments: Any) -> tuple[dict[str, Any], list[int]]:
        answer: queue.Queue[Answer] = queue.Queue()
        with self._lock:
            self._number += 1
            number = self._number
            self._answers[number] = answer
            try:
                self._channel.send(json.dumps({"id": number, "do": do, **arguments}).encode(), descriptors)
            except (Closed, OSError):
                raise StackBroken(AGENT_GONE) from None
            if self._gone:
                raise StackBroken(AGENT_GONE)
        try:
            message, received = answer.get(timeout=ANSWER_WITHIN)
        except queue.Empty:
            raise StackBroken(f"the sandbox's agent does not answer ({do})") from None
        finally:
            self._answers.pop(number, None)
        if message is None:
            raise StackBroken(AGENT_GONE)
        if "error" in message:
            raise OSError(message["error"], message["text"], message["call"])
        return message, received

    def _read(self) -> None:
        try:
            while True:
                frame, descriptors = self._channel.receive()
                self._take(json.loads(frame), descriptors)
        except (Closed, OSError):
            pass
        with self._exited:
            self._gone = True
            self._exited.notify_all()
        for answer in list(self._answers.values()):
            answer.put((None, []))

    def _take(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if message.get("event") == "exit":
            self._ended(message["pid"], message["code"])
        elif message.get("event") == "mounts":
            self._lost = message["lost"]
        elif answer := self._answers.get(message.get("id", -1)):
            answer.put((message, descriptors))
        else:  # nobody waits for it any more
            for descriptor in descriptors:
                os.close(descriptor)

    def _ended(self, pid: int, code: int) -> None:
        with self._exited:
            if pid == self._target:
                self.exit_code = code
            else:
                self._exits[pid] = code
            self._exited.notify_all()
        if pid == self._target:
            self._on_exit(code)


def private_sockets(host: Mapping[str, str], uid: int) -> list[str]:
    """Where this user's own sockets are: the runtime folder, the ssh-agent's, a container engine's."""
    runtime = host.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"
    engines = [host.get(name, "") for name in ("DOCKER_HOST", "CONTAINER_HOST")]
    sockets = [host.get("SSH_AUTH_SOCK", ""), *(engine.removeprefix("unix://") for engine in engines)]
    return [path for path in (runtime, *sockets) if path.startswith("/")]


def _host_pid(pidfd: int) -> int:
    """The process id, as the host sees it, of a pidfd (`man 2 pidfd_open`, fdinfo)."""
    text = Path(f"/proc/self/fdinfo/{pidfd}").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("Pid:")))


def _listeners(pid: int, family: str, port: int) -> list[str]:
    """Hex addresses listening on a port, in the network of a process."""
    try:
        lines = Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]
    except OSError:
        return []
    found = []
    for line in lines:
        words = line.split()
        address, _, number = words[1].partition(":")
        if words[3] == "0A" and int(number, 16) == port:
            found.append(address)
    return found


def _text(address: str) -> str:
    """The kernel's hex address (32-bit words in host order) as text."""
    raw = b"".join(bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
