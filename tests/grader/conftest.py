"""A project of stand-ins and its data, for the tests of the grader."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.grading import make_data, make_project


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder."""
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with the stand-in as both miniprojects."""
    return make_project(tmp_path)
