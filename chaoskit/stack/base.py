"""What every stack gives the coordinator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from chaoskit.faults.levers import Levers
from chaoskit.stack.process import PartProcess

Check = Callable[[], None]
"""Called while waiting; raises to end the wait (the user pressed Ctrl-C, a part died)."""


class Stack(Protocol):
    """Everything around one target, for one run."""

    host: str
    """Where the target listens, in its own network; known once it is ready."""

    @property
    def levers(self) -> Levers:
        """Through which faults act; there once it has started."""
        ...

    @property
    def load(self) -> PartProcess:
        """The load worker."""
        ...

    def start(self, check: Check) -> None:
        """Start all parts, then the target; returns when the target is ready.

        Raises MissingAbility, StackBroken, SetupFailed, TargetNotReady; `close` is owed in any case.
        """
        ...

    def flush(self) -> None:
        """Have every part send the records that wait."""
        ...

    def trouble(self) -> str | None:
        """Why the stack is broken, when a part of it has died; else None."""
        ...

    def close(self) -> tuple[str, ...]:
        """End everything; returns what could not be ended (empty: nothing of ours is left)."""
        ...
