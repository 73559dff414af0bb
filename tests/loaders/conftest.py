"""What all files of tests here ask for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What torch warns of in foreign files is no error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
