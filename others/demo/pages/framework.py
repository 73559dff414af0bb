"""The framework: the passes of each block step by step, beside torch.nn; and checkerboards."""

from __future__ import annotations

import re
from typing import Any

from nicegui import ui

from others.analysis.blocks import checkerboards
from others.analysis.blocks.case import PARAMETERS, Case, default_of, inside
from others.analysis.blocks.drawing import cell_size, svg
from others.analysis.blocks.taps import BLOCKS, parameters_of
from others.demo import controls, pictures
from others.demo.background import Latest, Run
from others.demo.chooser import Chooser, Place
from others.demo.state import State
from others.studies.bench.one_block import beside_torch

TITLE = "The framework"
GRADIENTS = {"ones": "g: 1 everywhere", "pixel": "g: 1 at the chosen pixel"}
MOST = 99.0  # the largest value of a pixel
WIDTH, HEIGHT = 960, 200  # pixels of the screen, for matrices side by side


def parameter(state: State, block: str, name: str) -> float:
    """A parameter of a block as the address has it."""
    return state.number(name, default_of(block, name), *PARAMETERS[name][1:3])


def case_of(state: State) -> Case:
    """What the address asks for; x0_2_3=5 in it is a pixel of the input.

    Raises:
        ValueError: the block refuses it.
    """
    name, edits = state.choice("block", BLOCKS, "Conv2d"), {}
    for key in list(state.values):
        if place := re.fullmatch(r"x(\d+)_(\d+)_(\d+)", key):
            edits[tuple(map(int, place.groups()))] = state.number(key, 0.0, -MOST, MOST)
    rows, columns, seed = (int(parameter(state, name, one)) for one in ("rows", "columns", "seed"))
    i, j, k = (int(state.number(one, 0, 0, 99)) for one in "oij")
    arguments = {one: parameter(state, name, one) for one in parameters_of(name)}
    one_hot = state.choice("gradient", GRADIENTS, "ones") == "pixel"
    return Case(name, arguments, (rows, columns), seed, edits, (i, j, k), one_hot)


class Blocks:
    """The part of the page with a block and its steps."""

    def __init__(self, state: State) -> None:
        self.state, self.latest = state, Latest(state, self.draw)
        self.refresh = self.latest.refresh
        self.cursor: Place = (0, 0, 0)
        self.case: Case | None = None
        with ui.row().classes("w-full no-wrap items-start gap-6"):
            with ui.column().classes("w-60 shrink-0 gap-1"):
                names = {name: name for name in BLOCKS}
                controls.select(state, "block", "block", names, "Conv2d", self._new_block)
                self.fields = ui.element("div").classes("grid grid-cols-2 gap-x-3 w-full")
                controls.select(state, "gradient", "backward", GRADIENTS, "ones", self.refresh)
                self.timing = ui.label().classes("text-sm whitespace-pre-line").props("role=status")
            with ui.column().classes("grow gap-0"):
                self.error = ui.label().props("role=alert").classes("refusal text-lg")
                self.whole = ui.column().classes("gap-1 w-full")
        with self.whole:
            self._pictures()
        self._draw_fields()

    def _pictures(self) -> None:
        with ui.row().classes("items-start gap-5"):
            self.input = Chooser(
                "the input: arrows choose a pixel, digits and minus change it",
                self._move_cursor,
                self._type,
            )
            self.kernel = ui.html(sanitize=False).classes("flex gap-3")
            self.output = Chooser(
                "the output: the pointer or arrows choose the pixel that is explained",
                self._choose_pixel,
                events=("click", "mousemove"),
            )
        with ui.row().classes("items-center gap-2 w-full"):
            self.edit = ui.number(on_change=self._edited).props("dense").classes("w-28")
            self.sum = ui.label().classes("text-sm sum")
        with ui.row().classes("items-center gap-2"):
            self.turns = [
                ui.button(title, on_click=turn).props("dense no-caps")
                for title, turn in (
                    ("step before", lambda: self._turn(-1)),
                    ("next step", lambda: self._turn(1)),
                )
            ]
            self.title = ui.label().classes("step-title text-lg font-bold")
        self.says = ui.label().classes("text-sm")
        self.matrices = ui.html(sanitize=False).classes("matrices flex flex-wrap gap-4 items-start")
        ui.label(
            "Each picture has its own scale: red is negative, white 0, blue positive, darkest at "
            "the number after ±. Framed is what belongs to the chosen pixel of y; grey is padding."
        ).classes("text-xs opacity-70")

    def _draw_fields(self) -> None:
        name = self.state.choice("block", BLOCKS, "Conv2d")
        self.fields.clear()
        with self.fields:
            for one in [*parameters_of(name), "rows", "columns", "seed"]:
                title = one.replace("_", " ")
                default = parameter(self.state, name, one)
                controls.number(self.state, one, title, default, PARAMETERS[one][1:], self.refresh)

    async def _new_block(self) -> None:
        self.state.set("stage", 0)
        self._draw_fields()
        await self.refresh()

    async def draw(self, run: Run) -> None:
        """Compute and show everything anew, the comparison with torch last."""
        if self._update():
            # A case of its own: the thread and the page would disturb each other's passes.
            case = case_of(self.state)
            said = await run(beside_torch, case.block, case.inputs, case.g)
            self.timing.set_text("\n".join(said))

    def _update(self) -> bool:
        """Compute and show everything but the comparison; False if the block refuses."""
        try:
            self.case = case_of(self.state)
            self.error.set_text("")
            self._show(self.case)
        except ValueError as error:
            self.case = None
            self.error.set_text(f"{error}.")
            self.timing.set_text("")
        self.whole.set_visibility(self.case is not None)
        return self.case is not None

    def _show(self, case: Case) -> None:
        inputs, weights, outputs = case.drawn_inputs(), case.drawn_weights(), case.drawn_output()
        size = cell_size([*inputs, *weights, *outputs], WIDTH, HEIGHT)
        self.cursor = inside(self.cursor, case.planes)
        self.input.show(inputs, self.cursor, size, case.frame)
        self.kernel.content = "".join(svg(one, size) for one in weights)
        self.output.show(outputs, case.pixel, size)
        self.edit.label = "x[{}, {}, {}]".format(*self.cursor)
        self.edit.value = float(case.planes[self.cursor])
        self.sum.set_text(case.sentence())
        found = case.steps()
        number = int(min(self.state.number("stage", 0, 0, 99), len(found) - 1))
        self.title.set_text(f"{number + 1} of {len(found)}: {found[number].formula}")
        self.says.set_text(found[number].sentence)
        size = cell_size(found[number].grids, WIDTH, HEIGHT)
        self.matrices.content = "".join(svg(one, size) for one in found[number].grids)
        for button, ends in zip(self.turns, (number == 0, number == len(found) - 1)):
            button.set_enabled(not ends)

    def _turn(self, by: int) -> None:
        self.state.set("stage", int(self.state.number("stage", 0, 0, 99)) + by)
        self._update()

    def _choose_pixel(self, *place: int) -> None:
        for name, value in zip("oij", place):
            self.state.set(name, value)
        self._update()

    def _move_cursor(self, *place: int) -> None:
        self.cursor = (place[0], place[1], place[2])
        self._update()

    def _type(self, key: str) -> Any:
        """A digit takes the place of the pixel's value, and a minus turns its sign."""
        if self.case:
            value = float(self.case.planes[self.cursor])
            return self._set_value(-value if key == "-" else float(key))

    def _edited(self, event: Any) -> Any:
        value = event.value
        known = self.case is None or value == float(self.case.planes[self.cursor])
        if not known and value is not None and abs(value) <= MOST:
            return self._set_value(value)

    def _set_value(self, value: float) -> Any:
        self.state.set("x{}_{}_{}".format(*self.cursor), float(value))
        return self.refresh()


class Checkerboards:
    """The part of the page with what upsampling makes of a constant image."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.values: dict[str, tuple[int, int, int]] = {
            "kernel": (3, 2, 6),
            "enlarge": (2, 2, 3),
            "layers": (1, 1, 3),
            "weights": (0, 0, 99),
        }
        with ui.row().classes("w-full no-wrap items-start gap-6"):
            with ui.column().classes("w-60 shrink-0 gap-2"):
                for name, (default, low, high) in self.values.items():
                    controls.slider(state, name, name, default, (low, high, 1), self.show)
                ui.label(checkerboards.__doc__ or "").classes("text-sm opacity-80")
            with ui.element("div").classes("grid grid-cols-3 gap-4 grow"):
                self.cards = {name: self._card(name) for name in ("overlap", *checkerboards.KINDS)}
        self.show()

    def _card(self, name: str) -> tuple[ui.label, pictures.Shown, pictures.Legend]:
        titles = {
            "overlap": "how many weights reach each pixel of a transposed convolution",
            "transposed": "a constant image after new transposed convolutions",
            "nearest": "the same after nearest upsampling and convolutions",
        }
        with ui.column().classes("gap-1"):
            ui.label(titles[name]).classes("font-bold h-12")
            said = ui.label().classes("text-sm unevenness")
            shown = pictures.Shown(titles[name])
            counted = name == "overlap"
            legend = pictures.Legend("weights" if counted else "value", signed=not counted)
        return said, shown, legend

    def show(self) -> None:
        """Compute and show all three pictures."""
        kernel, stride, layers, seed = (
            int(self.state.number(name, *limits)) for name, limits in self.values.items()
        )
        counts = checkerboards.overlap(kernel, stride)
        said, shown, legend = self.cards["overlap"]
        said.set_text(f"{counts.min():.0f} to {counts.max():.0f} weights")
        shown.show_map(counts, float(counts.max()))
        legend.show(float(counts.max()))
        for kind in checkerboards.KINDS:
            image = checkerboards.answer(kind, kernel, stride, layers, seed)
            uneven = checkerboards.unevenness(image)
            said, shown, legend = self.cards[kind]
            most = float(image.abs().max())
            said.set_text(f"unevenness in the middle: {100 * uneven:.1f} %")
            shown.show_map(image, most, signed=True)
            legend.show(most)


def build(state: State) -> None:
    """Draw the page."""
    parts = {"steps": "forward and backward, step by step", "checkerboards": "checkerboards"}
    part = state.choice("part", parts, "steps")
    with ui.tabs(on_change=lambda event: state.set("part", str(event.value))) as tabs:
        tabs.props("dense align=left")
        for name, title in parts.items():
            ui.tab(name, title).props("no-caps")
    with ui.tab_panels(tabs, value=part).classes("w-full bg-transparent"):
        with ui.tab_panel("steps").classes("p-0"):
            blocks = Blocks(state)
        with ui.tab_panel("checkerboards").classes("p-0"):
            Checkerboards(state)
    ui.timer(0, blocks.refresh, once=True)
