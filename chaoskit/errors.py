"""Every error of chaoskit, drawn as a tree.

    ChaoskitError                 exit code  meaning
    ├── FileProblems                   2     the experiment file (or a --set) is wrong; carries every problem found
    ├── UsageProblem                   2     the command line asks for something that is not there
    ├── MissingAbility                 5     this machine refuses something the stack needs; names cause and remedy
    ├── StackBroken                    5     a part of ours failed to start, died or stopped answering
    │   └── PartFailed                 5     … and said why
    ├── TargetNotReady                 4     the target never became ready; carries its last output
    ├── SetupFailed                    5     the target's own `setup` commands failed; carries their output
    ├── UndoFailed                     6     something we changed could not be put back
    └── Stopped                      130     the user ended the run (Ctrl-C, SIGTERM)

Errors of other people's software are translated where they enter (the adapter), never passed on.
"""

from __future__ import annotations

from dataclasses import dataclass


class ChaoskitError(Exception):
    """Root of the tree. `exit_code` is what the command line ends with when this error ends a run."""

    exit_code = 5


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file: where (1-based line and column; 0 = the whole file), what, and what would be right."""

    file: str
    line: int
    column: int
    message: str
    source: str = ""
    """The offending line of the file, without its newline."""
    hint: str = ""
    """The nearest right word, or what to write instead; empty when there is nothing better to say."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = f"{where}: {self.message}"
        if self.hint:
            text += f"\n    {self.hint}"
        if self.source:
            text += f"\n    {self.source}\n    {' ' * (self.column - 1)}^"
        return text


class FileProblems(ChaoskitError):  # noqa: N818 - it is a list of problems, and reads so
    """Everything that is wrong in one or more files, found in one go."""

    exit_code = 2

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class UsageProblem(ChaoskitError):  # noqa: N818
    """A word on the command line names something that does not exist."""

    exit_code = 2


class MissingAbility(ChaoskitError):  # noqa: N818
    """The machine refuses something the stack needs.

    `call` is the refused call, `cause` why, `remedy` what to do about it.
    """

    def __init__(self, call: str, cause: str, remedy: str) -> None:
        super().__init__(f"{call}: {cause}\n  remedy: {remedy}")
        self.call, self.cause, self.remedy = call, cause, remedy


class StackBroken(ChaoskitError):  # noqa: N818
    """A part of the stack died, hung or answered nonsense. The run is not judged."""


class PartFailed(StackBroken):
    """A part answered a command, or its start, with an error of its own."""


class TargetNotReady(ChaoskitError):  # noqa: N818
    """The target did not become ready within its deadline. `output` is the end of what it printed."""

    exit_code = 4

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message + (f"\nits last output:\n{output}" if output else ""))
        self.output = output


class SetupFailed(ChaoskitError):  # noqa: N818
    """A command of the target's `setup` failed. The message carries the end of its output."""


class UndoFailed(ChaoskitError):  # noqa: N818
    """Something chaoskit changed could not be put back, or could not be verified to be."""

    exit_code = 6


class Stopped(ChaoskitError):  # noqa: N818
    """The user asked the run to end. Raised where the run looks at its stop flag, never by a signal handler."""

    exit_code = 130
