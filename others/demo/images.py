"""Which image a page shows, under which noise: what there is, and the controls that choose."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from nicegui import ui
from torch import Tensor

from others.data.course import VALIDATION, load_pair
from others.data.generated import mosaic, scene
from others.data.noise import CELL, TABLE, cell_mean, clean_of, make_noise
from others.data.seeds import seeded
from others.demo import controls
from others.demo.state import State

SIDE = 256  # pixels a side that are shown of a file
NUMBERS = 16  # images of each kind
IMAGES = {
    "generated": "generated, 32×32",
    "mosaic": "four generated, 64×64",
    "validation": "validation file, 32×32",
}
# Of each noise the default of its level, then low, high and step of the slider.
LEVELS: dict[str, tuple[float, tuple[float, float, float]]] = {
    "point_sampling": (1.0, (0.0, 2.0, 0.1)),
    "gaussian": (25.0, (0.0, 100.0, 1.0)),
    "poisson": (30.0, (1.0, 100.0, 1.0)),
    "impulse": (0.05, (0.0, 0.5, 0.01)),
    "none": (0.0, (0.0, 0.0, 1.0)),
}
NOISES = {
    "point_sampling": "the course's point sampling",
    "gaussian": "Gaussian",
    "poisson": "Poisson",
    "impulse": "random impulses",
    "none": "none",
}


class Source(NamedTuple):
    """An image before noise."""

    clean: Tensor  # (1, 3, H, W) in [0, 1]
    scene: Tensor | None = None  # CELL times as large, from which point sampling draws
    noisy: Tensor | None = None  # by point sampling, where the file has it


class Request(NamedTuple):
    """What the controls say."""

    source: Source
    noise: str
    level: float
    draw: int  # seed of the noise

    def images(self) -> tuple[Tensor, Tensor]:
        """The noisy and the clean image, (1, 3, H, W); the noisy one may leave [0, 1]."""
        source = self.source
        if self.noise == "none":
            return source.clean, source.clean
        if self.noise != "point_sampling":
            noise = make_noise(self.noise, self.level)
            return noise(source.clean, seeded(self.draw)), source.clean
        if source.noisy is not None:
            return source.noisy, source.clean
        noise = make_noise("point_sampling", self.level)
        fine = source.clean if source.scene is None else source.scene
        return noise(fine, seeded(self.draw)), clean_of(noise, fine)


@lru_cache(maxsize=NUMBERS)
def source_of(image: str, number: int, data: Path) -> Source:
    """A source by its name in IMAGES; FileNotFoundError or ValueError where there is no file."""
    if image == "validation":
        noisy, clean = load_pair(data / VALIDATION)
        place = slice(number % len(clean), number % len(clean) + 1)
        return Source(clean[place].float() / 255, noisy=noisy[place].float() / 255)
    fine = mosaic(number) if image == "mosaic" else scene(number)
    return Source(cell_mean(fine), fine)


def source_of_file(colour: Tensor, white: int) -> Source:
    """What is shown of a file: the middle, at most SIDE pixels along a side, in whole cells.

    ValueError for a file that is smaller than a cell.
    """
    if min(colour.shape[1:]) < CELL:
        size = f"{colour.shape[2]}x{colour.shape[1]}"
        raise ValueError(f"the file has {size} pixels; expected at least {CELL}x{CELL}")
    height, width = (min(SIDE, side) // CELL * CELL for side in colour.shape[1:])
    top, left = (colour.shape[1] - height) // 2, (colour.shape[2] - width) // 2
    part = colour[:, top : top + height, left : left + width]
    return Source(part.expand(3, -1, -1)[None].float() / white)


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

    def request(self) -> Request:
        """What the controls say now."""
        name, number = str(self.image.value), int(controls.value(self.number))
        source = self.file or source_of(name, number, self.state.data)
        return Request(source, str(self.noise.value), controls.value(self.level), self.draw)

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
