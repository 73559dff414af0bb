"""Training, live."""

from __future__ import annotations

from nicegui import ui

from others.demo.state import State

TITLE = "Training, live"


def build(state: State) -> None:
    """Draw the page."""
    ui.label(TITLE)
