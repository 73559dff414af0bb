"""Pictures on a page: images and maps, with titles, legends and alternative texts."""

from typing import Callable

import torch
from nicegui import ui
from torch import Tensor

from others.analysis.panels import coloured, data_url

# In a window of less than 768 pixels, such as that of a phone, one part stands below the other.
SIDE_BY_SIDE = "w-full items-start md:flex-nowrap"


class Panel:
    """A picture between its title and a line of numbers; it zooms and pans with all of its page.

    Args:
        title: for everybody; with `of` after it, also the alternative text.
        of: whose picture it is, where several have the same title.
        unit: of a map, whose colours a legend then explains; nothing for an image.
        signed: whether the values of the map have a sign.
        picked: called with the place of a click, x and y as shares of the image.
    """

    def __init__(
        self,
        title: str,
        of: str = "",
        unit: str = "",
        signed: bool = False,
        picked: Callable[[float, float], object] | None = None,
    ) -> None:
        self.unit, self.signed = unit, signed
        with ui.column().classes("w-full gap-0"):
            ui.label(title).classes("text-sm font-bold leading-tight")
            self._frame(f"{title} {of}".strip(), picked)
            if unit:
                self._legend()
            self.numbers = ui.label().classes("scores text-sm leading-tight")

    def _frame(self, alternative: str, picked: Callable[[float, float], object] | None) -> None:
        """A frame in the tab order takes the keys that page.js knows."""
        frame = ui.element("div").classes("picture").props("tabindex=0 role=group")
        frame.props["aria-label"] = f"{alternative}; keys + - 0 and arrows zoom and pan all"
        with frame, ui.element("div"):
            self.image = ui.element("img")
            self.marker = ui.element("div")
        self.image.props["alt"] = alternative
        if picked:
            emitted = "(event) => emit(event.detail.x, event.detail.y)"
            frame.on("pick", lambda event: picked(*event.args), js_handler=emitted)

    def _legend(self) -> None:
        with ui.column().classes("legend w-full gap-0"):
            bar = ui.element("img").props(f'alt="colours from the least to the most {self.unit}"')
            line = torch.linspace(-1 if self.signed else 0, 1, 128)[None]
            bar.props["src"] = data_url(coloured(line, 1, self.signed))
            with ui.row().classes("w-full justify-between no-wrap text-xs leading-tight"):
                self.low, _, self.high = ui.label(), ui.label(self.unit), ui.label()

    def show(self, image: Tensor, numbers: str = "") -> None:
        """Show an image (3, H, W) as in `data_url`."""
        self.image.props["src"] = data_url(image)
        self.numbers.set_text(numbers)

    def show_map(self, values: Tensor, numbers: str = "", most: float | None = None) -> None:
        """Show a map (H, W) in colours, up to `most`, by default its own largest value."""
        end = float(values.abs().max()) if most is None else most
        self.show(coloured(values, end, self.signed), numbers)
        self.low.set_text(f"{-end:.3g}" if self.signed else "0")
        self.high.set_text(f"{end:.3g}" if most is None else f"≥ {end:.3g}")

    def mark(self, pixel: tuple[int, int], size: tuple[int, int]) -> None:
        """Put a frame around a pixel (row, column) of an image of this height and width."""
        (row, column), (height, width) = pixel, size
        self.marker.classes("mark").style(
            f"top: {100 * row / height}%; left: {100 * column / width}%; "
            f"height: {100 / height}%; width: {100 / width}%"
        )


def note(text: str) -> None:
    """A sentence in small letters about what is shown."""
    ui.label(text).classes("text-xs opacity-70")


def columns() -> tuple[ui.column, ui.column]:
    """The two columns of a page: its controls, and what they change; in a narrow window, below."""
    with ui.row().classes(f"{SIDE_BY_SIDE} gap-6"):
        return (
            ui.column().classes("w-60 max-md:w-full shrink-0 gap-1"),
            ui.column().classes("grow min-w-0 gap-2 max-md:basis-full"),
        )
