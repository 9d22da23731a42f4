"""Toxiproxy 2.12's HTTP API, without sockets: method, path and body in, status and value out.

Paths, status codes, key names, default names, error texts and toxics' order are Toxiproxy's own."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from chaoskit.proxy import addresses, decode
from chaoskit.proxy.decode import BadBody, Json
from chaoskit.proxy.proxies import Proxy
from chaoskit.proxy.toxics import TYPES, Toxic

VERSION = "2.12.0"
"""The version of the API that we speak."""


@dataclass(frozen=True)
class Answer:
    """A status and a JSON value (None: no body)."""

    status: int
    value: object = None
    routed: bool = True
    """Whether path and method are the API's: only then Toxiproxy adds its header."""
    location: str = ""


class Refused(Exception):  # noqa: N818
    """An error of the API, in its own words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.answer = Answer(status, {"error": text, "status": status})


Handler = Callable[[list[str], bytes], Answer]


class Api:
    """make: a new, disabled proxy of that name, upstream and listen address."""

    def __init__(self, make: Callable[[str, str, str], Proxy]) -> None:
        self.proxies: dict[str, Proxy] = {}
        self._make = make

    def handle(self, method: str, path: str, body: bytes, browser: bool = False) -> Answer:
        """Do one request; nothing for a browser. Never raises for what a client can send."""
        words = _words(path)
        if isinstance(words, Answer):
            return words
        handlers = self._route(words)
        if handlers is None or "" in words:
            return Answer(404, routed=False)
        if method not in handlers:
            return Answer(405, routed=False)
        if browser:
            return Answer(403)
        try:
            return handlers[method](words, body)
        except BadBody as error:
            return Refused(400, f"bad request body: {error}").answer
        except Refused as error:
            return error.answer

    def _route(self, words: list[str]) -> dict[str, Handler] | None:
        match words:
            case ["proxies"]:
                return {"GET": self._list, "POST": self._create}
            case ["populate"]:
                return {"POST": self._populate}
            case ["reset"]:
                return {"POST": self._reset}
            case ["version"]:
                return {"GET": lambda _words, _body: Answer(200, {"version": VERSION})}
            case ["proxies", _]:
                return {"GET": self._show, "POST": self._update, "PATCH": self._update, "DELETE": self._delete}
            case ["proxies", _, "toxics"]:
                return {"GET": self._toxics, "POST": self._add_toxic}
            case ["proxies", _, "toxics", _]:
                change = self._change_toxic
                return {"GET": self._show_toxic, "POST": change, "PATCH": change, "DELETE": self._remove_toxic}
        return None

    # ------------------------------------------------------------ proxies

    def _list(self, _words: list[str], _body: bytes) -> Answer:
        return Answer(200, {name: self.proxies[name].shape() for name in sorted(self.proxies)})

    def _create(self, _words: list[str], body: bytes) -> Answer:
        wanted = decode.proxy(decode.decode(body))
        _require(wanted, "")
        if wanted["name"] in self.proxies:
            raise Refused(409, "proxy already exists")
        return Answer(201, self._add(wanted).shape())

    def _add(self, wanted: Json) -> Proxy:
        proxy = self._make(wanted["name"], wanted["upstream"], wanted.get("listen", ""))
        if wanted.get("enabled", True):
            _start(proxy)
        self.proxies[proxy.name] = proxy
        return proxy

    def _populate(self, _words: list[str], body: bytes) -> Answer:
        """Whatever the error, the answer lists the proxies that are done; null when there are none."""
        done: list[Json] = []
        try:
            for entry in _population(body):
                done.append(self._add_or_keep(entry).shape())
        except (BadBody, Refused) as error:
            answer = error.answer if isinstance(error, Refused) else Refused(400, f"bad request body: {error}").answer
            assert isinstance(answer.value, dict)
            return Answer(answer.status, {**answer.value, "proxies": done or None})
        return Answer(201, {"proxies": done or None})

    def _add_or_keep(self, wanted: Json) -> Proxy:
        proxy = self.proxies.get(wanted["name"])
        if proxy is not None:
            if not _differs(proxy, {"listen": "", **wanted}):
                return proxy
            proxy.stop()
        return self._add(wanted)

    def _show(self, words: list[str], _body: bytes) -> Answer:
        return Answer(200, self._proxy(words).shape())

    def _update(self, words: list[str], body: bytes) -> Answer:
        """Ours beside Toxiproxy's keys: `"connections": "keep"` leaves open connections alone on disabling."""
        proxy, wanted = self._proxy(words), decode.proxy(decode.decode(body))
        enabled = wanted.get("enabled", proxy.enabled)
        if _differs(proxy, wanted):
            proxy.stop()
            proxy.move(wanted.get("listen", proxy.listen), wanted.get("upstream", proxy.upstream))
        if enabled:
            _start(proxy)
        elif proxy.enabled:
            proxy.stop(keep_connections=wanted.get("connections") == "keep")
        return Answer(200, proxy.shape())

    def _delete(self, words: list[str], _body: bytes) -> Answer:
        self._proxy(words).stop()
        del self.proxies[words[1]]
        return Answer(204)

    def _reset(self, _words: list[str], _body: bytes) -> Answer:
        for proxy in self.proxies.values():
            _start(proxy)
            for toxic in list(proxy.toxics):
                proxy.remove_toxic(toxic)
        return Answer(204)

    def _proxy(self, words: list[str]) -> Proxy:
        if words[1] not in self.proxies:
            raise Refused(404, "proxy not found")
        return self.proxies[words[1]]

    # ------------------------------------------------------------ toxics

    def _toxics(self, words: list[str], _body: bytes) -> Answer:
        return Answer(200, [toxic.shape() for toxic in self._proxy(words).ordered_toxics()])

    def _add_toxic(self, words: list[str], body: bytes) -> Answer:
        proxy, wanted = self._proxy(words), decode.toxic(decode.decode(body))
        stream, kind = wanted.get("stream", "downstream"), wanted.get("type", "")
        if stream.lower() not in ("upstream", "downstream"):
            raise Refused(400, "stream was invalid, can be either upstream or downstream")
        name = wanted.get("name") or f"{kind}_{stream}"
        if kind not in TYPES:
            raise Refused(400, "invalid toxic type")
        if any(toxic.name == name for toxic in proxy.toxics):
            raise Refused(409, "toxic already exists")
        attributes = decode.integers(wanted["attributes"], TYPES[kind])
        toxic = Toxic(name, kind, stream, wanted.get("toxicity", 1), attributes)
        proxy.add_toxic(toxic)
        return Answer(200, toxic.shape())

    def _show_toxic(self, words: list[str], _body: bytes) -> Answer:
        return Answer(200, self._toxic(words)[1].shape())

    def _change_toxic(self, words: list[str], body: bytes) -> Answer:
        """All of it or, where something is wrong, nothing (Toxiproxy may do half)."""
        proxy, toxic = self._toxic(words)
        wanted = decode.toxic(decode.decode(body))
        toxic.attributes |= decode.integers(wanted["attributes"], TYPES[toxic.kind])
        toxic.toxicity = wanted.get("toxicity", toxic.toxicity)
        proxy.changed_toxic(toxic)
        return Answer(200, toxic.shape())

    def _remove_toxic(self, words: list[str], _body: bytes) -> Answer:
        proxy, toxic = self._toxic(words)
        proxy.remove_toxic(toxic)
        return Answer(204)

    def _toxic(self, words: list[str]) -> tuple[Proxy, Toxic]:
        proxy = self._proxy(words)
        for toxic in proxy.toxics:
            if toxic.name == words[3]:
                return proxy, toxic
        raise Refused(404, "toxic not found")


def _words(path: str) -> list[str] | Answer:
    """The path's parts; where it is not clean (`//proxies`), the way to the clean one, as Go's router answers."""
    path = unquote(path.split("?", maxsplit=1)[0])
    clean = "/" + posixpath.normpath(path).lstrip("/")
    if path.endswith("/") and clean != "/":
        clean += "/"
    return path[1:].split("/") if clean == path else Answer(301, routed=False, location=clean)


def _population(body: bytes) -> list[Json]:
    """All entries, each checked before the first is made."""
    entries = decode.decode(body)
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise BadBody("json: cannot unmarshal a value that is no array into Go value of type []toxiproxy.Proxy")
    found = [decode.proxy(entry) for entry in entries]
    for number, entry in enumerate(found, 1):
        _require(entry, f" at proxy {number}")
    return found


def _require(wanted: Json, where: str) -> None:
    for key in ("name", "upstream"):
        if not wanted.get(key):
            raise Refused(400, f"missing required field: {key}{where}")


def _start(proxy: Proxy) -> None:
    try:
        proxy.start()
    except OSError as error:
        raise Refused(500, error.strerror or str(error)) from None


def _differs(proxy: Proxy, wanted: Json) -> bool:
    """`localhost:P` and a resolved `127.0.0.1:P` are the same place; port 0 never is."""
    if wanted.get("upstream", proxy.upstream) != proxy.upstream:
        return True
    if proxy.fixed or "listen" not in wanted or wanted["listen"] == proxy.listen:
        return False
    try:
        return addresses.show(addresses.numeric(wanted["listen"])) != proxy.listen
    except ValueError as error:
        raise Refused(500, str(error)) from None
