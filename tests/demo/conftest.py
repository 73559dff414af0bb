"""The pages, served as for a user, and a browser that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from others.data.course import make_data
from tests.helpers import browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs all of these tests, so that one browser and one server are started."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("demo"))


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the browser saves files."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def driver(downloads: Path) -> Iterator[Any]:
    """A browser; the test is skipped where there is none."""
    reason = browser.missing()
    if reason:
        pytest.skip(reason)
    made = browser.started(downloads)
    yield made
    made.quit()


@pytest.fixture(scope="session")
def errors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server writes on stderr."""
    return tmp_path_factory.mktemp("server") / "stderr"


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the course's files that the server reads: three validation images."""
    folder = tmp_path_factory.mktemp("data")
    make_data(folder, 1, 3)
    return folder


@pytest.fixture(scope="session")
def address(errors: Path, data: Path) -> Iterator[str]:
    """Where the pages are served; the port is a free one."""
    with browser.served(data, errors) as url:
        yield url


@pytest.fixture
def tab(driver: Any, address: str, errors: Path) -> Iterator[browser.Tab]:
    """A tab; after the test nothing has failed, and no request has left the machine."""
    made, before = browser.Tab(driver, address), len(errors.read_text())
    yield made
    assert made.complaints() == []
    assert errors.read_text()[before:] == ""
