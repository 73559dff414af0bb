"""What more than one file of tests asks for."""

from __future__ import annotations

import pytest

from tests.subjects import Subject


@pytest.fixture(params=[1, 2], ids=["Miniproject_1", "Miniproject_2"])
def subject(request: pytest.FixtureRequest) -> Subject:
    """Both miniprojects, one after the other."""
    return Subject(request.param)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """New models have few channels: for claims that do not depend on it, in a tenth of the time."""
    monkeypatch.setattr("Miniproject_1.model.WIDTHS", (8, 12))
    monkeypatch.setattr("Miniproject_2.model.CHANNELS", (8, 12))
