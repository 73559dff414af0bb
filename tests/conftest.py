"""What more than one file of tests asks for."""

from __future__ import annotations

import pytest

from tests.subjects import Subject


@pytest.fixture(params=[1, 2], ids=["Miniproject_1", "Miniproject_2"])
def subject(request: pytest.FixtureRequest) -> Subject:
    """Both miniprojects, one after the other."""
    return Subject(request.param)
