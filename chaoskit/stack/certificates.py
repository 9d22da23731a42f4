"""The run's own certificate authority and the leaf that the gateway shows. Keys live in memory files only."""

from __future__ import annotations

import os
from dataclasses import dataclass

import trustme


@dataclass(frozen=True)
class Certificates:
    """`ca_pem`: the public certificate of the CA. `server`: a memory file with the leaf's key and chain, PEM."""

    ca_pem: bytes
    server: int


def make(names: tuple[str, ...]) -> Certificates:
    """A new CA and one leaf for all names (wildcards too). The CA's key is dropped: it signs this leaf alone."""
    authority = trustme.CA(organization_name="chaoskit", organization_unit_name="one run, nothing else")
    leaf = authority.issue_cert(*names, common_name="chaoskit gateway")
    descriptor = os.memfd_create("chaoskit-leaf", os.MFD_CLOEXEC)
    os.write(descriptor, leaf.private_key_and_cert_chain_pem.bytes())
    return Certificates(authority.cert_pem.bytes(), descriptor)
