"""`tables:` as values: items read from their file and checked against their keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaoskit.experiment.file import TableFile
from chaoskit.experiment.yaml12 import Node
from chaoskit.wire import Table

_KINDS: dict[str, type | tuple[type, ...]] = {"S": str, "N": (int, float), "B": str}


def make_table(file: TableFile, folder: Path, node: Node, complain: Callable[..., None]) -> Table:
    """The table with its items."""
    place = node.at(("items",))
    items = file.items if isinstance(file.items, list) else _read(folder / file.items, place, complain)
    for number, item in enumerate(items):
        for key, kind in ((file.key, file.key_type), (file.sort, file.sort_type)):
            if key is not None and (not isinstance(item.get(key), _KINDS[kind]) or isinstance(item.get(key), bool)):
                complain(place, f"item {number} of table {file.name!r} needs its key {key!r}, of type {kind}")
                return Table(file.name, file.key, file.key_type, file.sort, file.sort_type)
    return Table(file.name, file.key, file.key_type, file.sort, file.sort_type, tuple(items))


def _read(path: Path, node: Node, complain: Callable[..., None]) -> list[dict[str, Any]]:
    try:
        items = json.loads(path.read_text())
    except OSError as error:
        complain(node, f"{path}: {error.strerror}", "the path counts from the experiment's folder")
        return []
    except ValueError as error:
        complain(node, f"{path} is not JSON: {error}")
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        complain(node, f"{path} must hold a list of objects")
        return []
    return items
