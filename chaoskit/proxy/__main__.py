"""The proxy as a part: sockets `api`, `listen:NAME`, and optionally `syn`."""

from __future__ import annotations

import socket

from chaoskit.part import FLUSH_EVERY, Part, run_part
from chaoskit.proxy.api import Api
from chaoskit.proxy.http import serve_api
from chaoskit.proxy.link import Shared
from chaoskit.proxy.loop import IN, Loop
from chaoskit.proxy.pair import Event, Pair
from chaoskit.proxy.proxies import Proxy
from chaoskit.proxy.syns import read_syn
from chaoskit.records import Connection, Touched
from chaoskit.wire import Command, Cut, Drain, Flush, ProxySettings, Status, Stop


class Program:
    """Joins the loop, the API, the channel and the records."""

    def __init__(self, part: Part) -> None:
        assert isinstance(part.settings, ProxySettings)
        self.part, self.settings = part, part.settings
        self.loop = Loop(part.clock)
        self.shared = Shared(self.loop)
        self.handed = {
            name.removeprefix("listen:"): part.take(name)
            for name in list(part.descriptors)
            if name.startswith("listen:")
        }
        self.api = Api(self._make)

    def run(self) -> None:
        """Until Stop."""
        part = self.part
        serve_api(part.take("api"), self.loop, self.api)
        self.loop.watch(part.channel.fileno(), IN, self._command)
        if "syn" in part.descriptors:
            sock = part.take("syn")
            sock.setblocking(False)
            self.loop.watch(sock.fileno(), IN, lambda _events: self._syns(sock))
        self._tick()
        part.ready()
        self.loop.run()

    def _make(self, name: str, upstream: str, listen: str) -> Proxy:
        proxy = Proxy(self.shared, name, upstream, self.settings.seed, self.handed.get(name))
        proxy.move(listen, upstream)
        proxy.emit = self._connection
        return proxy

    # ------------------------------------------------------------ records

    def _connection(self, proxy: Proxy, pair: Pair, event: Event, cause: str) -> None:
        now = self.part.clock.now()
        self.part.emit(
            Connection(now, proxy.name, pair.number, event, cause, pair.client_port, pair.bytes_up, pair.bytes_down)
        )

    def _syns(self, sock: socket.socket) -> None:
        while True:
            try:
                seen = read_syn(sock.recv(128))
            except OSError:
                return  # no more; or the interface has gone, with the sandbox
            if seen and (name := self.settings.syn_addresses.get(seen[0])):
                self.part.emit(Connection(self.part.clock.now(), name, 0, "syn", "", seen[1], 0, 0))

    def _tick(self) -> None:
        self._touched()
        self.part.tick()
        self.loop.at(self.part.clock.now() + FLUSH_EVERY, self._tick)

    def _touched(self) -> None:
        for proxy in self.api.proxies.values():
            for name in {name for name, _ in proxy.touched}:
                count, size = proxy.touched[name, "count"], proxy.touched[name, "bytes"]
                self.part.emit(Touched(self.part.clock.now(), name, proxy.name, count, size))
            proxy.touched.clear()

    # ------------------------------------------------------------ commands

    def _command(self, _events: int) -> None:
        command = self.part.next_command()
        try:
            self.part.done(command, self._do(command))
        except KeyError as error:
            self.part.done(command, error=f"no proxy {error}")

    def _do(self, command: Command) -> tuple[str, ...] | None:
        match command.do:
            case Drain(dependency, idle, deadline):
                self.api.proxies[dependency].drain(idle, deadline)
            case Cut(dependency):
                self.api.proxies[dependency].end_all("cut", reset=True)
            case Status():
                return self._in_force()
            case Flush():
                self._flush()
            case Stop():
                for proxy in self.api.proxies.values():
                    proxy.end_all("stop")
                self._flush()
                self.loop.running = False
        return None

    def _in_force(self) -> tuple[str, ...]:
        proxies = self.api.proxies.values()
        down = [f"down:{proxy.name}" for proxy in proxies if not proxy.enabled]
        return tuple(sorted({*down, *(toxic.name for proxy in proxies for toxic in proxy.toxics)}))

    def _flush(self) -> None:
        self._touched()
        self.part.flush()


if __name__ == "__main__":
    run_part(lambda part: Program(part).run())
