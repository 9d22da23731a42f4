"""The endpoint names of an AWS service, as botocore's own rules make them."""

from __future__ import annotations

SUFFIXES = {
    "cn-": ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    "eusc-": ("amazonaws.eu", "api.amazonwebservices.eu"),
    "us-iso-": ("c2s.ic.gov", "api.aws.ic.gov"),
    "us-isob-": ("sc2s.sgov.gov", "api.aws.scloud"),
    "us-isof-": ("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    "eu-isoe-": ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    "": ("amazonaws.com", "api.aws"),
}
"""Region prefix → suffix, dual-stack suffix (botocore's partitions.json); the last row is aws and aws-us-gov."""


def endpoint_names(service: str, region: str) -> tuple[str, ...]:
    """Every name under which SDKs look for the service there, lower case; `*.` for the account-id endpoints.

    For dynamodb (botocore's endpoint-rule-set-1.json of dynamodb and dynamodbstreams): regional, FIPS, dual-stack,
    account-id (`<account>.ddb.…`), and streams in all these forms. A fault of the service must take them
    all: an SDK that knows its account calls another name than one that does not."""
    plain, dual = next(value for prefix, value in SUFFIXES.items() if region.startswith(prefix))
    assert service == "dynamodb"
    names = [f"{host}.{region}.{suffix}" for host in ("dynamodb", "dynamodb-fips") for suffix in (plain, dual)]
    names += [f"*.{host}.{region}.{suffix}" for host in ("ddb", "ddb-fips") for suffix in (plain, dual)]
    names += [f"{host}.{region}.{plain}" for host in ("streams.dynamodb", "streams.dynamodb-fips")]
    names += [f"{host}.{region}.{dual}" for host in ("streams-dynamodb", "streams-dynamodb-fips")]
    names += [f"*.{host}.{region}.{suffix}" for host in ("streams-ddb", "streams-ddb-fips") for suffix in (plain, dual)]
    return tuple(names)
