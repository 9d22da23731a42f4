"""What every fault is."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from chaoskit.faults.levers import Levers


class Fault(msgspec.Struct, frozen=True):
    """A reversible change. Subclasses are frozen structs whose fields are the file's parameters.

    kind: the word in the file. takes: the kinds of dependency it can be of.
    evidence: what counts as proof that it touched the target (shown by `chaoskit faults`).
    client_sees, example: shown by `chaoskit faults KIND`.
    """

    kind: ClassVar[str]
    takes: ClassVar[tuple[Literal["aws", "tcp"], ...]] = ("aws", "tcp")
    evidence: ClassVar[str]
    client_sees: ClassVar[str]
    example: ClassVar[str]

    def inject(self, levers: Levers, fault: str, dependency: str) -> None:
        """Make it so for one dependency. `fault` is the id of the placed fault."""
        raise NotImplementedError

    def undo(self, levers: Levers, fault: str, dependency: str) -> None:
        """Put it back; idempotent. Raises only when the lever itself fails."""
        raise NotImplementedError

    def mark(self, fault: str, dependency: str) -> str:  # noqa: ARG002
        """The name under which `Levers.in_force` shows this fault while it acts on the dependency."""
        return fault
