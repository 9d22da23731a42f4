"""The only module that knows the toxiproxy-python client: locked, with timeouts, with statuses checked.

The client (0.1.1) keeps its server's address on the class, sends requests without a timeout, takes a failed delete
for a `False` and a full server for a KeyError; all of that ends here."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from toxiproxy import Toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from chaoskit.errors import StackBroken

_LOCK = threading.Lock()


class ToxiproxyClient:
    """One Toxiproxy server (ours or a real one). timeout: seconds per request. Errors are StackBroken."""

    def __init__(self, host: str, port: int, timeout: float = 5.0) -> None:
        self._host, self._port, self._timeout = host, port, timeout

    def create(self, name: str, upstream: str, listen: str | None = None, enabled: bool = True) -> str:
        """A proxy; returns the address it listens on."""
        with self._server() as server:
            return str(server.create(upstream=upstream, name=name, listen=listen, enabled=enabled).listen)

    def add_toxic(
        self, proxy: str, name: str, kind: str, stream: str, attributes: dict[str, int], toxicity: float = 1.0
    ) -> None:
        """Add a toxic to a proxy."""
        with self._server() as server:
            self._proxy(server, proxy).add_toxic(
                type=kind, stream=stream, name=name, toxicity=toxicity, attributes=attributes
            )

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Remove a toxic; one that is not there is no error."""
        with self._server() as server:
            found = self._proxy(server, proxy)
            if found.get_toxic(name) is not None:
                found.destroy_toxic(name)

    def disable(self, proxy: str, keep_connections: bool = False) -> None:
        """Refuse new connections. keep_connections: leave the open ones alone (our proxy's extension)."""
        body: dict[str, object] = {"enabled": False}
        if keep_connections:
            body["connections"] = "keep"
        with self._server():
            APIConsumer.post(f"/proxies/{proxy}", json=body)

    def enable(self, proxy: str) -> None:
        """Accept connections again."""
        with self._server() as server:
            self._proxy(server, proxy).enable()

    def _proxy(self, server: Toxiproxy, name: str) -> Any:
        found = server.get_proxy(name)
        if found is None:
            raise StackBroken(f"toxiproxy has no proxy {name!r}")
        return found

    @contextmanager
    def _server(self) -> Iterator[Toxiproxy]:
        """The client, aimed at our server for this while; foreign errors become ours."""
        with _LOCK, _checked(self._timeout):
            server = Toxiproxy()
            server.update_api_consumer(self._host, self._port)
            try:
                yield server
            except (requests.RequestException, InvalidToxic, NotFound, ProxyExists, KeyError, ValueError) as error:
                raise StackBroken(f"toxiproxy at {self._host}:{self._port}: {_text(error)}") from None


@contextmanager
def _checked(timeout: float) -> Iterator[None]:
    """Give the client's module a `requests` whose calls have a timeout and whose 5xx raise; under the lock."""
    import toxiproxy.api as client

    original = client.requests
    client.requests = _Checked(timeout)
    try:
        yield
    finally:
        client.requests = original


def _text(error: Exception) -> str:
    """The client's own exceptions carry the answer's bytes: Toxiproxy's `{"error": text, "status": number}`."""
    if not (error.args and isinstance(error.args[0], bytes)):
        return str(error)
    text = error.args[0].decode(errors="replace").strip()
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text


class _Checked:
    """What the client uses of requests."""

    def __init__(self, timeout: float) -> None:
        self.get, self.post, self.delete = (
            functools.partial(_request, method, timeout) for method in ("GET", "POST", "DELETE")
        )


def _request(method: str, timeout: float, url: str, **arguments: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the environment is not for loopback
        response = session.request(method, url, timeout=timeout, **arguments)
    if response.status_code >= 500:
        raise requests.HTTPError(f"{response.status_code}: {response.text.strip()}")
    return response
