"""Training, live: two trainings of a miniproject side by side, each in a process of its own."""

from nicegui import ui

from others.demo.controls import Controls
from others.demo.pictures import SIDE_BY_SIDE, Panel, note
from others.demo.state import State
from others.studies.live.charts import CHARTS, SIDES, chart, strips
from others.studies.live.process import LiveTraining
from others.studies.live.training import OPTIMIZERS, PAIRS, SCORED, UPSAMPLINGS, Run

TITLE = "Training, live"
PROJECTS = {"2": "Miniproject 2", "1": "Miniproject 1"}
CHOICES = {"optimizer": list(OPTIMIZERS), "upsampling": list(UPSAMPLINGS)}  # of Miniproject 2
NUMBERS = {  # of a Run: title; low, high and step
    "learning_rate": ("learning rate", (1e-6, 100, 1e-3)),
    "momentum": ("momentum, β₁", (0, 0.99, 0.05)),
    "batch_size": ("batch size", (1, 128, 1)),
    "channels": ("channels", (1, 64, 1)),
    "steps": ("steps, at least", (32, 5000, 1)),
    "seed": ("seed", (0, 99, 1)),
}
STARTS: dict[tuple[str, str], dict[str, float]] = {  # where a run begins otherwise than a Run
    ("b", "2"): {"learning_rate": 0.01},
    ("a", "1"): {"learning_rate": 1e-2, "channels": 8},
    ("b", "1"): {"learning_rate": 1e-3, "channels": 8},
}
STRIPS = {"noisy": "noisy", "a": "by run A", "clean": "clean", "b": "by run B"}
POLL = 0.25  # seconds between two looks at what the trainings report


class Side:
    """One of the two runs: its controls and its process."""

    live: LiveTraining | None = None

    def __init__(self, name: str, state: State) -> None:
        self.name, self.controls = name, Controls(state, prefix=f"{name}_")
        colour, line = SIDES[name]
        with ui.column().classes("w-44 gap-1"):
            ui.label(f"Run {name.upper()}, {line}").classes("font-bold").style(f"color: {colour}")
            project = self.controls.select("project", "network", PROJECTS, "2")
            project.on_value_change(self._draw_fields)
            self.fields = ui.element("div").classes("grid grid-cols-2 gap-x-2 w-full")
            with ui.row().classes("gap-1"):
                start = ui.button(on_click=self.start_or_pause).bind_text_from(self, "offer")
                reset = ui.button("reset", on_click=self.reset)
            start.props["aria-label"] = f"start or pause run {name.upper()}"
            reset.props["aria-label"] = f"reset run {name.upper()}"
            said = ui.label().classes("text-sm whitespace-pre-line").props("role=status")
            said.bind_text_from(self, "live", lambda live: str(live or "not started"))
        self._draw_fields()

    @property
    def offer(self) -> str:
        """What the button does."""
        if self.live is None or self.live.ended:
            return "start"
        return "go on" if self.live.paused else "pause"

    def _draw_fields(self) -> None:
        """The controls that this network has: Miniproject 1 has one optimizer, one upsampling."""
        project = self.controls["project"]
        starts = STARTS.get((self.name, project), {})
        self.choices = CHOICES if project == "2" else {}
        self.fields.clear()
        with self.fields:
            for key, choices in self.choices.items():
                made = self.controls.select(key, key, choices, getattr(Run, key))
                made.classes("col-span-2")
            for key, (title, span) in NUMBERS.items():
                self.controls.number(key, title, starts.get(key) or getattr(Run, key), span)

    def start_or_pause(self) -> None:
        """Start with the settings that are chosen, pause, or go on."""
        if self.live is None or self.live.ended:
            values = {key: self.controls[key] for key in (*NUMBERS, *self.choices)}
            self.live = LiveTraining(Run(int(self.controls["project"]), **values))
        else:
            self.live.pause(not self.live.paused)

    def reset(self) -> None:
        """End the training's process and forget what it has reported."""
        if self.live is not None:
            self.live.close()
        self.live = None


class Page:
    """The page of one tab."""

    shown = (0, 0)  # how many reports of each run are drawn

    def __init__(self, state: State) -> None:
        with ui.row().classes(f"{SIDE_BY_SIDE} gap-4"):
            with ui.column().classes("gap-2"):
                ui.button("start both", on_click=self.start_both)
                with ui.row().classes("no-wrap gap-3"):
                    self.sides = [Side(name, state) for name in SIDES]
            with ui.column().classes("grow min-w-0 gap-2 max-md:basis-full"):
                with ui.row().classes("w-full"):
                    self.charts = {name: ui.echart(chart(name, {})) for name in CHARTS}
                for name, made in self.charts.items():
                    made.classes("h-72 grow basis-0 min-w-80").props("role=img")
                    made.props["aria-label"] = f"{CHARTS[name][0]} by step, a line for each run"
                with ui.element("div").classes("strips grid grid-cols-2 gap-3 w-full"):
                    self.strips = {
                        name: Panel(title, "(four images)") for name, title in STRIPS.items()
                    }
                note(
                    f"Both learn from the same {PAIRS} pairs of generated images; the PSNR is of "
                    f"{SCORED} others, some of which are shown. Miniproject 1 divides the loss of "
                    "an image by its noise; Miniproject 2 has the plain loss here. A run ends when "
                    "its last pass over the pairs is complete."
                )
        ui.timer(POLL, self.poll)
        ui.context.client.on_delete(lambda: [side.reset() for side in self.sides])

    def start_both(self) -> None:
        """Start whichever run is not under way."""
        for side in self.sides:
            if side.offer == "start":
                side.start_or_pause()

    def poll(self) -> None:
        """Show what has been reported since the last look."""
        runs = {side.name: side.live.poll() if side.live else [] for side in self.sides}
        counts = tuple(map(len, runs.values()))
        if counts == self.shown:
            return
        self.shown = counts
        for name, made in self.charts.items():
            made.options.update(chart(name, runs))
            made.update()
        shown = strips(runs)
        for name, panel in self.strips.items():
            panel.image.set_visibility(name in shown)
            if name in shown:
                panel.show(shown[name])
