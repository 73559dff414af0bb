"""The prepared states: what the keys for next and previous walk through, in the exam's order."""

from __future__ import annotations

from typing import NamedTuple


class Prepared(NamedTuple):
    """A state worth showing."""

    title: str
    page: str
    query: str  # of the address, without its question mark


PREPARED = (
    Prepared("Both miniprojects under the course's noise", "denoise", ""),
    Prepared("The weights of one pixel", "pixel", ""),
    Prepared("A convolution, step by step", "framework", ""),
    Prepared("Training from scratch", "training", ""),
    Prepared("What the reports claim", "results", ""),
)


def address(place: int) -> str:
    """The address of a prepared state; `step` in it tells the keys where they are."""
    state = PREPARED[place % len(PREPARED)]
    query = f"{state.query}&" if state.query else ""
    return f"/{state.page}?{query}step={place % len(PREPARED)}"
