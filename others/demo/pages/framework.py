"""The framework: the passes of each block step by step, beside torch.nn; and checkerboards."""

import re
from collections.abc import Sequence
from typing import Any, Callable

from nicegui import ui

from others.analysis.blocks import checkerboards
from others.analysis.blocks.case import PARAMETERS, Case, default_of, inside
from others.analysis.blocks.drawing import Grid, cell_size, svg
from others.analysis.blocks.taps import BLOCKS, Pixel, parameters_of
from others.demo.controls import Controls
from others.demo.pictures import Panel, columns, note
from others.demo.state import Run, State
from others.studies.bench.one_block import beside_torch

TITLE = "The framework"
GRADIENTS = {"ones": "g: 1 everywhere", "pixel": "g: 1 at the chosen pixel"}
MOST = 99.0  # the largest value of a pixel
WIDTH, HEIGHT = 960, 200  # pixels of the screen, for matrices side by side
# Of the checkerboards: default, least and largest value of each slider; titles and units.
SLIDERS = {"kernel": (3, 2, 6), "enlarge": (2, 2, 3), "layers": (1, 1, 3), "weights": (0, 0, 99)}
CHECKERBOARDS = {
    "overlap": ("how many weights reach each pixel of a transposed convolution", "weights"),
    "transposed": ("a constant image after new transposed convolutions", "value"),
    "nearest": ("the same after nearest upsampling and convolutions", "value"),
}


def fields(block: str) -> list[str]:
    """The numbers that a case with this block has."""
    return [*parameters_of(block), "rows", "columns", "seed"]


def case_of(state: State) -> Case:
    """What the address asks for; x0_2_3=5 in it is a pixel of the input.

    Raises:
        ValueError: the block refuses it.
    """
    name, edits = state.choice("block", BLOCKS, "Conv2d"), {}
    for key in list(state.values):
        if place := re.fullmatch(r"x(\d+)_(\d+)_(\d+)", key):
            edits[tuple(map(int, place.groups()))] = state.number(key, 0.0, -MOST, MOST)
    arguments: dict[str, Any] = {
        one: state.number(one, default_of(name, one), *PARAMETERS[one][1:3]) for one in fields(name)
    }
    rows, columns, seed = (arguments.pop(one) for one in ("rows", "columns", "seed"))
    o, i, j = (int(state.number(one, 0, 0, 99)) for one in "oij")
    one_hot = state.choice("gradient", GRADIENTS, "ones") == "pixel"
    return Case(name, arguments, (rows, columns), seed, edits, (o, i, j), one_hot)


class Chooser:
    """Matrices of which the pointer, or the arrow keys, choose a cell.

    Args:
        title: what it is, for those who do not see it.
        chosen: gets plane, row and column of a cell.
        hover: the pointer chooses without a click; otherwise the chosen cell has a dashed frame.
    """

    def __init__(
        self, title: str, chosen: Callable[[int, int, int], Any], hover: bool = False
    ) -> None:
        self.hover = hover
        self.frame = ui.element("div").classes("chooser").props("tabindex=0 role=group")
        self.frame.props["aria-label"] = title
        with self.frame:
            self.html = ui.html(sanitize=False).classes("flex flex-wrap gap-3")
        for event in ("click", "keydown", "mousemove")[: 2 + hover]:
            self.frame.on(
                event,
                lambda event: chosen(*map(int, event.args.split(","))),
                throttle=0.05 if event == "mousemove" else 0,
                js_handler="(event) => chooseCell(event, emit)",
            )

    def show(
        self, planes: Sequence[Grid], place: Pixel, size: int, frame: tuple[int, int] = (0, 0)
    ) -> None:
        """Draw the matrices; `place` is where the arrow keys go on from."""
        self.frame.props["data-at"] = "{},{},{}".format(*place)
        self.html.content = "".join(
            svg(one, size, k, frame, place[1:] if not self.hover and k == place[0] else None)
            for k, one in enumerate(planes)
        )


class Blocks:
    """The part of the page with a block and its steps."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.case: Case | None = None
        left, right = columns()
        with right:
            self.whole = ui.column().classes("gap-1 w-full")
        with self.whole:
            self._pictures()
        with left:
            self.controls = Controls(state, self.draw)
            block = self.controls.select("block", "block", list(BLOCKS), "Conv2d")
            block.on_value_change(self._new_block)
            self.fields = ui.element("div").classes("grid grid-cols-2 gap-x-3 w-full")
            self.controls.select("gradient", "backward", GRADIENTS, "ones")
            self.timing = ui.label().classes("text-sm whitespace-pre-line").props("role=status")
        self._draw_fields()

    def _pictures(self) -> None:
        with ui.row().classes("items-start gap-5"):
            self.input = Chooser(
                "the input: a click or arrows choose the pixel that can be changed",
                lambda p, r, c: self._go(p=p, r=r, c=c),
            )
            self.kernel = ui.html(sanitize=False).classes("flex gap-3")
            self.output = Chooser(
                "the output: the pointer or arrows choose the pixel that is explained",
                lambda o, i, j: self._go(o=o, i=i, j=j),
                hover=True,
            )
        with ui.row().classes("items-center gap-2 w-full"):
            self.edit = (
                ui.number(on_change=lambda event: self._edit(event.value))
                .props("dense")
                .classes("w-28")
            )
            self.sum = ui.label().classes("text-sm sum")
        with ui.row().classes("items-center gap-2"):
            self.before = ui.button("step before", on_click=lambda: self._go(stage=self.stage - 1))
            self.next = ui.button("next step", on_click=lambda: self._go(stage=self.stage + 1))
            self.title = ui.label().classes("step-title text-lg font-bold")
            note("G copies patches into rows; M: the weights; g: ∂L/∂y, with the loss L")
        self.says = ui.label().classes("text-sm")
        self.matrices = ui.html(sanitize=False).classes("matrices flex flex-wrap gap-4 items-start")
        note(
            "Each picture has its own scale: red is negative, white 0, blue positive, darkest at "
            "the number after ±. Framed is what belongs to the chosen pixel of y; grey is padding."
        )

    def _draw_fields(self) -> None:
        name = self.controls["block"]
        self.fields.clear()
        with self.fields:
            for one in fields(name):
                span, title = PARAMETERS[one][1:], one.replace("_", " ")
                self.controls.number(one, title, default_of(name, one), span)

    def _new_block(self) -> None:
        self.state.set("stage", 0)
        self._draw_fields()

    async def draw(self, run: Run) -> None:
        """Compute and show everything anew, the comparison with torch last."""
        self.case = None
        self.whole.set_visibility(False)  # and so it stays if the block refuses
        self.timing.set_text("")
        self._update()
        self.whole.set_visibility(True)
        # A case of its own: the thread and the page would disturb each other's passes.
        case = case_of(self.state)
        said = await run(beside_torch, case.block, case.inputs, case.g)
        self.timing.set_text("\n".join(said))

    def _update(self) -> None:
        """Compute and show everything but the comparison; ValueError if the block refuses."""
        case = self.case = case_of(self.state)
        inputs, weights, outputs = case.drawn_inputs(), case.drawn_weights(), case.drawn_output()
        size = cell_size([*inputs, *weights, *outputs], WIDTH, HEIGHT)
        p, r, c = (int(self.state.number(one, 0, 0, 99)) for one in "prc")
        self.cursor = inside((p, r, c), case.planes)
        self.input.show(inputs, self.cursor, size, case.frame)
        self.kernel.content = "".join(svg(one, size) for one in weights)
        self.output.show(outputs, case.pixel, size)
        self.edit.label = "x[{}, {}, {}]".format(*self.cursor)
        self.edit.value = float(case.planes[self.cursor])
        self.sum.set_text(case.sentence())
        found = case.steps()
        self.stage = int(min(self.state.number("stage", 0, 0, 99), len(found) - 1))
        step = found[self.stage]
        self.title.set_text(f"{self.stage + 1} of {len(found)}: {step.formula}")
        self.says.set_text(step.sentence)
        size = cell_size(step.grids, WIDTH, HEIGHT)
        self.matrices.content = "".join(svg(one, size) for one in step.grids)
        self.before.set_enabled(self.stage > 0)
        self.next.set_enabled(self.stage < len(found) - 1)

    def _go(self, **values: int) -> None:
        """Show another step, or choose another pixel of the output (o, i, j) or input (p, r, c)."""
        for name, value in values.items():
            self.state.set(name, value)
        if self.case:
            self._update()

    def _edit(self, value: float | None) -> Any:
        if self.case is None or value is None or abs(value) > MOST:
            return None
        if value != float(self.case.planes[self.cursor]):
            self.state.set("x{}_{}_{}".format(*self.cursor), float(value))
            return self.controls.refresh()


class Checkerboards:
    """The part of the page with what upsampling makes of a constant image."""

    def __init__(self, state: State) -> None:
        left, right = columns()
        with left:
            self.controls = Controls(state, self.draw)
            for name, (default, low, high) in SLIDERS.items():
                self.controls.slider(name, name, default, (low, high, 1))
            ui.label(checkerboards.__doc__ or "").classes("text-sm opacity-80")
        with right, ui.element("div").classes("pictures gap-4"):
            self.panels = {
                name: Panel(title, unit=unit, signed=name != "overlap")
                for name, (title, unit) in CHECKERBOARDS.items()
            }

    async def draw(self, run: Run) -> None:
        """Compute and show all three pictures."""
        kernel, stride, layers, seed = (self.controls[name] for name in SLIDERS)
        counts = await run(checkerboards.overlap, kernel, stride)
        self.panels["overlap"].show_map(counts, f"{counts.min():.0f} to {counts.max():.0f} weights")
        for kind in checkerboards.KINDS:
            image = await run(checkerboards.answer, kind, kernel, stride, layers, seed)
            uneven = f"unevenness in the middle: {100 * checkerboards.unevenness(image):.1f} %"
            self.panels[kind].show_map(image, uneven)


class Page:
    """The page of one tab."""

    def __init__(self, state: State) -> None:
        part = state.choice("part", list(PARTS), "steps")
        with ui.tabs(on_change=lambda event: state.set("part", str(event.value))) as tabs:
            tabs.props("dense align=left").classes("max-w-full")
            for name, (title, _) in PARTS.items():
                ui.tab(name, title).props("no-caps")
        with ui.tab_panels(tabs, value=part).classes("w-full bg-transparent"):
            for name, (_, draw) in PARTS.items():
                with ui.tab_panel(name).classes("p-0"):
                    draw(state)


PARTS = {
    "steps": ("forward and backward, step by step", Blocks),
    "checkerboards": ("checkerboards", Checkerboards),
}
