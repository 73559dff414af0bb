"""Noisy pairs in the form of the course's, drawn from photographs, on their device.

Squares are cut from a photograph, and half of them are flipped. A square has 32x32 cells, one for
each pixel of a noisy image. The pixel shows one pixel of the photograph, which is picked at random
in its cell; for the second copy of the pair another one is picked. No clean image is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from others.data.dead_leaves import SIZE
from others.data.packed import PackedImages

LEAST_CELL = 4  # pixels of a photograph along a side of a cell, if it has that many
CHUNK = 2**14  # pairs at once: the indices of more would take gigabytes


class Photographs:
    """Photographs, whole on one device.

    Args:
        images: uint8 (3, H, W), of any sizes.
        device: where their pixels are put, and the pairs are drawn.

    Raises:
        ValueError: no images, or one with a side of less than SIZE pixels.
    """

    def __init__(self, images: Sequence[Tensor], device: torch.device) -> None:
        least = min((min(image.shape[1:]) for image in images), default=0)
        if least < SIZE:
            raise ValueError(
                f"{len(images)} photographs, the least side {least} pixels; expected some, "
                f"of {SIZE}x{SIZE} at least"
            )
        self.packed = PackedImages(images).to(device)

    def pairs(self, count: int, generator: Generator, least: float = 0.6) -> tuple[Tensor, Tensor]:
        """`count` pairs: two uint8 (count, 3, 32, 32), on the device of the photographs.

        Args:
            generator: on that device.
            least: the smallest square's side, as a share of the photograph's shorter side; the
                largest one's is all of it.
        """
        device, sizes = self.packed.device, self.packed.sizes
        pair = [torch.empty((count, 3, SIZE, SIZE), dtype=torch.uint8, device=device) for _ in "ab"]
        for start in range(0, count, CHUNK):
            number = min(CHUNK, count - start)
            which = torch.randint(len(sizes), (number,), generator=generator, device=device)
            shorter = sizes[which].amin(1)
            drawn = torch.rand((4, number), generator=generator, device=device)
            side = shorter * (least + (1 - least) * drawn[0])
            side = side.maximum(shorter.clamp_max(LEAST_CELL * SIZE))
            corner = (sizes[which] - side[:, None]).T * drawn[1:3]  # (2, number)
            flipped = (drawn[3] < 0.5)[:, None, None, None]
            for copy in pair:
                picked = self._picked(which, corner, side, generator)
                copy[start : start + number] = torch.where(flipped, picked.flip(3), picked)
        return pair[0], pair[1]

    def _picked(self, which: Tensor, corner: Tensor, side: Tensor, generator: Generator) -> Tensor:
        """One noisy image of each square, (N, 3, SIZE, SIZE)."""
        device = self.packed.device
        coins = torch.rand((2, len(which), SIZE, SIZE), generator=generator, device=device)
        steps = torch.arange(SIZE, device=device)
        cell = (side / SIZE)[:, None, None]
        rows = corner[0][:, None, None] + (steps[:, None] + coins[0]) * cell
        columns = corner[1][:, None, None] + (steps + coins[1]) * cell
        height, width = (length[:, None, None] for length in self.packed.sizes[which].T)
        # The last pixel of a photograph, where rounding gives the one after it.
        rows, columns = rows.long().minimum(height - 1), columns.long().minimum(width - 1)
        return self.packed.read(which, rows, columns)
