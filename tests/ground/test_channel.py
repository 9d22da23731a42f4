"""Frames and descriptors cross a channel whole, and the end is an end whatever its errno."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from chaoskit.channel import Channel, Closed


def pair() -> tuple[Channel, Channel]:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Channel(left), Channel(right)


def test_frames_larger_than_the_socket_buffer_arrive_whole() -> None:
    """A frame of some megabytes is one frame."""
    left, right = pair()
    payload = os.urandom(3_000_000)
    thread = threading.Thread(target=left.send, args=(payload,))
    thread.start()
    assert right.receive() == (payload, [])
    thread.join()


def test_descriptors_travel_with_their_frame() -> None:
    """What was sent with a frame is received with it, and is close-on-exec."""
    left, right = pair()
    read, write = os.pipe()
    left.send(b"none")
    left.send(b"two", [read, write])
    left.send(b"none again")
    assert right.receive() == (b"none", [])
    payload, (r, w) = right.receive()
    assert payload == b"two"
    assert not os.get_inheritable(r)
    os.write(w, b"x")
    assert os.read(read, 1) == b"x"
    assert right.receive() == (b"none again", [])


def test_the_other_side_closing_with_unread_frames_is_an_end() -> None:
    """ECONNRESET means the same as EOF."""
    left, right = pair()
    left.send(b"unread")
    right.close()
    with pytest.raises(Closed):
        left.receive()


def test_sending_to_nobody_is_an_end() -> None:
    """EPIPE means the same, too."""
    left, right = pair()
    right.close()
    with pytest.raises(Closed):
        left.send(b"x")
