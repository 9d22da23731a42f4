"""Plain JSON as DynamoDB attributes, and tables as calls that make them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from chaoskit.wire import JSON, Table

BATCH = 25
"""Items of one BatchWriteItem: DynamoDB's own limit."""
MOST_DIGITS = 38
"""Significant digits of a number: DynamoDB's own limit."""


def attribute(value: JSON) -> dict[str, Any]:
    """A JSON value as DynamoDB has it: number N, text S, true and false BOOL, null NULL, list L, object M."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float() | Decimal():
            return {"N": number(value)}
        case str():
            return {"S": value}
        case list():
            return {"L": [attribute(item) for item in value]}
        case dict():
            return {"M": {name: attribute(item) for name, item in value.items()}}
        case _:
            raise TypeError(f"{type(value).__name__} has no DynamoDB type")


def number(value: int | float | Decimal) -> str:
    """A number in plain decimal digits, exactly as the file had it up to final zeros behind the point: 1e3 is 1000.

    Raises ValueError for what DynamoDB cannot hold: more than 38 significant digits, NaN, infinity."""
    exact = Decimal(str(value))
    digits = exact.as_tuple().digits
    if not exact.is_finite() or len("".join(map(str, digits)).strip("0")) > MOST_DIGITS:
        raise ValueError(f"{value} is no number of at most {MOST_DIGITS} digits, which is what DynamoDB holds")
    text = f"{exact:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def calls(table: Table) -> Iterator[tuple[str, dict[str, Any]]]:
    """The operations and arguments that create and fill a table.

    Raises ValueError for an item without its key, or with a number that DynamoDB cannot hold."""
    keys = [(table.key, "HASH", table.key_type)]
    if table.sort is not None:
        keys.append((table.sort, "RANGE", table.sort_type))
    yield (
        "CreateTable",
        {
            "TableName": table.name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind, _ in keys],
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, _, kind in keys],
        },
    )
    puts = [{"PutRequest": {"Item": _item(table, number, item)}} for number, item in enumerate(table.items)]
    for start in range(0, len(puts), BATCH):
        yield "BatchWriteItem", {"RequestItems": {table.name: puts[start : start + BATCH]}}


def _item(table: Table, place: int, item: dict[str, JSON]) -> dict[str, Any]:
    wanted = {table.key: table.key_type} | ({table.sort: table.sort_type} if table.sort else {})
    where = f"item {place}"
    try:
        attributes = {name: attribute(value) for name, value in item.items()}
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    for name, kind in wanted.items():
        if kind not in attributes.get(name, {}):
            found = f"is {next(iter(attributes[name]))}" if name in attributes else "is missing"
            raise ValueError(f"{where}: its key {name!r} must be {kind} and {found}")
    return attributes
