"""Large images through a network in bounded memory: square tiles with a margin.

    ┌─────────────┐
    │ seen        │    A tile contributes its inner part. The network sees a margin around it, as
    │   ┌─────┐   │    wide as the network reaches at least, and its answer there is thrown away.
    │   │inner│   │
    │   └─────┘   │    Where the margin is outside the image, it shows the image reflected at its
    └─────────────┘    border: c b|a b c d|c b. An image too small for that repeats its border.

So no kept pixel depends on the zeros that convolutions add around what they see, and tiles begin at
multiples of the network's step, so that its poolings fall on the same pixels in every tile: the
joined tiles are what one tile as large as the image gives.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from others.files.kinds import Picture
from others.networks.pretrained import Denoiser
from others.networks.receptive_field import Field

TILE = 448  # pixels along a side that a tile contributes: for the miniprojects one pass
DEFAULT = "biasfree_large"  # the model for pictures of which nothing is known
MARGIN_OF_ALL = 32  # for a network that sees the whole image, whose borders its convolutions see


class Tile(NamedTuple):
    """A part of an image, rows and columns each: which are seen, and which are kept of that."""

    seen: tuple[Tensor, Tensor]  # numbers of rows and columns, those of the margin included
    kept: tuple[slice, slice]  # in the image
    inner: tuple[slice, slice]  # the same pixels, in what is seen

    def of(self, image: Tensor) -> Tensor:
        """What is seen of an image (C, H, W)."""
        rows, columns = self.seen
        return image[:, rows.to(image.device)][:, :, columns.to(image.device)]


def extended(start: int, stop: int, length: int, reflect: bool) -> Tensor:
    """Which of `length` pixels are shown at start, start + 1 ... stop − 1, outside them too.

    Reflected, −2 −1 0 1 shows 2 1 0 1; repeated, it shows 0 0 0 1. A reflection needs `stop` to be
    less than 2 length and `start` more than −length.
    """
    places = torch.arange(start, stop)
    if not reflect:
        return places.clamp(0, length - 1)
    last = length - 1
    return last - (last - places.abs()).abs()


def spans(length: int, tile: int, margin: int, step: int) -> list[tuple[Tensor, slice, slice]]:
    """The tiles along one axis: seen, kept, and kept within seen; `margin` a multiple of `step`.

    Whether the image is reflected is the same for all of its tiles.
    """
    reflect = margin + step <= length
    found = []
    for start in range(0, length, tile):
        stop = min(start + tile, length)
        end = stop + margin
        end += -(end - start + margin) % step  # what is seen is a multiple of the step
        seen = extended(start - margin, end, length, reflect)
        found.append((seen, slice(start, stop), slice(margin, margin + stop - start)))
    return found


def tiles(height: int, width: int, field: Field, tile: int = TILE) -> Iterator[Tile]:
    """Tiles whose kept parts cover an image of this size exactly once.

    Args:
        field: what the network reaches, and its step.
        tile: pixels along a side, rounded up to a multiple of the step.

    Raises:
        ValueError: a tile of no pixel, or several tiles for a network that sees the whole image.
    """
    if tile < 1:
        raise ValueError(f"the tile has {tile} pixels a side; expected at least 1")
    tile += -tile % field.step
    if field.reach is None and max(height, width) > tile:
        raise ValueError(
            f"the network looks at the whole image of {height}x{width} pixels at once; "
            f"expected a tile as large, which --tile {max(height, width)} makes"
        )
    margin = MARGIN_OF_ALL if field.reach is None else field.reach
    margin += -margin % field.step
    for rows in spans(height, tile, margin, field.step):
        for columns in spans(width, tile, margin, field.step):
            yield Tile((rows[0], columns[0]), (rows[1], columns[1]), (rows[2], columns[2]))


def count_tiles(height: int, width: int, field: Field, tile: int = TILE) -> int:
    """How many tiles there are."""
    tile += -tile % field.step
    return -(-height // tile) * -(-width // tile)


@torch.no_grad()
def denoised(
    denoiser: Denoiser,
    picture: Picture,
    tile: int = TILE,
    done: Callable[[float], object] | None = None,
) -> Picture:
    """The picture with its colours denoised, alpha and all else as it was.

    Args:
        tile: pixels along a side of the image that go through the network at once.
        done: told after each tile which share of them is done; what it raises ends the work.
    """
    colour, white = picture.colour, picture.white
    result, (_, height, width) = torch.empty_like(colour), colour.shape
    parts = tiles(height, width, denoiser.seen, tile)
    count = count_tiles(height, width, denoiser.seen, tile)
    # Off unless on a terminal, and for an image that is done at once.
    disable = None if count > 1 and not done else True
    bar = tqdm(parts, "tiles", count, unit="", leave=False, disable=disable)
    for number, part in enumerate(bar, 1):
        x = part.of(colour).to(denoiser.device).float() / white
        # The order of a pixel's numbers in memory in which convolutions are faster on a CPU.
        x = x.expand(3, -1, -1)[None].contiguous(memory_format=torch.channels_last)
        y = denoiser.apply(x)[0].float()
        y = y[:, part.inner[0], part.inner[1]]
        if len(colour) == 1:
            y = y.mean(0, keepdim=True)
        result[:, part.kept[0], part.kept[1]] = (y.clamp(0, 1) * white).round().int().cpu()
        if done:
            done(number / count)
    return picture._replace(colour=result)
