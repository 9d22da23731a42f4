"""Stopping on request: the first Ctrl-C or SIGTERM sets a flag, the second gives up undoing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from chaoskit.errors import Stopped, UndoFailed


class StopFlag:
    """Set by signals, looked at by the run. A handler that raised could tear any line in two; a flag cannot."""

    def __init__(self) -> None:
        self.requested = False
        self.left: Callable[[], str] = lambda: ""
        """What a second request would leave undone, for the message."""

    def check(self) -> None:
        """Raise Stopped when the user has asked for the end."""
        if self.requested:
            raise Stopped("stopped by the user")

    def request(self) -> None:
        """The user asks; asking twice ends the process at once with exit code 6."""
        if self.requested:
            print(f"\nstopped while undoing; left: {self.left() or 'nothing'}", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(UndoFailed.exit_code)
        self.requested = True

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM for this while, in the main thread."""

        def handle(_number: int, _frame: FrameType | None) -> None:
            self.request()

        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
