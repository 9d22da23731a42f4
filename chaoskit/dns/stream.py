"""One TCP connection of the DNS server: queries and answers in length-prefixed frames (RFC 1035 4.2.2)."""

from __future__ import annotations

import socket


class Stream:
    """A client's connection; non-blocking. `last`: when it last sent something, seconds since the run's origin."""

    def __init__(self, sock: socket.socket, now: float) -> None:
        sock.setblocking(False)
        self.sock, self.last = sock, now
        self._received = bytearray()

    def read(self) -> list[bytes] | None:
        """The queries that are complete by now; None at the connection's end."""
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return []
        except OSError:
            return None
        self._received += data
        return self._frames() if data else None

    def _frames(self) -> list[bytes]:
        frames = []
        while len(self._received) >= 2:
            end = 2 + int.from_bytes(self._received[:2], "big")
            if len(self._received) < end:
                break
            frames.append(bytes(self._received[2:end]))
            del self._received[:end]
        return frames

    def send(self, packed: bytes) -> None:
        """Send one answer. A client that lets its buffer run full is hung up on: it must not make others wait."""
        frame = len(packed).to_bytes(2, "big") + packed
        try:
            if self.sock.send(frame) < len(frame):
                self.sock.shutdown(socket.SHUT_RDWR)
        except BlockingIOError:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the client is gone; the end of its stream closes our side
