"""What all files of tests here ask for."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator

import pytest

# Memory and time are limited, and measured, as Linux does it.
collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What torch warns of in foreign files is no error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
