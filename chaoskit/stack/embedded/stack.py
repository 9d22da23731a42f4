"""The embedded stack: all parts side by side, then the target in its sandbox.

        inside the sandbox                |            outside
target (T) ── veth ── :53 (D) ────────────┼─> dns server
                  ── 198.18.0.10:443 (D) ─┼─> proxy (Toxiproxy API) ─> gateway (TLS, call log) ─> emulator
       <── load worker (host process that entered T's network)
published port <── relay ─────────────────┼── 127.0.0.1:N on the host, for people and tests
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from chaoskit.clock import RunClock
from chaoskit.errors import StackBroken
from chaoskit.experiment.models import AwsDependency, Experiment, TcpDependency
from chaoskit.faults import Levers
from chaoskit.records import TargetEvent, TargetMoment
from chaoskit.stack.aws import endpoint_names
from chaoskit.stack.base import Check
from chaoskit.stack.certificates import make
from chaoskit.stack.embedded.environment import target_environment, write_bundle
from chaoskit.stack.embedded.levers import EmbeddedLevers
from chaoskit.stack.embedded.readiness import probe, wait_target
from chaoskit.stack.embedded.sandbox import DNS_ADDRESS, Layout, Sandbox
from chaoskit.stack.process import OnRecords, PartProcess
from chaoskit.stack.setup import run_setup
from chaoskit.stack.toxiproxy import ToxiproxyClient
from chaoskit.wire import (
    AnySettings,
    AwsFront,
    DnsSettings,
    EmulatorFront,
    EmulatorSettings,
    Flush,
    GatewaySettings,
    LoadSettings,
    NameGroup,
    ProxySettings,
    RelaySettings,
)

LOOPBACK = "127.0.0.1"
PARTS_READY_WITHIN = 20.0
"""Seconds; a slow, busy machine needs about two."""
PRIMARY_PORT = 443


class EmbeddedStack:
    """One run's stack. `start` once, `close` always; both from the thread that made it."""

    def __init__(
        self, experiment: Experiment, seed: int, span: float, clock: RunClock, folder: Path, on_records: OnRecords
    ) -> None:
        self._experiment = experiment
        self._seed = seed
        self._span = span
        self._clock = clock
        self._folder = folder
        self._on_records = on_records
        self._parts: dict[str, PartProcess] = {}
        self._closing = False
        self._dead: list[str] = []
        self._sandbox: Sandbox | None = None
        self._levers: EmbeddedLevers | None = None
        self._log_fd = -1
        self.notes: list[str] = []
        self.published = ""
        self.host = LOOPBACK
        self._aws = tuple(d for d in experiment.dependencies if isinstance(d, AwsDependency))
        self._tcp = tuple(d for d in experiment.dependencies if isinstance(d, TcpDependency))
        self._emulator_addresses: dict[str, str] = {}
        self._gateway_addresses: dict[str, str] = {}
        self._addresses = {d.name: f"198.18.0.{10 + i}" for i, d in enumerate(experiment.dependencies)}

    # ------------------------------------------------------------ life

    def start(self, check: Check) -> None:
        """Start everything; see `Stack.start`."""
        run_setup(self._experiment.target, check)
        check()
        self._start_emulators()
        sandbox = self._start_sandbox()
        certificates = make(self._certificate_names()) if self._aws else None
        if certificates is not None:
            write_bundle(self._folder / "ca.pem", certificates.ca_pem)
        self._start_dns(sandbox)
        api = self._start_proxy(sandbox)
        if certificates is not None:
            self._start_gateway(certificates.server)
        self._start_relay(sandbox)
        self._await_parts(check)
        self._create_proxies(api)
        probe(sandbox, self._probes(), check)
        self._start_load(sandbox)
        self._start_target(sandbox, check)
        self.load.wait_ready(PARTS_READY_WITHIN, check)

    def flush(self) -> None:
        """Have every part send the records that wait."""
        for name in ("load", "dns", "proxy", "gateway"):
            if name in self._parts:
                self._parts[name].ask(Flush())

    def trouble(self) -> str | None:
        """Why the stack is broken; None while all is well."""
        sandbox = self._sandbox.trouble() if self._sandbox is not None else None
        return "; ".join([*self._dead, *([sandbox] if sandbox else [])]) or None

    def close(self) -> tuple[str, ...]:
        """End load, relay, target, sandbox and the outer parts, in this order; returns what is left."""
        self._closing = True
        for name in ("load", "relay"):
            self._end(name)
        if self._sandbox is not None:
            self._sandbox.terminate(1.0)
        for name in ("proxy", "gateway", "dns", *self._emulators()):
            self._end(name)
        left = []
        if self._sandbox is not None and not self._sandbox.close(5.0):
            left.append(f"sandbox, process {self._sandbox.pid1}")
        if self._log_fd >= 0:
            os.close(self._log_fd)
            self._log_fd = -1
        return tuple(left)

    @property
    def levers(self) -> Levers:
        """Through which faults act; there once it has started."""
        assert self._levers is not None
        return self._levers

    @property
    def load(self) -> PartProcess:
        """The load worker."""
        return self._parts["load"]

    # ------------------------------------------------------------ parts

    def _launch(
        self, name: str, settings: AnySettings, sockets: Mapping[str, socket.socket | int], of: str = ""
    ) -> PartProcess:
        """Start a part, then close our copies of its sockets: a dead part must mean a closed port."""
        key = f"{name}-{of}" if of else name
        part = PartProcess(name, self._clock, self._on_records, self._folder / f"{key}.log", self._ended)
        self._parts[key] = part
        part.start(settings, sockets)
        for sock in sockets.values():
            if isinstance(sock, socket.socket):
                sock.close()
        return part

    def _ended(self, part: PartProcess) -> None:
        if not self._closing:
            self._dead.append(part.epitaph())

    def _end(self, name: str) -> None:
        if part := self._parts.pop(name, None):
            part.stop()

    def _await_parts(self, check: Check) -> None:
        for part in list(self._parts.values()):
            part.wait_ready(PARTS_READY_WITHIN, check)

    def _emulators(self) -> tuple[str, ...]:
        return tuple(name for name in self._parts if name.startswith("emulator-"))

    def _start_emulators(self) -> None:
        """One process per AWS dependency: two regions do not share their tables, nor each other's load."""
        for dependency in self._aws:
            listener = _listen()
            self._emulator_addresses[dependency.name] = _address(listener)
            sockets = {"tcp": listener, "unix": unix_listener(self._folder, _socket_name(dependency.name))}
            settings = EmulatorSettings(dependency.region, dependency.tables)
            self._launch("emulator", settings, sockets, of=dependency.name)

    def _start_sandbox(self) -> Sandbox:
        layout = Layout(tuple(self._addresses.values()), self._experiment.target.port)
        self._sandbox = Sandbox(layout, self._target_exited)
        self._sandbox.start()
        self.notes += self._sandbox.notes
        return self._sandbox

    def _start_dns(self, sandbox: Sandbox) -> None:
        groups = tuple(
            NameGroup(d.name, self._names(d), self._addresses[d.name], max(1, round(d.ttl)))
            for d in self._experiment.dependencies
        )
        sockets = {kind: sandbox.listen(kind, DNS_ADDRESS, 53) for kind in ("udp", "tcp")}
        self._launch("dns", DnsSettings(groups), sockets)

    def _names(self, dependency: AwsDependency | TcpDependency) -> tuple[str, ...]:
        if isinstance(dependency, AwsDependency):
            return endpoint_names(dependency.service, dependency.region)
        return (dependency.host.lower(),)

    def _certificate_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for d in self._aws for name in self._names(d)))

    def _ports(self) -> dict[str, int]:
        return {d.name: PRIMARY_PORT if isinstance(d, AwsDependency) else d.port for d in self._experiment.dependencies}

    def _start_proxy(self, sandbox: Sandbox) -> tuple[str, int]:
        api = _listen()
        host, port = api.getsockname()
        ports = self._ports()
        sockets: dict[str, socket.socket | int] = {"api": api, "syn": sandbox.syn_socket()}
        for name, ip in self._addresses.items():
            sockets[f"listen:{name}"] = sandbox.listen("tcp", ip, ports[name])
        seen = {f"{ip}:{ports[name]}": name for name, ip in self._addresses.items()}
        self._launch("proxy", ProxySettings(self._seed, seen), sockets)
        return host, port

    def _start_gateway(self, certificate: int) -> None:
        listeners = {d.name: _listen() for d in self._aws}
        self._gateway_addresses = {name: _address(listener) for name, listener in listeners.items()}
        fronts = tuple(AwsFront(d.name, d.service, d.region, self._emulator_addresses[d.name]) for d in self._aws)
        sockets: dict[str, socket.socket | int] = {f"listen:{name}": sock for name, sock in listeners.items()}
        self._launch("gateway", GatewaySettings(fronts), {**sockets, "certificate": certificate})
        os.close(certificate)

    def _start_relay(self, sandbox: Sandbox) -> None:
        if (port := self._experiment.target.port) is None:
            return
        listener = _listen()
        self.published = _address(listener)
        self._launch("relay", RelaySettings(port), {"listen": listener, "namespace": sandbox.pidfd})

    def _create_proxies(self, api: tuple[str, int]) -> None:
        client = ToxiproxyClient(*api)
        for dependency in self._experiment.dependencies:
            if isinstance(dependency, AwsDependency):
                client.create(dependency.name, self._gateway_addresses[dependency.name])
            else:
                client.create(dependency.name, dependency.upstream)
        http = frozenset(d.name for d in self._aws)
        self._levers = EmbeddedLevers(
            self._parts["dns"], self._parts["proxy"], self._parts.get("gateway"), client, http
        )

    def _probes(self) -> tuple[tuple[str, int], ...]:
        """One name and port of each dependency, for the pre-flight; a TCP upstream must answer on the host, too."""
        for dependency in self._tcp:
            host, _, port = dependency.upstream.rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), 2).close()
            except OSError as error:
                raise StackBroken(
                    f"dependency {dependency.name}: nothing answers at its upstream {dependency.upstream} "
                    f"({error.strerror or error}); start it before the run"
                ) from None
        ports = self._ports()
        names = {d.name: next(n for n in self._names(d) if "*" not in n) for d in self._experiment.dependencies}
        return tuple((names[name], ports[name]) for name in names)

    # ------------------------------------------------------------ target and load

    def _start_target(self, sandbox: Sandbox, check: Check) -> None:
        target = self._experiment.target
        bundle = self._folder / "ca.pem" if self._aws else None
        region = self._aws[0].region if self._aws else None
        venv = target.folder / ".venv"
        scratch = self._folder / "tmp"
        scratch.mkdir()
        env = target_environment(
            os.environ,
            target.env,
            scratch=scratch,
            bundle=bundle,
            venv=venv if venv.is_dir() else None,
            region=region,
        )
        self._log_fd = os.open(self.target_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        sandbox.launch(target.command, env, target.workdir or target.folder, self._log_fd)
        self._note("started", " ".join(target.command))
        self.host = wait_target(sandbox, target, self.published, self.target_log, check)
        self._note("ready", self.published)

    @property
    def target_log(self) -> Path:
        """Where the target's output goes."""
        return self._folder / "target.log"

    def _start_load(self, sandbox: Sandbox) -> None:
        """Beside the target's own start; where it listens is told with `Begin`."""
        emulators = tuple(
            EmulatorFront(d.name, d.service, d.region, str(self._folder / _socket_name(d.name))) for d in self._aws
        )
        port = self._experiment.target.port or 0
        settings = LoadSettings(self._seed, LOOPBACK, port, self._experiment.load, self._span, emulators)
        self._launch("load", settings, {"namespace": sandbox.pidfd})

    def _target_exited(self, code: int) -> None:
        if not self._closing:
            self._note("exited", f"exit code {code}")

    def _note(self, event: TargetMoment, detail: str) -> None:
        self._on_records((TargetEvent(self._clock.now(), event, detail),))


def _listen() -> socket.socket:
    sock = socket.create_server((LOOPBACK, 0), backlog=1024)
    sock.set_inheritable(False)
    return sock


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()
    return f"{host}:{port}"


def _socket_name(dependency: str) -> str:
    return f"emulator-{dependency}.sock"


def unix_listener(folder: Path, name: str) -> socket.socket:
    """A listener at `name` in the folder; by way of /proc, since a socket's path is at most 107 bytes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(f"/proc/self/fd/{descriptor}/{name}")
        sock.listen(256)
    finally:
        os.close(descriptor)
    return sock
