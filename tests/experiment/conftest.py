"""An experiment's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.experiment.sample import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with the sample's targets and items."""
    return Folder(tmp_path)
