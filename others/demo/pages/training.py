"""Training, live: two trainings of a miniproject side by side, each in a process of its own."""

from __future__ import annotations

import math
from typing import Any

import torch
from nicegui import ui

from others.demo import controls
from others.demo.pictures import data_url
from others.demo.state import State
from others.studies.live.process import LiveTraining
from others.studies.live.training import OPTIMIZERS, PAIRS, SCORED, UPSAMPLINGS, Report, Run

TITLE = "Training, live"
PROJECTS = {"2": "Miniproject 2", "1": "Miniproject 1"}
SIDES = {"a": ("#3d85c6", "solid"), "b": ("#e08a00", "dashed")}  # colour and line of each run
RATES = {"a": {"2": 2.0, "1": 2e-3}, "b": {"2": 0.01, "1": 2e-4}}  # to begin with
CHANNELS = {"2": 16, "1": 8}  # to begin with
NUMBERS: dict[str, tuple[str, float, tuple[float, float, float]]] = {  # title, default, span
    "momentum": ("momentum, β₁", 0.9, (0, 0.99, 0.05)),
    "batch": ("batch size", 16, (1, 128, 1)),
    "channels": ("channels", 0, (1, 64, 1)),  # by default as CHANNELS says
    "steps": ("steps", 1000, (32, 5000, 32)),
    "seed": ("seed", 0, (0, 99, 1)),
}
POLL = 0.25  # seconds between two looks at what the trainings report
GREY = "#808080"  # of axes and their labels, readable on light and on dark ground


class Side:
    """One of the two runs: its controls, its process, and what it has reported."""

    def __init__(self, name: str, state: State) -> None:
        self.name, self.state = name, state
        self.live: LiveTraining | None = None
        self.reports: list[Report] = []
        colour, line = SIDES[name]
        with ui.column().classes("w-44 gap-1"):
            ui.label(f"Run {name.upper()}, {line}").classes("font-bold").style(f"color: {colour}")
            controls.select(state, f"{name}_project", "network", PROJECTS, "2", self._draw_fields)
            self.fields = ui.column().classes("w-full gap-0")
            with ui.row().classes("gap-1"):
                self.button = ui.button(on_click=self.start_or_pause).props("dense no-caps")
                reset = ui.button("reset", on_click=self.reset).props("dense no-caps outline")
            self.button.props["aria-label"] = f"start or pause run {name.upper()}"
            reset.props["aria-label"] = f"reset run {name.upper()}"
            self.said = ui.label().classes("text-sm whitespace-pre-line").props("role=status")
        self._draw_fields()
        self.tell()

    def _project(self) -> str:
        return self.state.choice(f"{self.name}_project", PROJECTS, "2")

    def _draw_fields(self) -> None:
        """The controls that this network has: Miniproject 1 has one optimizer, one upsampling."""
        name, state, project = self.name, self.state, self._project()
        self.fields.clear()
        with self.fields:
            if project == "2":
                for key, choices in (("optimizer", OPTIMIZERS), ("upsampling", UPSAMPLINGS)):
                    titles = {one: one for one in choices}
                    first = next(iter(titles))
                    controls.select(state, f"{name}_{key}", key, titles, first, self.tell)
            rate, span = RATES[name][project], (1e-6, 100, 1e-3)
            controls.number(state, f"{name}_rate", "learning rate", rate, span, self.tell)
            with ui.element("div").classes("grid grid-cols-2 gap-x-2"):
                for key, (title, _, span) in NUMBERS.items():
                    default = self._default(key)
                    controls.number(state, f"{name}_{key}", title, default, span, self.tell)
        self.tell()

    def _default(self, key: str) -> float:
        return CHANNELS[self._project()] if key == "channels" else NUMBERS[key][1]

    def run(self) -> Run:
        """The run that the address describes."""
        name, state, project = self.name, self.state, self._project()
        numbers = {
            key: state.number(f"{name}_{key}", self._default(key), *span[:2])
            for key, (_, _, span) in NUMBERS.items()
        }
        return Run(
            miniproject=int(project),
            optimizer=state.choice(f"{name}_optimizer", OPTIMIZERS, "SGD"),
            learning_rate=state.number(f"{name}_rate", RATES[name][project], 1e-6, 100),
            momentum=numbers["momentum"],
            batch_size=int(numbers["batch"]),
            upsampling=state.choice(f"{name}_upsampling", UPSAMPLINGS, "transposed"),
            channels=int(numbers["channels"]),
            steps=int(numbers["steps"]),
            seed=int(numbers["seed"]),
        )

    def start_or_pause(self) -> None:
        """Start with the settings that are chosen, pause, or go on."""
        if self.live is None or self.live.ended:
            self.reset()
            self.live = LiveTraining(self.run())
        else:
            self.live.pause(not self.live.paused)
        self.tell()

    def reset(self) -> None:
        """End the training and forget what it has reported."""
        self.close()
        self.live, self.reports = None, []
        self.tell()

    def close(self) -> None:
        """End the training's process."""
        if self.live is not None:
            self.live.close()

    def poll(self) -> None:
        """Take what has been reported since the last look."""
        if self.live is not None and not self.live.ended:
            self.reports += self.live.news()
            self.tell()

    def tell(self) -> None:
        """The state in words, and on the button what a click would do."""
        live, reports = self.live, self.reports
        running = live is not None and not live.ended
        paused = live is not None and live.paused
        self.button.set_text("start" if not running else "go on" if paused else "pause")
        if not reports:
            self.said.set_text("starting …" if running else "not started")
            return
        last = reports[-1]
        doing = "paused" if running and paused else "training" if running else "done"
        doing = doing if math.isfinite(last.psnr) else "diverged: no number any more"
        self.said.set_text(
            f"{doing}, {last.seconds:.0f} s\nstep {last.step} of {last.steps}\n"
            f"loss {last.loss:.4f}\nPSNR {last.psnr:.2f} dB"
        )


def curve(name: str, values: list[list[float]]) -> dict[str, Any]:
    """A line of a chart."""
    colour, line = SIDES.get(name, (GREY, "dotted"))
    return {
        "name": f"run {name.upper()}" if name in SIDES else name,
        "type": "line",
        "data": [pair for pair in values if math.isfinite(pair[1])],
        "showSymbol": False,
        "lineStyle": {"color": colour, "type": line, "width": 2.5},
        "itemStyle": {"color": colour},
    }


def chart(title: str, kind: str) -> ui.echart:
    """An empty chart over the steps.

    Args:
        kind: of the vertical axis, "log" or "value".
    """
    axis: dict[str, Any] = {
        "axisLabel": {"color": GREY},
        "nameTextStyle": {"color": GREY},
        "nameGap": 24,
    }
    axis["splitLine"] = {"lineStyle": {"color": GREY, "opacity": 0.3}}
    options = {
        "title": {"text": title, "left": 0, "textStyle": {"color": GREY, "fontSize": 14}},
        "legend": {"right": 0, "top": 0, "textStyle": {"color": GREY}},
        "grid": {"left": 48, "right": 12, "top": 40, "bottom": 44},
        "xAxis": {"type": "value", "name": "step", "nameLocation": "middle", **axis},
        "yAxis": {"type": kind, "scale": True, **axis},
        "tooltip": {"trigger": "axis"},
        "animation": False,
        "series": [],
    }
    made = ui.echart(options).classes("h-72 grow basis-0").props("role=img")
    made.props["aria-label"] = f"{title} against the step, a line for each run"
    return made


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
                    self.loss = chart("loss: mean squared error", "log")
                    self.psnr = chart("PSNR per image, in dB", "value")
                with ui.element("div").classes("grid grid-cols-2 gap-3"):
                    self.strips = {name: self._strip(name) for name in ("noisy", "a", "clean", "b")}
                ui.label(
                    f"Both learn from the same {PAIRS} pairs of generated images; the PSNR is of "
                    f"{SCORED} others, some of which are shown. Miniproject 1 weights its loss."
                ).classes("text-xs opacity-70")
        ui.timer(POLL, self.poll)
        ui.context.client.on_delete(self.close)

    def _strip(self, name: str) -> ui.element:
        title = f"run {name.upper()}" if name in SIDES else name
        with ui.column().classes("gap-1"):
            ui.label(title).classes("text-sm")
            image = ui.element("img").classes("strip")
        image.props["alt"] = f"four images, {title}"
        image.set_visibility(False)
        return image

    def poll(self) -> None:
        """Show what has been reported since the last look."""
        for side in self.sides:
            side.poll()
        counts = [len(side.reports) for side in self.sides]
        if counts != self.shown:
            self.shown = counts
            self.show()

    def start_both(self) -> None:
        """Start whichever run is not under way."""
        for side in self.sides:
            if side.live is None or side.live.ended:
                side.start_or_pause()

    def show(self) -> None:
        """Draw the curves and the images anew."""
        psnr, loss = [], []
        for side in self.sides:
            loss.append(curve(side.name, [[one.step, one.loss] for one in side.reports]))
            psnr.append(curve(side.name, [[one.step, one.psnr] for one in side.reports]))
        known = [side.reports[-1] for side in self.sides if side.reports]
        end = max((one.steps for one in known), default=0)
        psnr.append(curve("noisy", [[at, one.noisy_psnr] for one in known[:1] for at in (0, end)]))
        for drawn, lines in ((self.loss, loss), (self.psnr, psnr)):
            drawn.options["series"] = lines
            drawn.options["xAxis"]["max"] = end or None
            drawn.update()
        shown = {side.name: side.reports[-1].images[1] for side in self.sides if side.reports}
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
