"""The gateway against clients and emulators that end, hang or ask for the unusual."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chaoskit.errors import PartFailed
from chaoskit.wire import Drain
from tests.conftest import wait_until
from tests.gateway.test_gateway import Running, get

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\n"
BODY = b'{"Key": {}}'


def read_until(sock: socket.socket, end: bytes) -> bytes:
    got = b""
    while end not in got:
        data = sock.recv(65536)
        assert data, got
        got += data
    return got


def test_each_request_that_waits_to_be_told_to_continue_is_told(gateway: Running) -> None:
    """Expect: 100-continue, twice on one connection: the body only comes after the answer."""
    with gateway.connect() as sock:
        for _ in range(2):
            sock.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY))
            assert read_until(sock, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            sock.sendall(BODY)
            assert read_until(sock, b'{"Item": {}}').startswith(b"HTTP/1.1 200")


def test_a_drain_reaches_the_response_that_is_in_flight(gateway: Running) -> None:
    """The connection was open when the drain came, so this response is its next."""
    gateway.emulator.hold.clear()
    with gateway.connect() as sock:
        sock.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        wait_until(lambda: gateway.emulator.seen)
        gateway.part.ask(Drain("dynamodb"))
        gateway.emulator.hold.set()
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b'{"Item": {}}')


def test_calls_of_many_threads_do_not_mix(gateway: Running) -> None:
    """Each gets its own answer, and each is one row of the log."""
    client = gateway.client(max_pool_connections=8)
    keys = [str(number) for number in range(100)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda key: get(client, key), keys)) == keys
    calls = gateway.calls()
    assert len({call.invocation for call in calls}) == len(calls) == 100
    assert len({call.connection for call in calls}) <= 8


@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_tries_of_one_call_are_told_apart_in_both_retry_modes(gateway: Running, mode: str) -> None:
    """Same invocation, attempts 1 and 2."""
    gateway.emulator.shutdown()
    gateway.emulator.server_close()
    client = gateway.client(retries={"mode": mode, "total_max_attempts": 2})
    with pytest.raises(client.exceptions.ClientError):
        get(client)
    calls = gateway.calls()
    assert [call.attempt for call in calls] == [1, 2]
    assert len({call.invocation for call in calls}) == 1


def test_an_upgrade_is_not_made_and_the_gateway_lives_on(gateway: Running) -> None:
    """The request is the emulator's to answer (501 here), once; then the connection ends; the next one works."""
    with gateway.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 501")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert get(gateway.client()) == "1"


def test_a_drain_of_what_is_not_here_is_an_error(gateway: Running) -> None:
    """Answered, not swallowed."""
    with pytest.raises(PartFailed, match="no dependency 'sqs'"):
        gateway.part.ask(Drain("sqs"))


def test_an_answer_cut_off_half_way_is_503_and_not_asked_twice(gateway: Running) -> None:
    """A write that may have been done is never sent again by the gateway: that is the SDK's to decide."""
    gateway.emulator.shutdown()
    gateway.emulator.server_close()
    asked: list[bytes] = []
    with socket.create_server(gateway.emulator.server_address) as listener:
        threading.Thread(target=_half_answers, args=(listener, asked), daemon=True).start()
        with gateway.connect() as sock:
            for status in (b"200", b"503"):
                sock.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
                assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 " + status)
        wait_until(lambda: len(gateway.calls()) == 2)
    assert len(asked) == 2


def _half_answers(listener: socket.socket, asked: list[bytes]) -> None:
    """One whole answer, then half of one."""
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        with peer:
            for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"):
                asked.append(read_until(peer, BODY))
                peer.sendall(answer)
