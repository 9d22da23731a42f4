"""The relay: a listener on the host, made before; every connection it accepts goes to the target's port inside.

The process enters the target's network first: its old listener stays outside, its new sockets are inside."""

from __future__ import annotations

import asyncio

from chaoskit import kernel
from chaoskit.part import Part, run_part
from chaoskit.wire import RelaySettings, Start, Stop

CHUNK = 65536


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction; its end is passed on as a half-close."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


async def _inside(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The target may listen on IPv4 or on IPv6 only."""
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return await asyncio.open_connection("::1", port)


async def _relay(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        target_reader, target_writer = await _inside(port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_pump(reader, target_writer), _pump(target_reader, writer))
    target_writer.close()
    writer.close()


async def _serve(part: Part) -> None:
    settings = part.settings
    assert isinstance(settings, RelaySettings)
    server = await asyncio.start_server(lambda r, w: _relay(settings.port, r, w), sock=part.take("listen"))
    stop = asyncio.Event()

    def command() -> None:
        received = part.next_command()
        part.done(received)
        if isinstance(received.do, Stop):
            stop.set()

    asyncio.get_running_loop().add_reader(part.channel.fileno(), command)
    part.ready()
    await stop.wait()
    server.close()


def _enter(_start: Start, descriptors: dict[str, int]) -> None:
    kernel.join(descriptors["namespace"])


if __name__ == "__main__":
    run_part(lambda part: asyncio.run(_serve(part)), _enter)
