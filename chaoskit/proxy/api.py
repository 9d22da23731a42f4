"""Toxiproxy 2.12's HTTP API, without sockets: method, path and body in, status and value out.

Paths, status codes, key names, default names, error texts and toxics' order are Toxiproxy's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chaoskit.proxy.proxies import Proxy
from chaoskit.proxy.toxics import TYPES, Toxic

VERSION = "2.12.0"
"""The version of the API that we speak."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """A status and a JSON value (None: no body)."""

    status: int
    value: object = None


class Refused(Exception):  # noqa: N818
    """An error of the API, in its own words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.answer = Answer(status, {"error": text, "status": status})


class Api:
    """make: a new, disabled proxy of that name, upstream and listen address."""

    def __init__(self, make: Callable[[str, str, str], Proxy]) -> None:
        self.proxies: dict[str, Proxy] = {}
        self._make = make

    def handle(self, method: str, path: str, body: bytes) -> Answer:
        """Do one request. Never raises for what a client can send."""
        words = path.split("?", maxsplit=1)[0].strip("/").split("/")
        handler = self._route(words)
        if handler is None or path.split("?", maxsplit=1)[0] != "/" + "/".join(words):
            return Answer(404)
        try:
            return handler[method](words, body) if method in handler else Answer(405)
        except Refused as error:
            return error.answer

    def _route(self, words: list[str]) -> dict[str, Callable[[list[str], bytes], Answer]] | None:
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
        wanted = _object(body)
        _require(wanted, "")
        if wanted["name"] in self.proxies:
            raise Refused(409, "proxy already exists")
        return Answer(201, self._add(wanted).shape())

    def _add(self, wanted: Json) -> Proxy:
        proxy = self._make(wanted["name"], wanted["upstream"], _text(wanted, "listen", ""))
        if _boolean(wanted, "enabled", True):
            _start(proxy)
        self.proxies[proxy.name] = proxy
        return proxy

    def _populate(self, _words: list[str], body: bytes) -> Answer:
        entries = _decode(body)
        if entries is None or entries == []:
            return Answer(201, {"proxies": None})
        if not isinstance(entries, list):
            raise Refused(400, "bad request body: json: cannot unmarshal object into Go value of type []server.input")
        wanted = [_fold(entry) for entry in entries]
        for number, entry in enumerate(wanted, 1):
            _require(entry, f" at proxy {number}")
        done: list[Json] = []
        for entry in wanted:
            try:
                done.append(self._add_or_keep(entry).shape())
            except Refused as error:
                return Answer(error.answer.status, {**error.answer.value, "proxies": done})  # type: ignore[dict-item]
        return Answer(201, {"proxies": done})

    def _add_or_keep(self, wanted: Json) -> Proxy:
        proxy = self.proxies.get(wanted["name"])
        if proxy is not None:
            if not _differs(proxy, wanted):
                return proxy
            proxy.stop()
        return self._add(wanted)

    def _show(self, words: list[str], _body: bytes) -> Answer:
        return Answer(200, self._proxy(words).shape())

    def _update(self, words: list[str], body: bytes) -> Answer:
        """Ours beside Toxiproxy's keys: `"connections": "keep"` leaves open connections alone on disabling."""
        proxy, wanted = self._proxy(words), _object(body)
        enabled = _boolean(wanted, "enabled", proxy.enabled)
        if _differs(proxy, wanted):
            proxy.stop()
            proxy.upstream = _text(wanted, "upstream", proxy.upstream)
            proxy.listen = _text(wanted, "listen", proxy.listen)
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
        proxy, wanted = self._proxy(words), _object(body)
        stream = _text(wanted, "stream", "downstream")
        if stream.lower() not in ("upstream", "downstream"):
            raise Refused(400, "stream was invalid, can be either upstream or downstream")
        kind = _text(wanted, "type", "")
        name = _text(wanted, "name", "") or f"{kind}_{stream}"
        if kind not in TYPES:
            raise Refused(400, "invalid toxic type")
        if any(toxic.name == name for toxic in proxy.toxics):
            raise Refused(409, "toxic already exists")
        toxic = Toxic(name, kind, stream, _number(wanted, "toxicity", 1.0), _attributes(wanted, kind))
        proxy.add_toxic(toxic)
        return Answer(200, toxic.shape())

    def _show_toxic(self, words: list[str], _body: bytes) -> Answer:
        return Answer(200, self._toxic(words)[1].shape())

    def _change_toxic(self, words: list[str], body: bytes) -> Answer:
        proxy, toxic = self._toxic(words)
        wanted = _object(body)
        attributes = _attributes(wanted, toxic.kind)
        toxic.toxicity = _number(wanted, "toxicity", toxic.toxicity)
        toxic.attributes |= attributes
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


def _start(proxy: Proxy) -> None:
    try:
        proxy.start()
    except OSError as error:
        raise Refused(500, error.strerror or str(error)) from None


def _differs(proxy: Proxy, wanted: Json) -> bool:
    """`localhost:P` and a resolved `127.0.0.1:P` are the same place; port 0 never is."""
    listen = _text(wanted, "listen", proxy.listen).replace("localhost:", "127.0.0.1:") or proxy.listen
    return listen != proxy.listen or _text(wanted, "upstream", proxy.upstream) != proxy.upstream


# ---------------------------------------------------------------- Go's JSON


def _decode(body: bytes) -> object:
    """One JSON value, trailing bytes ignored, as Go's decoder does."""
    text = body.decode("utf-8", "replace").lstrip()
    if not text:
        raise Refused(400, "bad request body: EOF")
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except json.JSONDecodeError as error:
        at_end = error.pos >= len(text.rstrip())
        what = "unexpected EOF" if at_end else f"invalid character '{text[error.pos]}' looking for beginning of value"
        raise Refused(400, f"bad request body: {what}") from None


def _object(body: bytes) -> Json:
    value = _decode(body)
    return _fold({} if value is None else value)


def _fold(value: object) -> Json:
    """Keys match whatever their case; null keeps the default."""
    if not isinstance(value, dict):
        raise Refused(400, "bad request body: json: cannot unmarshal a value that is no object")
    return {str(key).lower(): item for key, item in value.items() if item is not None}


def _require(wanted: Json, where: str) -> None:
    for key in ("name", "upstream"):
        if not _text(wanted, key, ""):
            raise Refused(400, f"missing required field: {key}{where}")


def _typed(wanted: Json, key: str, kinds: tuple[type, ...], word: str, default: Any) -> Any:
    value = wanted.get(key, default)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise Refused(400, f"bad request body: json: cannot unmarshal into Go struct field .{key} of type {word}")
    return value


def _text(wanted: Json, key: str, default: str) -> str:
    return str(_typed(wanted, key, (str,), "string", default))


def _boolean(wanted: Json, key: str, default: bool) -> bool:
    return bool(_typed(wanted, key, (bool,), "bool", default))


def _number(wanted: Json, key: str, default: float) -> float:
    value = _typed(wanted, key, (int, float), "float32", default)
    return int(value) if float(value).is_integer() else float(value)


def _attributes(wanted: Json, kind: str) -> dict[str, int]:
    given = _fold(wanted.get("attributes", {}))
    return {name: int(_typed(given, name, (int,), "int64", 0)) for name in TYPES[kind] if name in given}
