"""Frames with file descriptors over a unix stream socket: 4 bytes of length, then the payload.

Standard library only: the sandbox's agent runs without site-packages.
"""

from __future__ import annotations

import array
import socket
import struct

_HEAD = struct.Struct(">I")
MOST_DESCRIPTORS = 253
"""SCM_MAX_FD of the kernel; one more is EINVAL (`man 7 unix`)."""


class Closed(Exception):  # noqa: N818
    """The other side is gone (EOF, ECONNRESET and EPIPE mean the same here)."""


class Channel:
    """One end of a channel.

    `send` and `receive` block; `send` is not thread-safe against itself, nor is `receive`, but one thread
    may send while another receives.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def fileno(self) -> int:
        """Descriptor, for poll."""
        return self.socket.fileno()

    def send(self, payload: bytes, descriptors: list[int] | None = None) -> None:
        """Send one frame. The descriptors travel with its first byte. Raises Closed."""
        data = _HEAD.pack(len(payload)) + payload
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        try:
            sent = self.socket.sendmsg([data], ancillary)
            if sent < len(data):
                self.socket.sendall(memoryview(data)[sent:])
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def receive(self) -> tuple[bytes, list[int]]:
        """The next frame and its descriptors (close-on-exec). Raises Closed."""
        descriptors: list[int] = []
        (length,) = _HEAD.unpack(self._exactly(_HEAD.size, descriptors))
        return self._exactly(length, descriptors), descriptors

    def _exactly(self, count: int, descriptors: list[int]) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            try:
                data, ancillary, _flags, _address = self.socket.recvmsg(
                    count - len(parts), socket.CMSG_SPACE(MOST_DESCRIPTORS * 4), socket.MSG_CMSG_CLOEXEC
                )
            except ConnectionResetError as error:
                raise Closed from error
            for level, kind, raw in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    received = array.array("i")
                    received.frombytes(raw[: len(raw) - len(raw) % received.itemsize])
                    descriptors.extend(received)
            if not data:
                raise Closed
            parts += data
        return bytes(parts)

    def close(self) -> None:
        """Close this end."""
        self.socket.close()
