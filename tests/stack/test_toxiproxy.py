"""The client: what the toxiproxy package gets wrong, put right, against our own server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from chaoskit.clock import RunClock
from chaoskit.errors import StackBroken
from chaoskit.stack.process import PartProcess
from chaoskit.stack.toxiproxy import ToxiproxyClient
from chaoskit.wire import ProxySettings, Status


@contextmanager
def serving(folder: Path) -> Iterator[tuple[PartProcess, ToxiproxyClient]]:
    """A proxy part and a client of it."""
    part = PartProcess("proxy", RunClock(), lambda _records: None, folder / "proxy.log")
    with socket.create_server(("127.0.0.1", 0)) as api:
        part.start(ProxySettings(1), {"api": api})
        part.wait_ready()
        yield part, ToxiproxyClient(*api.getsockname())
        part.stop()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[PartProcess, ToxiproxyClient]]:
    with serving(tmp_path) as both:
        yield both


def test_a_toxic_can_be_there_before_the_first_connection(served: tuple[PartProcess, ToxiproxyClient]) -> None:
    """Created disabled, given its toxic, enabled; undoing is idempotent."""
    part, client = served
    client.create("a", "127.0.0.1:1", enabled=False)
    client.add_toxic("a", "f.1:net.latency", "latency", "downstream", {"latency": 5})
    assert part.ask(Status()) == ("down:a", "f.1:net.latency")
    client.enable("a")
    client.enable("a")
    client.remove_toxic("a", "f.1:net.latency")
    client.remove_toxic("a", "f.1:net.latency")
    assert part.ask(Status()) == ()


def test_errors_are_ours_with_toxiproxys_words(served: tuple[PartProcess, ToxiproxyClient]) -> None:
    """409, 400, 404 and 500 alike; not bytes, not a KeyError."""
    _, client = served
    listen = client.create("a", "127.0.0.1:1")
    client.add_toxic("a", "t", "noop", "upstream", {})
    for text, call in (
        ("already in use", lambda: client.create("b", "127.0.0.1:1", listen)),
        ("proxy already exists", lambda: client.create("a", "127.0.0.1:1")),
        ("toxic already exists", lambda: client.add_toxic("a", "t", "noop", "upstream", {})),
        ("invalid toxic type", lambda: client.add_toxic("a", "u", "nope", "upstream", {})),
        ("no proxy 'z'", lambda: client.enable("z")),
        ("no proxy 'z'", lambda: client.remove_toxic("z", "t")),
        ("proxy not found", lambda: client.disable("z")),
    ):
        with pytest.raises(StackBroken, match=text) as caught:
            call()
        assert "b'" not in str(caught.value)


def test_two_servers_at_once_from_two_threads(tmp_path: Path) -> None:
    """The package keeps one address for all; the lock keeps them apart."""
    with ExitStack() as stack:
        folders = [tmp_path / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
        both = [stack.enter_context(serving(folder)) for folder in folders]
        names = ("one", "two")

        def work(client: ToxiproxyClient, name: str) -> None:
            client.create(name, "127.0.0.1:1")
            for number in range(20):
                client.add_toxic(name, f"{name}{number}", "noop", "downstream", {})

        threads = [
            threading.Thread(target=work, args=(client, name)) for (_, client), name in zip(both, names, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for (part, _), name in zip(both, names, strict=True):
            assert part.ask(Status()) == tuple(sorted(f"{name}{number}" for number in range(20)))


def test_an_environments_proxy_is_not_for_loopback(
    served: tuple[PartProcess, ToxiproxyClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    served[1].create("a", "127.0.0.1:1")


def test_a_server_that_says_nothing_is_an_error_with_its_address() -> None:
    """No hang, no foreign exception: it accepts and is silent, or it is not there."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(StackBroken, match=str(port)):
            ToxiproxyClient("127.0.0.1", port, timeout=0.2).disable("a")
    with pytest.raises(StackBroken, match=str(port)):
        ToxiproxyClient("127.0.0.1", port, timeout=1).enable("a")
