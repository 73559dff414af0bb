"""Pictures on a page: images and maps, with legends and alternative texts."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Callable

import torch
from nicegui import ui
from torch import Tensor

from others.analysis.panels import coloured
from others.files.image_file import bytes_of
from others.files.kinds import Picture


def data_url(image: Tensor) -> str:
    """An image (3, H, W), uint8 or float in [0, 1] and clipped to that, as a PNG in a URL."""
    if image.is_floating_point():
        image = (255 * image.clamp(0, 1)).round()
    content = bytes_of(Path("image.png"), Picture(image.int(), None, 255))
    return "data:image/png;base64," + base64.b64encode(content).decode()


class Shown:
    """A picture that zooms and pans with all others of its page.

    Args:
        alternative: what the picture shows, for those who do not see it.
        picked: called with the place of a click, x and y as shares of the image.
    """

    def __init__(
        self, alternative: str, picked: Callable[[float, float], object] | None = None
    ) -> None:
        # A frame in the tab order takes the keys that pictures.js knows.
        frame = ui.element("div").classes("picture").props("tabindex=0 role=group")
        frame.props["aria-label"] = f"{alternative}; keys + - 0 and arrows zoom and pan all"
        with frame, ui.element("div"):
            self.image = ui.element("img")
            self.marker = ui.element("div")
        self.image.props["alt"] = alternative
        if picked:

            def pick(event: Any) -> object:
                place = event.args["detail"]
                return picked(place["x"], place["y"])

            frame.on("pick", pick, ["detail"])

    def show(self, image: Tensor) -> None:
        """Show an image (3, H, W) as in `data_url`."""
        self.image.props["src"] = data_url(image)

    def show_map(self, values: Tensor, most: float, signed: bool = False) -> None:
        """Show a map (H, W) in colours, up to `most`; a `Legend` explains them."""
        self.show(coloured(values, most, signed))

    def mark(self, pixel: tuple[int, int], size: tuple[int, int]) -> None:
        """Put a frame around a pixel (row, column) of an image of this height and width."""
        (row, column), (height, width) = pixel, size
        self.marker.classes("mark").style(
            f"top: {100 * row / height}%; left: {100 * column / width}%; "
            f"height: {100 / height}%; width: {100 / width}%"
        )


class Legend:
    """The colours of a map, with numbers below them, and a unit."""

    def __init__(self, unit: str, signed: bool = False) -> None:
        self.signed = signed
        with ui.column().classes("legend w-full gap-0"):
            bar = ui.element("img").props(f'alt="colours from the least to the most {unit}"')
            line = torch.linspace(-1 if signed else 0, 1, 128)[None]
            bar.props["src"] = data_url(coloured(line, 1, signed))
            with ui.row().classes("w-full justify-between no-wrap text-xs leading-tight"):
                self.low, _, self.high = ui.label(), ui.label(unit), ui.label()

    def show(self, most: float) -> None:
        """Say which value the end of the colours has."""
        self.low.set_text(f"{-most:.3g}" if self.signed else "0")
        self.high.set_text(f"{most:.3g}")
