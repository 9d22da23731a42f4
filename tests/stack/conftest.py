"""A sandbox with one dependency and a target's port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chaoskit.stack.embedded.sandbox import Layout, Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(Layout(("198.18.0.10",), 8080), lambda _code: None)
    made.start()
    yield made
    made.terminate(0.2)
    assert made.close(5)
