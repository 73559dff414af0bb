"""Controls whose values stand in the address: a slider, a select, a switch."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Callable, Union

from nicegui import ui

from others.demo.state import State

Changed = Callable[[], Union[Awaitable[Any], None]]  # called after every change of a control


def _kept(state: State, name: str, changed: Changed) -> Callable[[Any], Any]:
    """What a control calls: the address gets its value, then the page is told."""

    def keep(event: Any) -> Any:
        state.set(name, event.value)
        return changed()

    return keep


def slider(
    state: State,
    name: str,
    title: str,
    default: float,
    span: tuple[float, float, float],
    changed: Changed,
) -> ui.slider:
    """A slider over low, high and step, with its title and its value above it.

    Its value is a whole number if the default is an int.
    """
    low, high, step = span
    value = state.number(name, default, low, high)
    with ui.column().classes("w-full gap-0"):
        label = ui.label().classes("text-sm")
        made = ui.slider(
            min=low, max=high, step=step, value=value, on_change=_kept(state, name, changed)
        )
    made.props["aria-label"] = title
    label.bind_text_from(made, "value", lambda value: f"{title}: {value:.4g}")
    return made


def select(
    state: State, name: str, title: str, choices: Mapping[str, str], default: str, changed: Changed
) -> ui.select:
    """One of the choices, a title for each name."""
    made = ui.select(
        dict(choices),
        value=state.choice(name, choices, default),
        label=title,
        on_change=_kept(state, name, changed),
    )
    return made.classes("w-full").props("dense options-dense")


def switch(state: State, name: str, title: str, default: bool, changed: Changed) -> ui.switch:
    """Yes or no."""
    value = state.flag(name, default)
    return ui.switch(title, value=value, on_change=_kept(state, name, changed)).props("dense")


def number(
    state: State,
    name: str,
    title: str,
    default: float,
    span: tuple[float, float, float],
    changed: Changed,
) -> ui.number:
    """A field for a number over low, high and step; what lies outside is not taken, and says so.

    Its value is a whole number if the default is an int.
    """
    low, high, step = span

    def fits(value: float | None) -> bool:
        return value is not None and low <= value <= high and type(default)(value) == value

    def keep(event: Any) -> Any:
        if not fits(event.value):
            return None
        state.set(name, type(default)(event.value))
        return changed()

    return (
        ui.number(
            title,
            value=state.number(name, default, low, high),
            step=step,
            validation={f"{low:g} to {high:g}": fits},
            on_change=keep,
        )
        .classes("w-full")
        .props("dense hide-bottom-space")
    )


def value(made: ui.slider) -> float:
    """The value of a slider."""
    return float(made.value or 0)
