"""The target's environment: clean, with dummy credentials, trusting the run's certificate authority."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

KEPT = ("HOME", "LANG", "TZ")
TRUST = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""botocore, requests, OpenSSL (Python, Go, Ruby), curl, Node.js. botocore ignores SSL_CERT_FILE."""
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
)
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def target_environment(
    host: Mapping[str, str],
    own: Mapping[str, str],
    *,
    scratch: Path,
    bundle: Path | None,
    venv: Path | None,
    region: str | None,
) -> dict[str, str]:
    """What the target sees: PATH (its .venv first), HOME, LANG, LC_*, TZ, TMPDIR, and what its file names (`own`).

    scratch: its TMPDIR, in the run folder, so that what a killed target leaves lies nowhere else.
    bundle, region: of the AWS dependencies; None without one. The config files are /dev/null, else ~/.aws would
    leak real credentials and endpoints in.
    """
    env = {name: value for name, value in host.items() if name in KEPT or name.startswith("LC_")}
    env["TMPDIR"] = str(scratch)
    path = host.get("PATH", DEFAULT_PATH)
    env["PATH"] = f"{venv}/bin:{path}" if venv else path
    if venv:
        env["VIRTUAL_ENV"] = str(venv)
    if bundle is not None:
        env |= {name: str(bundle) for name in TRUST}
    if region is not None:
        env |= {
            "AWS_ACCESS_KEY_ID": "AKIACHAOSKITDUMMY000",
            "AWS_SECRET_ACCESS_KEY": "chaoskit-dummy-secret",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
        }
    return env | dict(own)


def write_bundle(path: Path, ca: bytes) -> None:
    """The system's CAs and the run's own in one file: the target may also call what the sandbox does not hold back."""
    path.write_bytes(_system_cas() + b"\n" + ca)


def _system_cas() -> bytes:
    for name in (*SYSTEM_BUNDLES, ssl.get_default_verify_paths().openssl_cafile):
        if name and Path(name).is_file():
            return Path(name).read_bytes()
    return b""
