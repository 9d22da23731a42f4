"""The run's certificates: whom a client believes, and where the keys are."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from chaoskit.stack.aws import endpoint_names
from chaoskit.stack.certificates import Certificates, make

NAMES = endpoint_names("dynamodb", "us-east-1")


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    made = make(NAMES)
    yield made
    os.close(made.server)


def shake_hands(certificates: Certificates, name: str, trusted: bytes) -> None:
    """One TLS handshake over a socket pair. Raises the client's ssl.SSLError."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(f"/proc/self/fd/{certificates.server}")
    client = ssl.create_default_context(cadata=trusted.decode())
    near, far = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(far, server_side=True).close()
        except OSError:  # the client refused
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client.wrap_socket(near, server_hostname=name).close()
    finally:
        near.close()
        thread.join(10)


@pytest.mark.parametrize("name", [name.replace("*", "123456789012") for name in NAMES])
def test_every_endpoint_name_is_believed(certificates: Certificates, name: str) -> None:
    """Account-id names by their wildcard; the memory file is read as often as asked."""
    shake_hands(certificates, name, certificates.ca_pem)


def test_another_name_is_not_believed(certificates: Certificates) -> None:
    """The leaf speaks for the run's dependencies only."""
    with pytest.raises(ssl.SSLCertVerificationError, match="ostname mismatch"):
        shake_hands(certificates, "dynamodb.us-west-2.amazonaws.com", certificates.ca_pem)


def test_the_authority_of_another_run_is_not_believed(certificates: Certificates) -> None:
    """Each run has its own."""
    other = make(("localhost",))
    os.close(other.server)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(certificates, "dynamodb.us-east-1.amazonaws.com", other.ca_pem)


def test_the_public_part_is_one_authority_and_no_key(certificates: Certificates) -> None:
    """ca_pem may be written to a folder that others read."""
    assert b"PRIVATE" not in certificates.ca_pem
    (authority,) = x509.load_pem_x509_certificates(certificates.ca_pem)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_key_is_in_a_sealed_memory_file(certificates: Certificates) -> None:
    """On no disk, not inherited by programs we start, not writable by whoever is handed it."""
    assert str(Path(f"/proc/self/fd/{certificates.server}").readlink()).startswith("/memfd:")
    assert not os.get_inheritable(certificates.server)
    for change in (lambda: os.pwrite(certificates.server, b"x", 0), lambda: os.ftruncate(certificates.server, 0)):
        with pytest.raises(OSError) as refused:
            change()
        assert refused.value.errno == errno.EPERM
