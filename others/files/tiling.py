"""Large images through a network in bounded memory: square tiles with a margin.

A tile is seen with a margin of at least what the network reaches, and the margin is thrown away;
tiles begin at multiples of the network's step, so that its poolings fall on the same pixels as in
the whole image. Then the joined tiles are what the network gives for the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from others.networks.receptive_field import Field

TILE = 448  # pixels along a side that a tile contributes: for the miniprojects one pass
Area = tuple[slice, slice]


class Tile(NamedTuple):
    """A part of an image: what is seen, what is kept of the image, and where that is in the seen
    part; rows and columns each."""

    seen: Area
    kept: Area
    inner: Area


def spans(length: int, tile: int, margin: int) -> list[tuple[slice, slice, slice]]:
    """The tiles along one axis: seen, kept, and kept within seen."""
    found = []
    for start in range(0, length, tile):
        stop = min(start + tile, length)
        first = max(0, start - margin)
        seen = slice(first, min(length, stop + margin))
        found.append((seen, slice(start, stop), slice(start - first, stop - first)))
    return found


def tiles(height: int, width: int, seen: Field, tile: int = TILE) -> Iterator[Tile]:
    """Tiles whose kept parts cover an image of this size exactly once.

    Args:
        tile: pixels along a side, rounded up to a multiple of the network's step.

    Raises:
        ValueError: a tile of no pixel, or several tiles for a network that sees the whole image.
    """
    if tile < 1:
        raise ValueError(f"the tile has {tile} pixels a side; expected at least 1")
    tile += -tile % seen.step
    if seen.reach is None and max(height, width) > tile:
        raise ValueError(
            f"the network looks at the whole image of {height}x{width} pixels at once; "
            f"expected a tile of {max(height, width)}, not {tile}"
        )
    reach = seen.reach or 0
    margin = reach + -reach % seen.step
    for rows in spans(height, tile, margin):
        for columns in spans(width, tile, margin):
            areas = [(row, column) for row, column in zip(rows, columns)]
            yield Tile(*areas)
