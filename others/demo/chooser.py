"""A picture of matrices in which the pointer, or the arrow keys, choose a cell."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from nicegui import ui

from others.analysis.blocks.drawing import Grid, svg

Place = tuple[int, int, int]  # plane, row, column
# The pointer and the arrow keys name a cell: "0,2,3" is plane 0, row 2, column 3.
POINTED = """(e) => {
  const cell = e.target.closest("[data-cell]");
  if (cell) emit(cell.dataset.cell)
}"""
KEYS = """(e) => {
  const known = /^(Arrow(Up|Down|Left|Right)|[0-9]|-)$/.test(e.key);
  if (known && !e.ctrlKey && !e.altKey && !e.metaKey) { e.preventDefault(); emit(e.key) }
}"""
ARROWS = {"ArrowUp": (-1, 0), "ArrowDown": (1, 0), "ArrowLeft": (0, -1), "ArrowRight": (0, 1)}


class Chooser:
    """Matrices of which the pointer, or the arrow keys, choose a cell.

    Args:
        title: what it is, for those who do not see it.
        chosen: gets plane, row and column of a cell.
        typed: gets the digits and minus signs that are typed.
        events: of the pointer, that choose.
    """

    def __init__(
        self,
        title: str,
        chosen: Callable[[int, int, int], Any],
        typed: Callable[[str], Any] | None = None,
        events: Sequence[str] = ("click",),
    ) -> None:
        self.chosen, self.typed = chosen, typed
        self.place: Place = (0, 0, 0)
        self.shape: Place = (1, 1, 1)  # planes, rows, columns
        with ui.element("div").classes("chooser").props("tabindex=0 role=group") as frame:
            self.html = ui.html(sanitize=False).classes("flex flex-wrap gap-3")
        frame.props["aria-label"] = title
        for event in events:
            frame.on(event, self._pointed, throttle=0.05, js_handler=POINTED)
        frame.on("keydown", self._key, js_handler=KEYS)

    def show(
        self, planes: Sequence[Grid], place: Place, size: int, frame: tuple[int, int] = (0, 0)
    ) -> None:
        """Draw the matrices; `place` is where the arrow keys go on from."""
        height, width = planes[0].values.shape
        self.place = place
        self.shape = (len(planes), height - 2 * frame[0], width - 2 * frame[1])
        self.html.content = "".join(
            svg(one, size, k, frame, place[1:] if self.typed and k == place[0] else None)
            for k, one in enumerate(planes)
        )

    def _pointed(self, event: Any) -> Any:
        plane, row, column = (int(part) for part in event.args.split(","))
        return self._choose(plane, row, column)

    def _key(self, event: Any) -> Any:
        if event.args not in ARROWS:
            return self.typed(event.args) if self.typed else None
        down, right = ARROWS[event.args]
        plane, row, column = self.place
        column += right
        if not 0 <= column < self.shape[2]:  # on to the next plane
            plane, column = plane + right, 0 if right > 0 else self.shape[2] - 1
        return self._choose(plane, row + down, column)

    def _choose(self, *place: int) -> Any:
        inside = all(0 <= one < size for one, size in zip(place, self.shape))
        return self.chosen(*place) if inside and place != self.place else None
