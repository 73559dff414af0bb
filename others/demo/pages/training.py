"""Training, live: two trainings of a miniproject side by side, each in a process of its own."""

from __future__ import annotations

from typing import Any

import torch
from nicegui import ui

from others.demo import controls
from others.demo.pictures import data_url
from others.demo.state import State
from others.studies.live.charts import SIDES, curves, empty_chart
from others.studies.live.process import LiveTraining
from others.studies.live.training import OPTIMIZERS, PAIRS, SCORED, UPSAMPLINGS, Report, Run

TITLE = "Training, live"
PROJECTS = {"2": "Miniproject 2", "1": "Miniproject 1"}
CHOICES = {"optimizer": OPTIMIZERS, "upsampling": UPSAMPLINGS}  # of Miniproject 2
NUMBERS = {  # of a Run: title; low, high and step
    "learning_rate": ("learning rate", (1e-6, 100, 1e-3)),
    "momentum": ("momentum, β₁", (0, 0.99, 0.05)),
    "batch_size": ("batch size", (1, 128, 1)),
    "channels": ("channels", (1, 64, 1)),
    "steps": ("steps", (32, 5000, 1)),
    "seed": ("seed", (0, 99, 1)),
}
STARTS: dict[tuple[str, str], dict[str, float]] = {  # where a run begins otherwise than a Run
    ("b", "2"): {"learning_rate": 0.01},
    ("a", "1"): {"learning_rate": 2e-3, "channels": 8},
    ("b", "1"): {"learning_rate": 2e-4, "channels": 8},
}
POLL = 0.25  # seconds between two looks at what the trainings report


class Side:
    """One of the two runs: its controls and its process."""

    def __init__(self, name: str, state: State) -> None:
        self.name, self.state = name, state
        self.live: LiveTraining | None = None
        colour, line = SIDES[name]
        with ui.column().classes("w-44 gap-1"):
            ui.label(f"Run {name.upper()}, {line}").classes("font-bold").style(f"color: {colour}")
            controls.select(state, f"{name}_project", "network", PROJECTS, "2", self._draw_fields)
            self.fields = ui.element("div").classes("grid grid-cols-2 gap-x-2 w-full")
            with ui.row().classes("gap-1"):
                self.button = ui.button(on_click=self.start_or_pause).props("dense no-caps")
                reset = ui.button("reset", on_click=self.reset).props("dense no-caps outline")
            self.button.props["aria-label"] = f"start or pause run {name.upper()}"
            reset.props["aria-label"] = f"reset run {name.upper()}"
            self.said = ui.label().classes("text-sm whitespace-pre-line").props("role=status")
        self._draw_fields()
        self.tell()

    @property
    def reports(self) -> list[Report]:
        """What the run has told so far."""
        return self.live.reports if self.live else []

    def _project(self) -> str:
        return self.state.choice(f"{self.name}_project", PROJECTS, "2")

    def _default(self, key: str) -> Any:
        return STARTS.get((self.name, self._project()), {}).get(key, getattr(Run, key))

    def _draw_fields(self) -> None:
        """The controls that this network has: Miniproject 1 has one optimizer, one upsampling."""
        self.fields.clear()
        with self.fields:
            for key, choices in CHOICES.items() if self._project() == "2" else ():
                titles, name = {one: one for one in choices}, f"{self.name}_{key}"
                made = controls.select(self.state, name, key, titles, self._default(key), self.tell)
                made.classes("col-span-2")
            for key, (title, span) in NUMBERS.items():
                default, name = self._default(key), f"{self.name}_{key}"
                controls.number(self.state, name, title, default, span, self.tell)

    def run(self) -> Run:
        """The run that the address describes."""
        name, values = self.name, {}
        for key, (_, (low, high, _)) in NUMBERS.items():
            values[key] = self.state.number(f"{name}_{key}", self._default(key), low, high)
        for key, choices in CHOICES.items():
            values[key] = self.state.choice(f"{name}_{key}", choices, self._default(key))
        return Run(int(self._project()), **values)

    def start_or_pause(self) -> None:
        """Start with the settings that are chosen, pause, or go on."""
        if self.live is None or self.live.ended:
            self.close()
            self.live = LiveTraining(self.run())
        else:
            self.live.pause(not self.live.paused)
        self.tell()

    def reset(self) -> None:
        """End the training and forget what it has reported."""
        self.close()
        self.live = None
        self.tell()

    def close(self) -> None:
        """End the training's process."""
        if self.live is not None:
            self.live.close()

    def poll(self) -> None:
        """Take what has been reported since the last look."""
        if self.live is not None and not self.live.ended:
            self.live.poll()
            self.tell()

    def tell(self) -> None:
        """The state in words, and on the button what a click would do."""
        live = self.live
        ready = live is None or live.ended
        self.button.set_text("start" if ready else "go on" if live and live.paused else "pause")
        self.said.set_text(str(live or "not started"))


class Page:
    """The page of one tab."""

    def __init__(self, state: State) -> None:
        self.shown = [0, 0]  # how many reports of each run are drawn
        with ui.row().classes("w-full no-wrap items-start gap-4"):
            with ui.column().classes("gap-2"):
                ui.button("start both", on_click=self.start_both).props("dense no-caps")
                with ui.row().classes("no-wrap gap-3"):
                    self.sides = [Side(name, state) for name in SIDES]
            with ui.column().classes("grow gap-2"):
                with ui.row().classes("w-full no-wrap"):
                    self.charts = {
                        "loss": self._chart("loss: mean squared error", "log"),
                        "psnr": self._chart("PSNR per image, in dB", "value"),
                    }
                with ui.element("div").classes("grid grid-cols-2 gap-3"):
                    self.strips = {name: self._strip(name) for name in ("noisy", "a", "clean", "b")}
                ui.label(
                    f"Both learn from the same {PAIRS} pairs of generated images; the PSNR is of "
                    f"{SCORED} others, some of which are shown. Miniproject 1 weights its loss."
                ).classes("text-xs opacity-70")
        ui.timer(POLL, self.poll)
        ui.context.client.on_delete(self.close)

    def _chart(self, title: str, scale: str) -> ui.echart:
        made = ui.echart(empty_chart(title, scale)).classes("h-72 grow basis-0").props("role=img")
        made.props["aria-label"] = f"{title} against the step, a line for each run"
        return made

    def _strip(self, name: str) -> ui.element:
        title = f"run {name.upper()}" if name in SIDES else name
        with ui.column().classes("gap-1"):
            ui.label(title).classes("text-sm")
            image = ui.element("img").classes("strip")
        image.props["alt"] = f"four images, {title}"
        image.set_visibility(False)
        return image

    def start_both(self) -> None:
        """Start whichever run is not under way."""
        for side in self.sides:
            if side.live is None or side.live.ended:
                side.start_or_pause()

    def poll(self) -> None:
        """Show what has been reported since the last look."""
        for side in self.sides:
            side.poll()
        counts = [len(side.reports) for side in self.sides]
        if counts != self.shown:
            self.shown = counts
            self.show()

    def show(self) -> None:
        """Draw the curves and the images anew."""
        runs = {side.name: side.reports for side in self.sides}
        known = [reports[-1] for reports in runs.values() if reports]
        for what, chart in self.charts.items():
            chart.options["series"] = curves(runs, what)
            chart.options["xAxis"]["max"] = max((one.steps for one in known), default=None)
            chart.update()
        shown = {name: reports[-1].images[1] for name, reports in runs.items() if reports}
        if known:
            shown.update(noisy=known[0].images[0], clean=known[0].images[2])
        for name, image in self.strips.items():
            image.set_visibility(name in shown)
            if name in shown:
                image.props["src"] = data_url(torch.cat(list(shown[name]), 2))

    def close(self) -> None:
        """End both trainings: the tab is closed."""
        for side in self.sides:
            side.close()


def build(state: State) -> None:
    """Draw the page."""
    Page(state)
