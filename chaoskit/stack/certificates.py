"""The run's own certificate authority and the leaf that the gateway shows. Keys live in memory files only."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass

import trustme

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


@dataclass(frozen=True)
class Certificates:
    """`ca_pem`: the public certificate of the CA. `server`: a memory file with the leaf's key and chain, PEM."""

    ca_pem: bytes
    server: int


def make(names: tuple[str, ...]) -> Certificates:
    """A new CA and one leaf for all names (wildcards too). The CA's key is dropped: it signs this leaf alone."""
    authority = trustme.CA(organization_name="chaoskit", organization_unit_name="one run, nothing else")
    leaf = authority.issue_cert(*names, common_name="chaoskit gateway")
    return Certificates(authority.cert_pem.bytes(), _memory_file(leaf.private_key_and_cert_chain_pem.bytes()))


def _memory_file(content: bytes) -> int:
    descriptor = os.memfd_create("chaoskit-leaf", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(content)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor
