"""What a pixel sees: rows of the Jacobian, SmoothGrad, and f(x) = J(x) x, for two models."""

from __future__ import annotations

from typing import Callable

import torch
from nicegui import ui
from torch import Tensor

from others.analysis.jacobian.pixel import Row, gradients_of, row_of
from others.analysis.jacobian.rows import effective_area
from others.analysis.subjects import Subject
from others.demo import controls, pictures
from others.demo.background import Latest, Run
from others.demo.images import ImageControls
from others.demo.state import State
from others.networks.pretrained import model_names

TITLE = "What a pixel sees"
DEFAULTS = ("miniproject_1", "miniproject_2")
LAST = 63  # row and column of the largest image; a smaller one ends sooner
GREY = 255  # grey levels from black to white
# Title, unit and whether values have a sign, of the pictures of one model.
PANELS = {
    "answer": ("denoised: click on a pixel", "", False),
    "weights": ("its row of the Jacobian", "weight", True),
    "output": ("SmoothGrad of the output", "|slope|", False),
    "loss": ("SmoothGrad of the loss", "|slope|", False),
    "rest": ("f(x) − J(x) x", "grey levels", False),
}


class Panel:
    """A picture with its title, a legend and a line of numbers."""

    def __init__(self, model: str, kind: str, picked: Callable[[float, float], object]) -> None:
        title, unit, self.signed = PANELS[kind]
        with ui.column().classes("gap-0"):
            ui.label(title).classes("text-sm font-bold leading-tight")
            self.picture = pictures.Shown(f"{title} ({model})", picked)
            self.legend = pictures.Legend(unit, self.signed) if unit else None
            self.numbers = ui.label().classes("scores text-xs leading-tight")

    def show_map(self, values: Tensor, numbers: str = "") -> None:
        """Show a map (H, W), scaled to its own largest value."""
        most = float(values.abs().max())
        self.picture.show_map(values, most, self.signed)
        self.numbers.set_text(numbers)
        if self.legend:
            self.legend.show(most)


class Page:
    """The page of one tab."""

    def __init__(self, state: State) -> None:
        self.state, self.latest = state, Latest(state, self.draw)
        self.refresh = self.latest.refresh
        with ui.row().classes("w-full no-wrap items-start gap-6"):
            with ui.column().classes("w-64 shrink-0 gap-1"):
                self._controls()
            with ui.column().classes("grow gap-1"):
                grid = ui.element("div").classes("grid grid-cols-5 w-full gap-x-3 gap-y-1")
                ui.label(
                    "A row of J(x): how much lighter the marked pixel gets when a noisy pixel gets "
                    "lighter by one. Area: (Σ|w|)² / Σw². Miniproject 2's gradients come from its "
                    "own backward passes. Each map is scaled to its own largest value."
                ).classes("text-xs opacity-70")
        with grid:
            self.panels = [
                {kind: Panel(f"model {number}", kind, self._picked) for kind in PANELS}
                for number in (1, 2)
            ]

    def _controls(self) -> None:
        names = {name: name for name in model_names()}
        self.models = [
            controls.select(
                self.state, f"model{i + 1}", f"model {i + 1}", names, name, self.refresh
            )
            for i, name in enumerate(DEFAULTS)
        ]
        self.images = ImageControls(self.state, self.refresh)

        def slider(name: str, title: str, default: float, *span: float) -> ui.slider:
            low, high, step = span
            return controls.slider(
                self.state, name, title, default, (low, high, step), self.refresh
            )

        self.row = slider("row", "row", 16, 0, LAST, 1)
        self.column = slider("column", "column", 16, 0, LAST, 1)
        self.n = slider("n", "SmoothGrad: copies n", 8, 1, 50, 1)
        self.sigma = slider("sigma", "SmoothGrad: σ, share of the range", 0.1, 0, 0.5, 0.01)

    async def _picked(self, x: float, y: float) -> None:
        height, width = self.size
        self.row.set_value(min(int(y * height), height - 1))
        self.column.set_value(min(int(x * width), width - 1))

    async def draw(self, run: Run) -> None:
        """Compute and show everything anew."""
        noisy, clean = await run(Subject.images, self.images.subject())
        height, width = self.size = noisy.shape[-2:]
        pixel = (
            min(int(controls.value(self.row)), height - 1),
            min(int(controls.value(self.column)), width - 1),
        )
        smoothing = int(controls.value(self.n)), controls.value(self.sigma)
        chosen = list(zip([str(model.value) for model in self.models], self.panels))
        for name, panels in chosen:
            show_row(panels, await run(row_of, name, noisy, pixel), name, pixel)
        for name, panels in chosen:
            maps = await run(gradients_of, name, noisy, clean, pixel, *smoothing)
            for kind, values in zip(("output", "loss"), maps):
                panels[kind].show_map(values)


def show_row(panels: dict[str, Panel], row: Row, name: str, pixel: tuple[int, int]) -> None:
    """The denoised image, the mask with its numbers, and the remainder."""
    panels["answer"].picture.show(row.answer)
    panels["answer"].numbers.set_text(name)
    weights = row.weights
    for panel in panels.values():
        panel.picture.mark(pixel, (weights.shape[0], weights.shape[1]))
    numbers = f"Σ {float(weights.sum()):.3f} · area {effective_area(weights):.1f} pixels"
    panels["weights"].show_map(weights, f"{numbers} · own {float(weights[pixel]):.3f}")
    if row.rest is None:
        panels["rest"].show_map(
            torch.zeros_like(weights), "no forward derivative in this framework"
        )
        return
    size, whole = (GREY * float(x.square().mean().sqrt()) for x in (row.rest, row.answer))
    rest = GREY * row.rest.abs().mean(0)
    panels["rest"].show_map(rest, f"root mean square {size:.2g}, of {whole:.0f} for f(x)")


def build(state: State) -> None:
    """Draw the page."""
    page = Page(state)
    ui.timer(0, page.refresh, once=True)
