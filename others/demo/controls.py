"""The controls of a page: each keeps its value in the address, and a change draws the page anew."""

from collections.abc import Sequence
from typing import Any, Callable

from nicegui import ui

from others.analysis.subjects import IMAGES, LEVELS, NOISES, NUMBERS, Source, Subject, source_of
from others.data.course import VALIDATION
from others.data.noise import TABLE
from others.demo.state import Draw, Latest, State

Span = Sequence[float]  # low, high, step


class Controls:
    """Makes controls, and gives their values by name: controls["level"].

    A number is a whole one if its default is an int. What `on_value_change` adds to a control is
    called before the page is drawn.

    Args:
        draw: as in `Latest`; called at first, and after every change.
        prefix: of the names in the address, where several parts of a page have the same controls.
    """

    def __init__(self, state: State, draw: Draw | None = None, prefix: str = "") -> None:
        self.state, self.prefix = state, prefix
        self.refresh: Any = Latest(state, draw).refresh if draw else lambda: None
        self.values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def _keep(self, name: str, value: Any) -> Callable[[Any], Any]:
        """What a control with this value calls with its events."""
        self.values[name] = value

        def keep(event: Any) -> Any:
            if event.value is None:  # of a select in whose place something else is shown
                return None
            self.values[name] = type(value)(event.value)
            self.state.set(self.prefix + name, self.values[name])
            return self.refresh()

        return keep

    def slider(self, name: str, title: str, default: float, span: Span) -> ui.slider:
        """A slider with its title and its value above it."""
        low, high, step = span
        value = self.state.number(self.prefix + name, default, low, high)
        keep = self._keep(name, value)
        with ui.column().classes("w-full gap-0"):
            label = ui.label().classes("text-sm")
            made = ui.slider(min=low, max=high, step=step, value=value, on_change=keep)
        made.props["aria-label"] = title
        label.bind_text_from(made, "value", lambda value: f"{title}: {value:.4g}")
        return made

    def select(self, name: str, title: str, choices: Any, default: Any) -> ui.select:
        """One of the choices (names, or a title for each); with a list as default, any of them."""
        several = isinstance(default, list)
        read = self.state.subset if several else self.state.choice
        value = read(self.prefix + name, choices, default)
        keep = self._keep(name, value)
        made = ui.select(choices, label=title, value=value, on_change=keep, multiple=several)
        return made.classes("w-full")

    def switch(self, name: str, title: str) -> None:
        """Yes or no; at first no."""
        value = self.state.flag(self.prefix + name)
        ui.switch(title, value=value, on_change=self._keep(name, value)).props("dense")

    def number(self, name: str, title: str, default: float, span: Span) -> ui.number:
        """A field for a number; what lies outside is not taken, and the field says so."""
        low, high, step = span
        value = self.state.number(self.prefix + name, default, low, high)
        keep = self._keep(name, value)

        def fits(value: float | None) -> bool:
            return value is not None and low <= value <= high and type(default)(value) == value

        made = ui.number(
            title,
            value=value,
            step=step,
            validation={f"{low:g} to {high:g}": fits},
            on_change=lambda event: keep(event) if fits(event.value) else None,
        )
        return made.classes("w-full").props("dense hide-bottom-space")


class ImageControls:
    """The controls for the image and its noise, among the controls of a page."""

    def __init__(self, controls: Controls) -> None:
        self.controls, self.state = controls, controls.state
        self.file: Source | None = None  # what was dropped on this page
        there = (self.state.data / VALIDATION).is_file()
        images = {name: IMAGES[name] for name in IMAGES if there or name != "validation"}
        self.image = controls.select("image", "image", images, "generated")
        self.image.on_value_change(lambda event: self._image_changed(event.value))
        number = controls.slider("number", "number", 9, (0, NUMBERS - 1, 1))
        number.on_value_change(lambda: self.image.set_value(controls["image"]))
        self.noise = controls.select("noise", "noise", NOISES, "point_sampling")
        self.noise.on_value_change(self._noise_changed)
        self.level = controls.slider("level", "level", *LEVELS[controls["noise"]])
        self.meaning = ui.label().classes("text-xs opacity-70 -mt-2")
        self.seed = controls.number("draw", "draw of the noise", 0, (0, 999_999, 1))
        self._offer()

    def subject(self) -> Subject:
        """What the controls say now."""
        chosen = self.controls
        source = self.file or source_of(chosen["image"], chosen["number"], self.state.data)
        return Subject(source, chosen["noise"], chosen["level"], chosen["draw"])

    def use_file(self, source: Source) -> None:
        """Show a file until another image is chosen; its noise is the file's own."""
        self.image.set_value(None)  # so that each of the images can be chosen instead
        self.file = source
        self.noise.set_value("none")

    def _image_changed(self, name: str | None) -> None:
        if name is not None:
            self.file = None
        self._offer()

    def _offer(self) -> None:
        """Offer a level and a draw where the noise is made here."""
        noise = self.controls["noise"]
        own = noise == "point_sampling" and self.image.value == "validation"
        for control in (self.level, self.seed):
            control.set_enabled(noise != "none" and not own)
        meaning = TABLE[noise].meaning if noise in TABLE else ""
        self.meaning.set_text("the noise that the file has" if own else meaning)

    def _noise_changed(self) -> None:
        self._offer()
        default, (low, high, step) = LEVELS[self.controls["noise"]]
        for prop, number in zip(("min", "max", "step"), (low, high, step)):
            self.level.props[prop] = number  # a text with them would set texts
        self.level.set_value(default)
