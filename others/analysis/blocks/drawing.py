"""Matrices as SVG: a coloured cell for each number, in a frame where it is marked."""

from itertools import product
from typing import NamedTuple, Sequence

from torch import Tensor
from torch.nn.functional import pad

from Miniproject_2.framework.convolution import Pair
from others.analysis.panels import coloured

LEAST, MOST = 3, 32  # pixels along a side of a cell
READABLE = 19  # pixels; the number of a smaller cell is shown where the pointer rests on it alone
PADDING = "#9a9a9a"  # grey


class Grid(NamedTuple):
    """A matrix with its name, and which of its entries belong to the chosen pixel."""

    name: str
    values: Tensor  # (rows, columns)
    marked: Tensor  # bool, (rows, columns)


def cell_size(grids: Sequence[Grid], width: int, height: int) -> int:
    """The side of a cell in pixels, with which all these matrices stand side by side."""
    rows = max(len(grid.values) for grid in grids)
    columns = sum(grid.values.shape[1] + 1 for grid in grids)
    return max(LEAST, min(MOST, width // columns, height // rows))


def svg(
    grid: Grid,
    size: int,
    plane: int | None = None,
    frame: Pair = (0, 0),
    cursor: Pair | None = None,
) -> str:
    """A matrix as SVG, with its name and what its darkest colour stands for.

    Args:
        size: of a cell.
        plane: a number for this matrix, where its cells can be pointed at.
        frame: rows and columns of padding on each side, which are grey and cannot be pointed at.
        cursor: a cell with a dashed frame.
    """
    rows, columns = grid.values.shape
    most = float(grid.values.abs().max())
    cells = _cells(grid, size, plane, frame)
    if cursor:
        i, j = cursor[0] + frame[0], cursor[1] + frame[1]
        edge = min(4, size // 4)
        inner = f'width="{size - 2 * edge}" height="{size - 2 * edge}"'
        cells += f'<rect class="cursor" x="{j * size + edge}" y="{i * size + edge}" {inner}/>'
    marks = "".join(f"<rect {_box(i, j, size)}/>" for i, j in grid.marked.nonzero().tolist())
    width, height = columns * size + 4, rows * size + 4  # with room for the frames
    title = f"{grid.name}: {rows} rows, {columns} columns, from {-most:.3g} to {most:.3g}"
    return (
        f'<figure class="matrix"><figcaption><b>{grid.name}</b> {rows}×{columns}, ±{most:.3g}'
        f'</figcaption><svg role="img" aria-label="{title}" width="{width}" height="{height}" '
        f'viewBox="-2 -2 {width} {height}">{cells}'
        f'<g class="under">{marks}</g><g class="over">{marks}</g></svg></figure>'
    )


def _box(i: int, j: int, size: int) -> str:
    return f'x="{j * size}" y="{i * size}" width="{size}" height="{size}"'


def _cells(grid: Grid, size: int, plane: int | None, frame: Pair) -> str:
    """All cells of a matrix, with their numbers where there is room."""
    rows, columns = grid.values.shape
    most = float(grid.values.abs().max())
    fills = coloured(grid.values, most, signed=True).permute(1, 2, 0).tolist()
    cells = []
    for i, j in product(range(rows), range(columns)):
        value, (row, column) = float(grid.values[i, j]), (i - frame[0], j - frame[1])
        inner = 0 <= row < rows - 2 * frame[0] and 0 <= column < columns - 2 * frame[1]
        fill = "#{:02x}{:02x}{:02x}".format(*fills[i][j]) if inner else PADDING
        name = f'data-cell="{plane},{row},{column}"' if inner and plane is not None else ""
        title = f"<title>{value:.6g}</title>"
        cells.append(f'<rect {_box(i, j, size)} fill="{fill}" {name}>{title}</rect>')
        if size >= READABLE:
            ink = "white" if inner and abs(value) > 0.62 * most else "black"
            cells.append(_number(value, (i + 0.5) * size, (j + 0.5) * size, size, ink))
    return "".join(cells)


def _number(value: float, y: float, x: float, size: int, ink: str) -> str:
    places = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    text = f"{round(value, places) + 0.0:g}".replace("-", "−")  # + 0.0: no minus before a zero
    font = min(13.0, 1.55 * size / max(3, len(text)))
    return f'<text x="{x}" y="{y}" font-size="{font:.1f}" fill="{ink}">{text}</text>'


def padded(grid: Grid, frame: Pair) -> Grid:
    """A matrix inside a frame of zeros, whose marks have to be set anew."""
    top, left = frame
    sides = (left, left, top, top)
    return Grid(grid.name, pad(grid.values, sides), pad(grid.marked, sides))
