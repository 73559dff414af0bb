"""What more than one file of tests of the engine asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.experiments import Make


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """What makes experiments in the test's folder."""
    return Make(tmp_path)
