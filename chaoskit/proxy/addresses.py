"""Addresses as Toxiproxy writes them, `host:port`: read, shown, bound, looked up."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Callable

from chaoskit.proxy.loop import Loop

Address = tuple[str, int]


def split_address(text: str) -> Address:
    """host and port of `host:port`, `:port` or `[::1]:port`. Raises ValueError with Go's text."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        raise ValueError(f"address {text}: missing port in address")
    if not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"address {port}: invalid port")
    return host.strip("[]"), int(port)


def numeric(text: str) -> Address:
    """An address to listen on; its host is empty (all interfaces), localhost or an IP address. Raises ValueError.

    Other names are not looked up: that could take the loop seconds."""
    host, port = split_address(text or ":0")
    host = "127.0.0.1" if host == "localhost" else host
    if host and not _is_ip(host):
        raise ValueError(f"lookup {host}: no such host")
    return host, port


def show(address: Address) -> str:
    """`127.0.0.1:80`, `[::1]:80`; `[::]:80` for all interfaces."""
    host, port = address[0] or "::", address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen_on(text: str) -> socket.socket:
    """A listener. Raises OSError whose `strerror` is Go's text."""
    try:
        host, port = numeric(text)
    except ValueError as error:
        raise OSError(None, f"listen tcp: {error}") from None
    family = socket.AF_INET6 if ":" in host or not host else socket.AF_INET
    dual = not host and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, backlog=1024, dualstack_ipv6=dual)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise OSError(error.errno, f"listen tcp {show((host, port))}: bind: {reason}") from None


def find(loop: Loop, text: str, then: Callable[[Address | None], None]) -> None:
    """Call `then` with a numeric address of `host:port`, None when there is none.

    A name is looked up in a thread of its own, at every connection, as Toxiproxy does."""
    try:
        host, port = split_address(text)
    except ValueError:
        then(None)
        return
    host = "127.0.0.1" if host in ("", "localhost") else host
    if _is_ip(host):
        then((host, port))
    else:
        threading.Thread(target=_look_up, args=(loop, host, port, then), name="lookup", daemon=True).start()


def _look_up(loop: Loop, host: str, port: int, then: Callable[[Address | None], None]) -> None:
    found: Address | None = None
    try:
        where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4]
        found = str(where[0]), port
    except (OSError, UnicodeError):
        pass  # no such name: the connection fails, and says so
    loop.call(lambda: then(found))


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
