"""From a path to a tree of nodes: bounded, and never an exception."""

from __future__ import annotations

import hashlib
from pathlib import Path

from chaoskit.errors import Problem
from chaoskit.experiment.nodes import Node, Report, Source
from chaoskit.experiment.yaml12 import parse

LARGEST = 256_000
"""Bytes of a file; a larger one is refused unread."""


def read_text(path: Path, name: str, report: Report) -> str | None:
    """A file's text; None, and a problem, when there is none to be had."""
    message = ""
    try:
        if not path.is_file():
            message = "no such file" if not path.exists() else "not a file"
        elif path.stat().st_size > LARGEST:
            message = f"larger than {LARGEST // 1000} kB: this is no experiment"
        else:
            return path.read_bytes()[:LARGEST].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        message = f"not UTF-8: byte {error.start + 1}, on line {line}"
    except (OSError, ValueError) as error:
        message = getattr(error, "strerror", None) or str(error)
    report.put(Problem(name, 0, 0, message))
    return None


def read_tree(path: Path, name: str, report: Report) -> Node | None:
    """A file's tree; what is wrong goes to the report."""
    text = read_text(path, name, report)
    return None if text is None else tree(text, name, report)


def tree(text: str, name: str, report: Report) -> Node | None:
    """A text's tree. An experiment, like a target, is a mapping."""
    root = parse(Source(name, text), text, report)
    if root is not None and not isinstance(root.value, dict):
        report.add(root.place, "the file must be a mapping: `key: value` lines")
        return None
    return root


def digest(*texts: str) -> str:
    """SHA-256 of texts, hex; unlike texts, unlike splits of one."""
    found = hashlib.sha256()
    for text in texts:
        data = text.encode()
        found.update(len(data).to_bytes(8, "big") + data)
    return found.hexdigest()
