"""What all tests share."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest


def wait_until(condition: Callable[[], object], deadline: float = 10.0) -> None:
    """Wait for a condition; fail the test when it does not come within `deadline` seconds."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not so after {deadline:g} s: {condition}")
        time.sleep(0.01)
