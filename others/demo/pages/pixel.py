"""What a pixel sees: rows of the Jacobian, SmoothGrad, and f(x) = J(x) x, for two models."""

from nicegui import ui

from others.analysis.jacobian.pixel import Row, gradients_of, row_of
from others.analysis.subjects import Subject
from others.demo.controls import Controls, ImageControls
from others.demo.pictures import Panel, columns, note
from others.demo.state import Run, State
from others.networks.pretrained import model_names

TITLE = "What a pixel sees"
MODELS = {"model1": ("model 1", "miniproject_1"), "model2": ("model 2", "miniproject_2")}
LAST = 63  # row and column of the largest image; a smaller one ends sooner
SLIDERS = {
    "row": ("row", 16, (0, LAST, 1)),
    "column": ("column", 16, (0, LAST, 1)),
    "n": ("SmoothGrad: copies n", 8, (1, 50, 1)),
    "sigma": ("SmoothGrad: σ, share of the range", 0.1, (0, 0.5, 0.01)),
}
# Title, unit and whether values have a sign, of the pictures of one model.
PANELS = {
    "answer": ("denoised: click on a pixel", "", False),
    "weights": ("its row of the Jacobian", "weight", True),
    "output": ("SmoothGrad of the output", "|slope|", False),
    "loss": ("SmoothGrad of the loss", "|slope|", False),
    "rest": ("f(x) − J(x) x", "grey levels", False),
}


class Page:
    """The page of one tab."""

    size = 1, 1  # height and width of the image that is shown

    def __init__(self, state: State) -> None:
        left, right = columns()
        with right:
            self.panels = {name: self._pictures(called) for name, (called, _) in MODELS.items()}
            note(
                "A row of J(x) = ∂f/∂x: how much lighter the marked pixel gets when a noisy pixel "
                "gets lighter by one. Σ: the sum of these weights w; area: (Σ|w|)² / Σw²; own: the "
                "weight of the marked pixel. SmoothGrad: the slope of the marked pixel, or of its "
                "squared error, as the mean over n copies of x with more noise of standard "
                "deviation σ. Without biases, f(x) − J(x) x is 0. Miniproject 2's rows and slopes "
                "come from its own backward passes; its J(x) x, for which our framework has no "
                "forward derivative, from torch's. Each map is scaled to its own largest value."
            )
        with left:
            controls = self.controls = Controls(state, self.draw)
            for name, (title, default) in MODELS.items():
                controls.select(name, title, model_names(), default)
            self.images = ImageControls(controls)
            self.sliders = {name: controls.slider(name, *row) for name, row in SLIDERS.items()}

    def _pictures(self, called: str) -> dict[str, Panel]:
        """The pictures of one model."""
        with ui.element("div").classes("pictures gap-x-3 gap-y-1"):
            return {
                kind: Panel(title, f"({called})", unit, signed, self._picked)
                for kind, (title, unit, signed) in PANELS.items()
            }

    def _picked(self, x: float, y: float) -> None:
        for name, share, side in zip(("row", "column"), (y, x), self.size):
            self.sliders[name].set_value(min(int(share * side), side - 1))

    async def draw(self, run: Run) -> None:
        """Compute and show everything anew."""
        controls = self.controls
        chosen = [(controls[name], panels) for name, panels in self.panels.items()]
        place, smoothing = (controls["row"], controls["column"]), (controls["n"], controls["sigma"])
        noisy, clean = await run(Subject.images, self.images.subject())
        height, width = self.size = noisy.shape[-2], noisy.shape[-1]
        pixel = min(place[0], height - 1), min(place[1], width - 1)
        for name, index, side in zip(("row", "column"), pixel, self.size):
            self.sliders[name].props["max"] = side - 1
            self.sliders[name].set_value(index)
        for name, panels in chosen:
            row: Row = await run(row_of, name, noisy, pixel)
            for panel in panels.values():
                panel.mark(pixel, self.size)
            panels["answer"].show(row.answer, name)
            weights = f"Σ {row.sum:.3f} · area {row.area:.1f} pixels · own {row.own:.3f}"
            panels["weights"].show_map(row.weights, weights)
            rest = f"root mean square {row.rest_size:.2g}, of {row.answer_size:.0f} for f(x)"
            panels["rest"].show_map(row.rest, rest)
        for name, panels in chosen:
            maps = await run(gradients_of, name, noisy, clean, pixel, *smoothing)
            for kind, values in zip(("output", "loss"), maps):
                panels[kind].show_map(values)
