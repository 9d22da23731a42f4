"""`${…}`: vars and `${env.NAME}` are filled in when a file is loaded; `${uuid} ${seq} ${1..500}` stay for the load."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from chaoskit.experiment.yaml12 import Node

_TEMPLATE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
_PER_REQUEST = re.compile(r"uuid|seq|-?\d{1,15}\.\.-?\d{1,15}")
Complain = Callable[..., None]
"""node, message, hint"""


class Filler:
    """Fills one row's vars into a tree, collecting problems and secrets.

    running: an unset `${env.NAME}` is a problem; else a note, and the template stays."""

    def __init__(
        self, values: Mapping[str, Any], environ: Mapping[str, str], running: bool, complain: Complain
    ) -> None:
        self.secrets: set[str] = set()
        self.unset: list[tuple[Node, str]] = []
        self._values, self._environ, self._running, self._complain = values, environ, running, complain

    def plain(self, node: Node, per_request: bool = False) -> Any:
        """The tree as plain values. per_request: the load's templates may stand here, and `$${` stays for the load."""
        if isinstance(node.value, dict):
            return {key: self.plain(child, per_request) for key, child in node.value.items()}
        if isinstance(node.value, list):
            return [self.plain(child, per_request) for child in node.value]
        if isinstance(node.value, str) and "${" in node.value:
            return self._text(node, node.value, per_request)
        return node.value

    def _text(self, node: Node, text: str, per_request: bool) -> Any:
        whole = _TEMPLATE.fullmatch(text)
        if whole and whole[1] is not None:
            return self._value(node, whole, per_request)

        def replace(match: re.Match[str]) -> str:
            if match[1] is None:
                return match[0] if per_request else "${"
            return _as_text(self._value(node, match, per_request))

        if "${" in _TEMPLATE.sub("", text):
            self._complain(node, "a ${ without its }", "write $${ for the characters themselves")
        return _TEMPLATE.sub(replace, text)

    def _value(self, node: Node, match: re.Match[str], per_request: bool) -> Any:
        name = match[1]
        if _PER_REQUEST.fullmatch(name):
            self._check_drawn(node, name, per_request)
            return match[0]
        if name.startswith("env."):
            return self._env(node, name.removeprefix("env."), match[0])
        if name in self._values:
            return self._values[name]
        near = difflib.get_close_matches(name, [*self._values, "uuid", "seq"], 1)
        hint = f"did you mean ${{{near[0]}}}?" if near else "define it under vars, or write $${ for the characters"
        self._complain(node, f"no var {name!r}", hint)
        return match[0]

    def _check_drawn(self, node: Node, name: str, per_request: bool) -> None:
        if not per_request:
            self._complain(node, f"${{{name}}} is drawn per request: it may stand in requests and effects only", "")
        elif ".." in name and int(name.split("..", maxsplit=1)[0]) > int(name.split("..")[1]):
            self._complain(node, f"${{{name}}} is an empty range", "write the smaller number first")

    def _env(self, node: Node, name: str, whole: str) -> str:
        value = self._environ.get(name)
        if value is not None:
            self.secrets.add(value)
            return value
        if self._running:
            self._complain(node, f"the environment variable {name} is not set", f"export {name}=…")
        else:
            self.unset.append((node, name))
        return whole


def resolve_vars(vars_: Mapping[str, Node], given: Mapping[str, Any], complain: Complain) -> dict[str, Any]:
    """Vars may use vars, not circularly. given: values from the environment and --set, which come first."""
    resolved: dict[str, Any] = dict(given)
    waiting = {name: node for name, node in vars_.items() if name not in resolved}
    while waiting:
        ready = [name for name, node in waiting.items() if not (_used(node.value) & set(waiting))]
        if not ready:
            name, node = next(iter(waiting.items()))
            complain(node, f"the var {name!r} needs itself, by way of {', '.join(sorted(_used(node.value)))}")
            return resolved | dict.fromkeys(waiting)
        for name in ready:
            node = waiting.pop(name)
            resolved[name] = Filler(resolved, {}, False, complain).plain(node) if _used(node.value) else node.value
    return resolved


def _used(value: Any) -> set[str]:
    return {name for name in _TEMPLATE.findall(value) if name} if isinstance(value, str) else set()


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
