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

    chance: the connection's own stream for this toxic. Whether the toxic acts on this connection is drawn once, here:
    below its toxicity, it acts, also when the toxicity is changed later."""

    def __init__(self, toxic: Toxic, loop: Loop, chance: Random, touched: Counter[tuple[str, str]]) -> None:
        self.toxic = toxic
        self.out: Push = lambda _at, _data: None
        self.drained: Callable[[], None] = lambda: None
        self._loop = loop
        self._chance = chance
        self._touched = touched
        self._draw = chance.random()
        self._held: deque[tuple[float, Chunk]] = deque()
        self._last = 0.0
        self._armed: float | None = None

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
        delay = self._delay()
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
        self._last = 0.0
        while self._held:
            self.out(now, self._held.popleft()[1])

    def _delay(self) -> float:
        """Seconds, drawn for one chunk."""
        if self.toxic.kind != "latency" or self._draw >= self.toxic.toxicity:
            return 0.0
        latency, jitter = self.toxic.attributes.get("latency", 0), self.toxic.attributes.get("jitter", 0)
        return (latency + (self._chance.uniform(-jitter, jitter) if jitter > 0 else 0)) / 1000

    def _arm(self) -> None:
        """A timer for the first chunk; one that a flush has left behind does no harm."""
        if self._held and (self._armed is None or self._held[0][0] < self._armed):
            self._armed = self._held[0][0]
            self._loop.at(self._armed, self._fire)

    def _fire(self) -> None:
        now = self._loop.clock.now()
        if self._armed is not None and self._armed <= now:
            self._armed = None
        while self._held and self._held[0][0] <= now:
            due, data = self._held.popleft()
            self.out(due, data)
        self._arm()
        self.drained()
