"""The JSON Schema accepts what the loader accepts."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from chaoskit.experiment.nodes import Report, Source
from chaoskit.experiment.schema import schema
from chaoskit.experiment.validate import bare, plain
from chaoskit.experiment.yaml12 import parse
from chaoskit.faults import FAULTS
from tests.experiment.sample import SAMPLE

SHIPPED = sorted((Path(__file__).parents[2] / "experiments").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """A validator with a schema that is itself valid."""
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def values(text: str) -> object:
    """A file's values as the loader reads them."""
    node = parse(Source("x.yaml", text), text, Report())
    assert node is not None
    return bare(plain(node))


def test_the_sample_satisfies_it(validator: jsonschema.Draft202012Validator) -> None:
    """Templates in place of values included."""
    validator.validate(values(SAMPLE))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_experiments_satisfy_it(path: Path, validator: jsonschema.Draft202012Validator) -> None:
    """Every one."""
    validator.validate(values(path.read_text()))


@pytest.mark.parametrize("kind", FAULTS)
def test_the_example_of_a_fault_satisfies_it(kind: str, validator: jsonschema.Draft202012Validator) -> None:
    """What `chaoskit faults` shows can be copied."""
    validator.validate(
        values(SAMPLE.replace("{fault: dns.nodata, of: dynamodb, connections: drain}", FAULTS[kind].example))
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: Bill", "titel: x\ntitle: Bill"),
        ("jitter: 50ms", "jiter: 50ms"),
        ("rate: 5/s", "rate: 5"),
        ("for: 10s", "for: 10"),
        ("connections: drain", "connections: dran"),
        ("sessions: {", "Sessions: {"),
        ("    region: us-east-1\n", ""),
        ("status: [201, 202]", "status: [2]"),
    ],
)
def test_it_refuses_what_is_wrong(old: str, new: str, validator: jsonschema.Draft202012Validator) -> None:
    """Keys, units, words and names."""
    assert not validator.is_valid(values(SAMPLE.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rate: 5/s", "rate: ${r}"),
        ("port", "port"),
        ("status: [201, 202]", 'status: "${s}"'),
        ("of: sessions", 'of: ["${d}"]'),
        ("connections: drain", 'connections: "${c}"'),
        ("fault: net.latency", 'fault: "${f}"'),
        ("until: steady", 'until: "${u}"'),
        ("region: us-east-1", "region: ${r}"),
    ],
)
def test_a_template_may_stand_for_a_value(old: str, new: str, validator: jsonschema.Draft202012Validator) -> None:
    """Anywhere but in a key."""
    validator.validate(values(SAMPLE.replace(old, new, 1)))
