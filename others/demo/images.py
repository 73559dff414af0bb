"""The controls that choose an image and its noise."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from others.analysis.subjects import IMAGES, LEVELS, NOISES, NUMBERS, Source, Subject, source_of
from others.data.course import VALIDATION
from others.data.noise import TABLE
from others.demo import controls
from others.demo.state import State


class ImageControls:
    """The controls for the image and its noise.

    Args:
        changed: called after every change.
    """

    def __init__(self, state: State, changed: controls.Changed) -> None:
        self.state, self.changed = state, changed
        self.file: Source | None = None  # what was dropped on this page
        found = {name: title for name, title in IMAGES.items() if self._is_there(name)}
        self.image = controls.select(state, "image", "image", found, "generated", self._forget_file)
        numbers = (0, NUMBERS - 1, 1)
        self.number = controls.slider(state, "number", "number", 9, numbers, self._forget_file)
        noise = self.noise = controls.select(
            state, "noise", "noise", NOISES, "point_sampling", self._noise_changed
        )
        default, span = LEVELS[str(noise.value)]
        self.level = controls.slider(state, "level", "level", default, span, changed)
        self.unit = ui.label().classes("text-xs opacity-70 -mt-2")
        self._explain()
        self.draw = int(state.number("draw", 0, 0, 10**6))
        ui.button("draw the noise anew", on_click=self._draw_anew).props("flat dense no-caps")

    def _is_there(self, image: str) -> bool:
        return image != "validation" or (self.state.data / VALIDATION).is_file()

    def subject(self) -> Subject:
        """What the controls say now."""
        name, number = str(self.image.value), int(controls.value(self.number))
        source = self.file or source_of(name, number, self.state.data)
        return Subject(source, str(self.noise.value), controls.value(self.level), self.draw)

    def use_file(self, source: Source) -> None:
        """Show a file until another image is chosen; its noise is the file's own."""
        self.file = source
        self.noise.set_value("none")

    def _forget_file(self) -> Any:
        self.file = None
        return self.changed()

    def _noise_changed(self) -> Any:
        default, (low, high, step) = LEVELS[str(self.noise.value)]
        self.level.props(f"min={low} max={high} step={step}")
        self._explain()
        self.level.set_value(default)
        return self.changed()

    def _explain(self) -> None:
        name = str(self.noise.value)
        self.level.set_enabled(name != "none")
        self.unit.set_text(TABLE[name].meaning if name in TABLE else "")

    def _draw_anew(self) -> Any:
        self.draw += 1
        self.state.set("draw", self.draw)
        return self.changed()
