"""Pictures on a page: images and maps, with legends and alternative texts."""

from __future__ import annotations

import base64
from pathlib import Path

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
    """

    def __init__(self, alternative: str) -> None:
        # A frame in the tab order takes the keys that pictures.js knows.
        frame = ui.element("div").classes("picture").props("tabindex=0 role=group")
        frame.props["aria-label"] = f"{alternative}; keys + - 0 and arrows zoom and pan all"
        with frame:
            self.image = ui.element("img")
        self.image.props["alt"] = alternative

    def show(self, image: Tensor) -> None:
        """Show an image (3, H, W) as in `data_url`."""
        self.image.props["src"] = data_url(image)

    def show_map(self, values: Tensor, most: float, signed: bool = False) -> None:
        """Show a map (H, W) in colours, up to `most`; `legend` explains them."""
        self.show(coloured(values, most, signed))


def legend(most: float, unit: str, signed: bool = False) -> None:
    """The colours of a map, with numbers below them."""
    low = -most if signed else 0.0
    with ui.column().classes("legend w-full gap-0"):
        bar = ui.element("img").props(f'alt="colours from {low:.3g} to {most:.3g} {unit}"')
        bar.props["src"] = data_url(coloured(torch.linspace(low, most, 128)[None], most, signed))
        with ui.row().classes("w-full justify-between text-xs"):
            for value in (low, (low + most) / 2, most):
                ui.label(f"{value:.3g}")
        ui.label(unit).classes("text-xs self-center")
