"""Proxies and their toxics: the state behind the API. All of it is touched in the loop's thread only."""

from __future__ import annotations

import errno
import socket
from collections import Counter
from collections.abc import Callable
from functools import partial

from chaoskit.chance import stream
from chaoskit.proxy import addresses
from chaoskit.proxy.link import Shared
from chaoskit.proxy.loop import IN
from chaoskit.proxy.pair import Event, Pair
from chaoskit.proxy.toxics import Stage, Toxic

CONNECT_WITHIN = 10.0
"""Seconds for the upstream to accept; Toxiproxy has no limit here and hangs."""
ACCEPT_AGAIN = 0.05
"""Seconds to wait after EMFILE before the listener is looked at again."""
MOST_ACCEPTED = 32

Emit = Callable[["Proxy", Pair, Event, str], None]


class Proxy:
    """One listener in front of one upstream. handed: a listener that was made elsewhere and cannot be made again."""

    def __init__(self, shared: Shared, name: str, upstream: str, seed: int, handed: socket.socket | None) -> None:
        self.name, self.upstream, self.listen = name, upstream, ""
        self.enabled = False
        self.toxics: list[Toxic] = []
        self.touched: Counter[tuple[str, str]] = Counter()
        self.pairs: set[Pair] = set()
        self.emit: Emit = lambda _proxy, _pair, _event, _cause: None
        self._shared, self._loop, self._seed, self._handed = shared, shared.loop, seed, handed
        self._socket: socket.socket | None = handed
        self._count = 0
        if handed is not None:
            self.listen = addresses.show(handed.getsockname())

    @property
    def fixed(self) -> bool:
        """Its listener was handed in: it cannot listen elsewhere."""
        return self._handed is not None

    def shape(self) -> dict[str, object]:
        """As the API shows it; upstream toxics first, as Toxiproxy does."""
        return {
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "toxics": [toxic.shape() for toxic in self.ordered_toxics()],
        }

    def ordered_toxics(self) -> list[Toxic]:
        """All upstream in chain order, then all downstream."""
        return sorted(self.toxics, key=lambda toxic: toxic.stream.lower() != "upstream")

    # ------------------------------------------------------------ listening

    def start(self) -> None:
        """Accept connections. Raises OSError with Go's text where the address cannot be had."""
        if self.enabled:
            return
        if self._handed is not None:
            self._handed.listen(1024)
        else:
            self._socket = addresses.listen_on(self.listen)
            self.listen = addresses.show(self._socket.getsockname())
        assert self._socket is not None
        self._socket.setblocking(False)
        self.enabled = True
        self._loop.watch(self._socket.fileno(), IN, self._accept)

    def move(self, listen: str, upstream: str) -> None:
        """Other addresses, from the next start on. A handed-in listener stays where it is."""
        self.upstream = upstream
        if self._handed is None:
            self.listen = listen

    def stop(self, keep_connections: bool = False) -> None:
        """Refuse connections; end the open ones unless told to keep them."""
        if self.enabled and self._socket is not None:
            self._loop.forget(self._socket.fileno())
            if self._handed is not None:
                # A listener that is shut down refuses connections and keeps its (explicit) port; `listen` opens it
                # again.
                self._handed.shutdown(socket.SHUT_RDWR)
            else:
                self._socket.close()
                self._socket = None
        self.enabled = False
        if not keep_connections:
            self.end_all("down")

    def end_all(self, cause: str, *, reset: bool = False) -> None:
        """End every open connection."""
        for pair in list(self.pairs):
            pair.end(cause, reset=reset)

    def _accept(self, _events: int) -> None:
        for _ in range(MOST_ACCEPTED):
            if not self.enabled or self._socket is None:
                return
            try:
                client, peer = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._accept_later(error)
                return
            self._open(client, peer[1])

    def _accept_later(self, error: OSError) -> None:
        """Out of descriptors: the listener must live on, and must not spin either."""
        if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM) or self._socket is None:
            return
        listener = self._socket
        self._loop.watch(listener.fileno(), 0, self._accept)

        def again() -> None:
            if self.enabled and self._socket is listener:
                self._loop.watch(listener.fileno(), IN, self._accept)

        self._loop.at(self._loop.clock.now() + ACCEPT_AGAIN, again)

    def _open(self, client: socket.socket, port: int) -> None:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._count += 1
        pair = Pair(self._shared, client, port, self._count, self._told)
        self.pairs.add(pair)
        addresses.find(
            self._loop, self.upstream, lambda address: pair.connect(address, CONNECT_WITHIN, self._set_stages)
        )

    def _told(self, pair: Pair, event: Event, cause: str) -> None:
        if event != "opened":
            self.pairs.discard(pair)
        self.emit(self, pair, event, cause)

    # ------------------------------------------------------------ toxics

    def add_toxic(self, toxic: Toxic) -> None:
        """At the end of the chain, also of open connections."""
        self.toxics.append(toxic)
        for pair in self.pairs:
            self._append_stage(pair, toxic)

    def remove_toxic(self, toxic: Toxic) -> None:
        """What it holds leaves at once, in order; nothing is lost, nothing is waited for."""
        self.toxics.remove(toxic)
        self._change_stages(toxic, keep=False)

    def changed_toxic(self, toxic: Toxic) -> None:
        """Its attributes have changed: what it holds leaves at once, as in Toxiproxy."""
        self._change_stages(toxic, keep=True)

    def _change_stages(self, toxic: Toxic, keep: bool) -> None:
        for pair in list(self.pairs):
            for link in (pair.up, pair.down):
                if link is None:
                    continue
                for stage in [stage for stage in link.stages if stage.toxic is toxic]:
                    stage.flush()
                    if not keep:
                        link.set_stages([other for other in link.stages if other is not stage])
                    stage.drained()

    def _set_stages(self, pair: Pair) -> None:
        for toxic in self.toxics:
            self._append_stage(pair, toxic)

    def _append_stage(self, pair: Pair, toxic: Toxic) -> None:
        link = pair.up if toxic.stream.lower() == "upstream" else pair.down
        if link is not None:
            chance = stream(self._seed, "proxy", self.name, toxic.name, pair.number)
            link.set_stages([*link.stages, Stage(toxic, self._loop, chance, self.touched)])

    # ------------------------------------------------------------ connections

    def drain(self, idle: float | None, deadline: float) -> None:
        """End the connections open now: after `idle` seconds of silence, and in any case after `deadline`."""
        for pair in list(self.pairs):
            self._loop.at(self._loop.clock.now() + deadline, partial(pair.end, "drain"))
            if idle is not None:
                self._drain_when_silent(pair, idle)

    def _drain_when_silent(self, pair: Pair, idle: float) -> None:
        if pair.closed:
            return
        silent_at = pair.last + idle
        if silent_at <= self._loop.clock.now():
            pair.end("drain")
        else:
            self._loop.at(silent_at, lambda: self._drain_when_silent(pair, idle))
