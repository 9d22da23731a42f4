"""Dependencies: addresses, and the tables of DynamoDB."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from chaoskit.experiment.file import AwsFile, DependencyFile, TableFile, TcpFile
from chaoskit.experiment.models import AwsDependency, Dependency, TcpDependency
from chaoskit.experiment.names import aws_regions
from chaoskit.experiment.nodes import Node, Place, Report, nearest, show
from chaoskit.experiment.validate import bare
from chaoskit.wire import Table

LARGEST_ITEMS = 16_000_000
"""Bytes of a file of items."""
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_KEY_TYPES: dict[str, tuple[type, ...]] = {"S": (str,), "N": (int, float), "B": ()}


def resolve_dependencies(
    written: dict[str, DependencyFile], node: Node, folder: Path, report: Report
) -> list[Dependency]:
    """The dependencies of a file; what is wrong goes to the report and is left out."""
    found = list[Dependency]()
    addresses = dict[str, str]()
    for name, one in written.items():
        inner = node.child(name) or node
        _whole_seconds(one, inner, report)
        made = _aws(name, one, inner, folder, report) if isinstance(one, AwsFile) else _tcp(name, one, inner, report)
        if made is None:
            continue
        address = _address(made)
        if address in addresses:
            report.add(
                node.keys.get(name, inner.place),
                f"{name!r} and {addresses[address]!r} have one address: {address}",
                "faults act on an address; make them one dependency",
            )
        addresses.setdefault(address, name)
        found.append(made)
    return found


def _address(dependency: Dependency) -> str:
    """What tells two dependencies apart: names, for it is their lookup that leads to the one or the other."""
    if isinstance(dependency, AwsDependency):
        return f"{dependency.service} in {dependency.region}"
    return dependency.host


def _whole_seconds(one: DependencyFile, node: Node, report: Report) -> None:
    if one.ttl != int(one.ttl) or one.ttl < 1:
        report.add(node.at("ttl"), "DNS counts a TTL in whole seconds, and here at least one", "write e.g. 5s")


def _aws(name: str, one: AwsFile, node: Node, folder: Path, report: Report) -> AwsDependency | None:
    tables = dict[str, Table]()
    for index, table in enumerate(one.tables):
        inner = node.child("tables")
        place_of = (inner.child(index) if inner else None) or node
        if table.name in tables:
            report.add(place_of.at("name"), f"the table {table.name!r} is already there")
        tables[table.name] = _table(table, place_of, folder, report)
    if one.region not in aws_regions():
        hint = nearest(one.region, sorted(aws_regions()))
        report.add(node.at("region"), f"AWS has no region {show(one.region)}", hint)
        return None
    return AwsDependency(name, one.aws, one.region, one.ttl, tuple(tables.values()))


# ---------------------------------------------------------------- tcp


def _tcp(name: str, one: TcpFile, node: Node, report: Report) -> TcpDependency | None:
    address = _host_and_port(one.tcp, node.at("tcp"), "redis:6379", report)
    upstream = _host_and_port(one.upstream, node.at("upstream"), "127.0.0.1:6379", report)
    if address is None or upstream is None:
        return None
    host, port = address
    if _is_ip(host) or host == "localhost":
        report.add(
            node.at("tcp"),
            f"{host} is not a name that is looked up: the target must reach a dependency by a name of its own",
            f"write e.g. {name}:{port}, and tell the target so",
        )
        return None
    if not _HOST.fullmatch(host) or len(host) > 253:
        report.add(node.at("tcp"), f"{show(host)} is no host name")
        return None
    return TcpDependency(name, host, port, one.upstream.strip(), one.ttl)


def _host_and_port(text: str, place: Place, example: str, report: Report) -> tuple[str, int] | None:
    host, _, port = text.strip().rpartition(":")
    if host and re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535 and not re.search(r"[\s/]", host):
        return host.lower().removesuffix("."), int(port)
    report.add(place, f"{show(text)} is not host:port", f"write e.g. {example}")
    return None


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------- tables


def _table(table: TableFile, node: Node, folder: Path, report: Report) -> Table:
    place = node.at("items")
    if table.sort == table.key:
        report.add(node.at("sort"), "`sort` must be another attribute than `key`")
    if isinstance(table.items, str):
        items = _read_items(folder / table.items, table.items, place, report)
    else:
        items = list(table.items)
    keys: dict[str, str] = {table.key: table.key_type}
    if table.sort is not None:
        keys[table.sort] = table.sort_type
    empty = Table(table.name, table.key, table.key_type, table.sort, table.sort_type)
    seen = set[tuple[Any, ...]]()
    for number, item in enumerate(items):
        inner = node.child("items")
        where = inner.at(number) if inner is not None and isinstance(inner.value, list) else place
        if not _keyed(number, item, keys, where, report):
            return empty
        identity = tuple(item[key] for key in keys)
        if identity in seen:
            report.add(where, f"item {number + 1} has the key of an earlier one: {show(identity)}")
            break
        seen.add(identity)
    return msgspec.structs.replace(empty, items=tuple(bare(item) for item in items))


def _keyed(number: int, item: Any, keys: dict[str, str], place: Place, report: Report) -> bool:
    """Whether an item has its keys, of their types; the first that has not is a problem."""
    if not isinstance(item, dict):
        report.add(place, f"item {number + 1} is not an object")
        return False
    for key, kind in keys.items():
        value = item.get(key)
        if isinstance(value, bool) or not isinstance(value, _KEY_TYPES[kind]) or value == "":
            found = f"is {show(value)}" if key in item else "is missing"
            report.add(place, f"item {number + 1}: its key {key!r} must be of type {kind}, and {found}")
            return False
    return True


def _read_items(path: Path, written: str, place: Place, report: Report) -> list[Any]:
    try:
        if not path.is_file():
            report.add(place, f"no file {written}", f"paths resolve from the experiment's folder: {path}")
            return []
        if path.stat().st_size > LARGEST_ITEMS:
            report.add(place, f"{written} is larger than {LARGEST_ITEMS // 1_000_000} MB")
            return []
        items = json.loads(path.read_bytes(), parse_constant=_not_json)
    except (OSError, ValueError, RecursionError) as error:
        report.add(place, f"{written} cannot be read as JSON: {str(error)[:200]}")
        return []
    if not isinstance(items, list):
        report.add(place, f"{written} must hold a list of objects")
        return []
    return items


def _not_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
