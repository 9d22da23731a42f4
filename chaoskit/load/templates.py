"""Per-request templates: `${uuid}`, `${seq}`, `${a..b}`; `$${` is a literal `${`.

Everything is drawn once per request and shared by the request and its effect."""

from __future__ import annotations

import re
import uuid
from functools import cached_property
from random import Random

from chaoskit.chance import stream
from chaoskit.wire import JSON

_TEMPLATE = re.compile(r"\$\$\{|\$\{(uuid|seq|(-?\d+)\.\.(-?\d+))\}")


class Draws:
    """One request's values. A range is drawn once per request, wherever it stands."""

    def __init__(self, seed: int, load: str, seq: int) -> None:
        self._seed, self._load, self._seq = seed, load, seq
        self._drawn: dict[str, str | int] = {}

    @cached_property
    def _chance(self) -> Random:
        """Made when first needed: seeding costs more than the rest of a request without draws."""
        return stream(self._seed, "load", self._load, self._seq)

    def value(self, match: re.Match[str]) -> str | int:
        """What one template stands for."""
        word = match[1]
        if word not in self._drawn:
            if word == "uuid":
                self._drawn[word] = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
            elif word == "seq":
                self._drawn[word] = self._seq
            else:
                self._drawn[word] = self._chance.randint(int(match[2]), int(match[3]))
        return self._drawn[word]

    def text(self, template: str) -> str:
        """A text with its templates filled in."""
        if "${" not in template:
            return template
        return _TEMPLATE.sub(lambda match: str(self.value(match)) if match[1] else "${", template)

    def json(self, template: JSON) -> JSON:
        """A JSON value; a string that is only a template keeps the template's type."""
        match template:
            case str():
                if (whole := _TEMPLATE.fullmatch(template)) and whole[1]:
                    return self.value(whole)
                return self.text(template)
            case list():
                return [self.json(item) for item in template]
            case dict():
                return {self.text(key): self.json(item) for key, item in template.items()}
            case _:
                return template


def draw(seed: int, load: str, seq: int) -> Draws:
    """The draws of one request: a stream of its own, so that no request depends on another."""
    return Draws(seed, load, seq)
