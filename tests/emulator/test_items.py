"""Plain JSON as DynamoDB's attributes, and tables as calls."""

from __future__ import annotations

from typing import Any

import pytest

from chaoskit.emulator.items import BATCH, attribute, calls
from chaoskit.wire import Table


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", {"S": "a"}),
        ("", {"S": ""}),
        ("7", {"S": "7"}),
        (7, {"N": "7"}),
        (-(10**37), {"N": "-1" + "0" * 37}),
        (0.1, {"N": "0.1"}),
        (100.0, {"N": "100"}),
        (1e22, {"N": "1" + "0" * 22}),
        (2.5e-7, {"N": "0.00000025"}),
        (-0.5, {"N": "-0.5"}),
        (True, {"BOOL": True}),
        (False, {"BOOL": False}),
        (None, {"NULL": True}),
        ([1, "a", [None]], {"L": [{"N": "1"}, {"S": "a"}, {"L": [{"NULL": True}]}]}),
        ({"a": {"b": 1}}, {"M": {"a": {"M": {"b": {"N": "1"}}}}}),
    ],
)
def test_each_json_type_has_its_dynamodb_type(value: object, expected: dict[str, Any]) -> None:
    assert attribute(value) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), int("1" * 39)])
def test_numbers_that_dynamodb_cannot_hold_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="no number of at most 38 digits"):
        attribute(value)


def test_a_table_is_created_and_filled_in_batches() -> None:
    items = tuple({"id": str(number)} for number in range(BATCH + 1))
    create, first, second = calls(Table("t", "id", items=items))
    assert create[0] == "CreateTable" and create[1]["TableName"] == "t"
    assert [len(batch[1]["RequestItems"]["t"]) for batch in (first, second)] == [BATCH, 1]


def test_a_sort_key_has_its_type() -> None:
    ((_, create),) = calls(Table("t", "id", sort="at", sort_type="N"))
    assert create["KeySchema"][1] == {"AttributeName": "at", "KeyType": "RANGE"}
    assert create["AttributeDefinitions"][1] == {"AttributeName": "at", "AttributeType": "N"}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"other": 1}, "item 0: its key 'id' must be S and is missing"),
        ({"id": 1}, "item 0: its key 'id' must be S and is N"),
        ({"id": "a", "x": int("1" * 39)}, "item 0: .* no number"),
    ],
)
def test_a_bad_item_is_named(item: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(calls(Table("t", "id", items=(item,))))
