"""Endpoint names, against the rules by which botocore itself makes them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import product
from urllib.parse import urlsplit

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
from botocore.loaders import Loader

from chaoskit.stack.aws import endpoint_names

REGIONS = (
    "us-east-1",
    "ap-southeast-2",
    "cn-north-1",
    "us-gov-west-1",
    "eusc-de-east-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "us-isof-south-1",
    "eu-isoe-west-1",
)
ACCOUNT = "123456789012"


def resolved(service: str, region: str) -> set[str]:
    """Every host botocore can call for the service there, over FIPS, dual-stack and account-id settings."""
    loader = Loader()
    rules = loader.load_service_model(service, "endpoint-rule-set-1")
    provider = EndpointProvider(rules, loader.load_data("partitions"))
    hosts = set()
    for fips, dual, account in product((False, True), (False, True), (None, ACCOUNT)):
        parameters = {"Region": region, "UseFIPS": fips, "UseDualStack": dual}
        if account and "AccountId" in rules["parameters"]:
            parameters |= {"AccountId": account, "AccountIdEndpointMode": "preferred"}
        try:
            hosts.add(str(urlsplit(provider.resolve_endpoint(**parameters).url).hostname))
        except EndpointProviderError:
            continue
    return hosts


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", ["dynamodb", "dynamodbstreams"])
def test_every_name_that_botocore_resolves_is_covered(service: str, region: str) -> None:
    """Regional, FIPS, dual-stack, account-id and streams, in every partition asked."""
    names = endpoint_names("dynamodb", region)
    hosts = resolved(service, region)
    assert hosts
    assert not {host for host in hosts if not any(fnmatchcase(host, name) for name in names)}


def test_account_endpoints_are_among_what_botocore_resolves() -> None:
    """The test above would be hollow if botocore had not made one."""
    assert f"{ACCOUNT}.ddb.us-east-1.amazonaws.com" in resolved("dynamodb", "us-east-1")


def test_names_stay_in_their_region() -> None:
    """Blanking us-east-1 leaves us-west-2 alone, and no name is said twice."""
    names = endpoint_names("dynamodb", "us-east-1")
    assert len(set(names)) == len(names)
    assert not set(names) & set(endpoint_names("dynamodb", "us-west-2"))
    assert not {host for host in resolved("dynamodb", "us-west-2") if any(fnmatchcase(host, n) for n in names)}
    assert all(name == name.lower() and not name.endswith(".") for name in names)
