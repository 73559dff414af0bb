"""The pages, served as for a user, and a browser that shows them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from others.data.course import make_data
from others.records.paths import ROOT
from tests.helpers import browser


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
def address(errors: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the pages are served; the port is a free one."""
    data = tmp_path_factory.mktemp("data")
    make_data(data, 1, 3)
    command = [sys.executable, "-m", "others.demo", "--port", "0", "--no-browser", "--data", data]
    # With this variable, NiceGUI would take itself for a part of the test.
    surroundings = {n: value for n, value in os.environ.items() if n != "PYTEST_CURRENT_TEST"}
    with errors.open("w") as stderr, subprocess.Popen(
        command, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().partition(" ")[0]
            wait_for(url, server)
            yield url
        finally:
            server.terminate()


def wait_for(url: str, server: subprocess.Popen[str]) -> None:
    """Return when the server answers; URLError if it ends before."""
    while True:
        try:
            with urlopen(url):
                return
        except URLError:
            if server.poll() is not None:
                raise
            time.sleep(0.1)


@pytest.fixture
def tab(driver: Any, address: str, errors: Path) -> Iterator[browser.Tab]:
    """A tab; after the test nothing has failed, and no request has left the machine."""
    made, before = browser.Tab(driver, address), len(errors.read_text())
    yield made
    assert made.complaints() == []
    assert errors.read_text()[before:] == ""
