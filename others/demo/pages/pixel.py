"""What a pixel sees."""

from __future__ import annotations

from nicegui import ui

from others.demo.state import State

TITLE = "What a pixel sees"


def build(state: State) -> None:
    """Draw the page."""
    ui.label(TITLE)
