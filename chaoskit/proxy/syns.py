"""What a packet socket sees: connection attempts on the wire, before anybody accepts or refuses them."""

from __future__ import annotations

import socket


def read_syn(frame: bytes) -> tuple[str, int] | None:
    """`address:port` that a SYN goes to, and the port it comes from; None when the frame is no whole IPv4 TCP SYN.

    frame: from the IPv4 header on (RFC 791; its length is in its first byte), then TCP (RFC 9293)."""
    if len(frame) < 20 or frame[0] >> 4 != 4 or frame[9] != socket.IPPROTO_TCP:
        return None
    tcp = frame[(frame[0] & 15) * 4 :]
    if len(tcp) < 14 or tcp[13] & 0x12 != 0x02:
        return None
    source, port = int.from_bytes(tcp[:2], "big"), int.from_bytes(tcp[2:4], "big")
    return f"{socket.inet_ntoa(frame[16:20])}:{port}", source
