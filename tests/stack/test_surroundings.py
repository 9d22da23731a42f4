"""What is around the target: environment, names, certificates, set-up."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from chaoskit.errors import SetupFailed
from chaoskit.experiment.models import Ready, Target
from chaoskit.stack.abilities import survey
from chaoskit.stack.certificates import make
from chaoskit.stack.embedded.environment import target_environment, write_bundle
from chaoskit.stack.setup import run_setup

HOST = {
    "PATH": "/bin", "HOME": "/home/x", "LC_TIME": "C", "TZ": "UTC", "AWS_PROFILE": "prod", "SECRET": "s",
    "AWS_ACCESS_KEY_ID": "real", "HTTPS_PROXY": "http://proxy", "DOCKER_HOST": "x",
}  # fmt: skip


def environment(own: dict[str, str], **given: Any) -> dict[str, str]:
    return target_environment(
        HOST, own, **{"scratch": Path("/run/tmp"), "bundle": None, "venv": None, "region": None, **given}
    )


def test_the_environment_is_clean_and_its_credentials_are_dummies() -> None:
    """Nothing of the host's but what is named; real credentials and config cannot leak in."""
    env = environment({"MODE": "x"}, bundle=Path("/run/ca.pem"), venv=Path("/app/.venv"), region="eu-west-1")
    assert {"SECRET", "AWS_PROFILE", "HTTPS_PROXY", "DOCKER_HOST"}.isdisjoint(env)
    assert (env["HOME"], env["LC_TIME"], env["TZ"], env["MODE"]) == ("/home/x", "C", "UTC", "x")
    assert env["PATH"] == "/app/.venv/bin:/bin"
    assert "real" not in env.values()
    assert env["TMPDIR"] == "/run/tmp"
    assert env["AWS_CONFIG_FILE"] == env["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert (env["AWS_EC2_METADATA_DISABLED"], env["AWS_REGION"]) == ("true", "eu-west-1")
    trust = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    assert {env[name] for name in trust} == {"/run/ca.pem"}


def test_what_the_target_names_comes_last() -> None:
    """Its file may say otherwise, also of what we set; without AWS there is no AWS in it."""
    assert environment({"AWS_REGION": "x"}, region="us-east-1")["AWS_REGION"] == "x"
    assert not [name for name in environment({}) if name.startswith("AWS")]


def test_the_bundle_has_the_systems_cas_and_ours(tmp_path: Path) -> None:
    """Other TLS of the target goes on working."""
    write_bundle(tmp_path / "ca.pem", make(("localhost",)).ca_pem)
    names = [str(c.issuer) for c in x509.load_pem_x509_certificates((tmp_path / "ca.pem").read_bytes())]
    assert "chaoskit" in names[-1]


def target(folder: Path, *setup: list[str]) -> Target:
    return Target("t", folder, ("true",), None, Ready("alive"), setup=tuple(map(tuple, setup)))


def count(folder: Path) -> int:
    return len((folder / ".venv" / "ran").read_text())


SETUP = (["mkdir", "-p", ".venv"], ["sh", "-c", "printf x >> .venv/ran"])


def test_setup_runs_once_per_state_of_the_folder(tmp_path: Path) -> None:
    """Again only when a file has changed; what it makes itself does not count."""
    (tmp_path / "requirements.txt").write_text("a")
    for _ in range(2):
        run_setup(target(tmp_path, *SETUP))
    assert count(tmp_path) == 1
    (tmp_path / "requirements.txt").write_text("b")
    run_setup(target(tmp_path, *SETUP))
    assert count(tmp_path) == 2


def test_two_runs_at_once_set_up_once(tmp_path: Path) -> None:
    """The second waits for the first."""
    slow = (*SETUP, ["sleep", "0.3"])
    threads = [threading.Thread(target=run_setup, args=(target(tmp_path, *slow),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(tmp_path) == 1


def test_a_failing_setup_is_told_with_its_output_and_tried_again(tmp_path: Path) -> None:
    """Which command, its code, the end of what it said."""
    for _ in range(2):
        with pytest.raises(SetupFailed, match=r"ended with 3:\nno such package"):
            run_setup(target(tmp_path, ["sh", "-c", "echo no such package; exit 3"]))
    with pytest.raises(SetupFailed, match="no-such-program"):
        run_setup(target(tmp_path, ["no-such-program"]))


def test_the_survey_knows_what_it_speaks_of() -> None:
    """Namespaces are really tried; whatever is missing has a remedy."""
    abilities = {ability.name: ability for ability in survey()}
    assert {"Python", "kernel", "namespaces", "ports", "disk", "Docker"} == set(abilities)
    assert abilities["namespaces"].ok, abilities["namespaces"]
    assert all(ability.ok or ability.remedy for ability in abilities.values())
    assert not abilities["Docker"].needed
