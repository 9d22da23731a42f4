"""The gateway in front of an emulator; its log must stay empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.test_gateway import Running


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.emulator.hold.set()
    running.part.stop()
    running.emulator.shutdown()
    running.emulator.server_close()
    assert (tmp_path / "gateway.log").read_text() == ""
