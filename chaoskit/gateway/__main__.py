"""The gateway as a part: `listen:DEPENDENCY` sockets, and `certificate`, a memory file."""

from __future__ import annotations

import asyncio
import os
import ssl

import uvloop

from chaoskit.gateway.server import Front
from chaoskit.gateway.upstream import Upstream
from chaoskit.part import FLUSH_EVERY, Part, run_part
from chaoskit.wire import Command, Drain, Flush, GatewaySettings, Status, Stop


def tls_context(descriptor: int) -> ssl.SSLContext:
    """TLS 1.2 or newer, HTTP/1.1 only, with the key and chain of a memory file: no path of a disk is involved."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    os.close(descriptor)
    return context


async def _serve(part: Part) -> None:
    settings = part.settings
    assert isinstance(settings, GatewaySettings)
    loop = asyncio.get_running_loop()
    context = tls_context(part.descriptors.pop("certificate"))
    fronts = {front.dependency: Front(part, front.dependency, Upstream(front.upstream)) for front in settings.fronts}
    for name, front in fronts.items():
        await loop.create_server(front.connection, sock=part.take(f"listen:{name}"), ssl=context, backlog=1024)
    stop = asyncio.Event()

    def command() -> None:
        received = part.next_command()
        _do(part, fronts, received)
        if isinstance(received.do, Stop):
            stop.set()

    loop.add_reader(part.channel.fileno(), command)
    part.ready()
    while not stop.is_set():
        part.tick()
        try:
            await asyncio.wait_for(stop.wait(), FLUSH_EVERY)
        except TimeoutError:
            pass


def _do(part: Part, fronts: dict[str, Front], command: Command) -> None:
    value, error = None, ""
    match command.do:
        case Drain(dependency) if dependency in fronts:
            fronts[dependency].drain()
        case Drain(dependency):
            error = f"no dependency {dependency!r} here"
        case Flush() | Stop():
            part.flush()
        case Status():
            value = tuple[str, ...]()
    part.done(command, value, error)


if __name__ == "__main__":
    run_part(lambda part: uvloop.run(_serve(part)))
