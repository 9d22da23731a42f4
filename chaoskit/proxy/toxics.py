"""Toxics: what they are (as Toxiproxy's API has them), and what they do to one direction of one connection."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from chaoskit.proxy.loop import Loop

TYPES: dict[str, tuple[str, ...]] = {"noop": (), "latency": ("latency", "jitter")}
"""Type → its attributes, all integers, default 0; milliseconds."""
MOST_HELD = 1024
"""Chunks that a latency stage holds before reading stops: Toxiproxy's own buffer."""

Chunk = bytes | memoryview
Push = Callable[[float, Chunk], None]


@dataclass
class Toxic:
    """One toxic of one proxy."""

    name: str
    kind: str
    stream: str
    toxicity: float
    attributes: dict[str, int] = field(default_factory=dict)

    def shape(self) -> dict[str, object]:
        """As the API shows it, keys in Toxiproxy's order."""
        return {
            "attributes": {name: self.attributes.get(name, 0) for name in TYPES[self.kind]},
            "name": self.name,
            "type": self.kind,
            "stream": self.stream,
            "toxicity": self.toxicity,
        }


class Stage:
    """A toxic at work in one direction: chunks come by `push` and leave, in order, by `out`.

    chance: the connection's own stream for this toxic; the toxicity is drawn once, here."""

    def __init__(self, toxic: Toxic, loop: Loop, chance: Random, touched: Counter[tuple[str, str]]) -> None:
        self.toxic = toxic
        self.out: Push = lambda _at, _data: None
        self.drained: Callable[[], None] = lambda: None
        self._loop = loop
        self._chance = chance
        self._touched = touched
        self._acts = toxic.kind == "latency" and chance.random() < toxic.toxicity
        self._held: deque[tuple[float, Chunk]] = deque()
        self._last = 0.0
        self._armed = False

    @property
    def busy(self) -> bool:
        """Something is held."""
        return bool(self._held)

    @property
    def full(self) -> bool:
        """So much that reading should stop."""
        return len(self._held) >= MOST_HELD

    def push(self, at: float, data: Chunk) -> None:
        """Take a chunk that came at `at`."""
        delay = self._delay() if self._acts else 0.0
        if delay <= 0 and not self._held:
            self.out(at, data)
            return
        self._touched[self.toxic.name, "count"] += 1
        self._touched[self.toxic.name, "bytes"] += len(data)
        self._last = max(self._last, at + delay)  # order is kept: a chunk never overtakes
        self._held.append((self._last, data))
        self._arm()

    def flush(self) -> None:
        """Let go of everything at once, in order: the toxic is being removed or changed."""
        now = self._loop.clock.now()
        while self._held:
            self.out(now, self._held.popleft()[1])

    def _delay(self) -> float:
        latency, jitter = self.toxic.attributes.get("latency", 0), self.toxic.attributes.get("jitter", 0)
        return (latency + (self._chance.uniform(-jitter, jitter) if jitter > 0 else 0)) / 1000

    def _arm(self) -> None:
        if self._held and not self._armed:
            self._armed = True
            self._loop.at(self._held[0][0], self._fire)

    def _fire(self) -> None:
        self._armed = False
        now = self._loop.clock.now()
        while self._held and self._held[0][0] <= now:
            due, data = self._held.popleft()
            self.out(due, data)
        self._arm()
        self.drained()
