"""Noisy pairs in the form of the course's, drawn from photographs, on their device.

Of each photograph squares are cut, flipped half of the time. Every pixel of a noisy image is one
pixel of the photograph, picked at random in the pixel's own cell of the square; the second copy is
picked anew. No clean image is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from others.data.dead_leaves import SIZE

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
        self.pixels = torch.cat([image.flatten(1).T for image in images]).to(device)  # (all, 3)
        self.sizes = torch.tensor([image.shape[1:] for image in images], device=device)
        areas = self.sizes.prod(1)
        self.starts = areas.cumsum(0) - areas  # of each photograph's pixels

    def pairs(self, count: int, generator: Generator, least: float = 0.6) -> tuple[Tensor, Tensor]:
        """`count` pairs: two uint8 (count, 3, 32, 32), on the device of the photographs.

        Args:
            generator: on that device.
            least: share of a photograph's shorter side that the square has, up to all of it.
        """
        device = self.pixels.device
        pair = [torch.empty((count, 3, SIZE, SIZE), dtype=torch.uint8, device=device) for _ in "ab"]
        for start in range(0, count, CHUNK):
            number = min(CHUNK, count - start)
            which = torch.randint(len(self.sizes), (number,), generator=generator, device=device)
            shorter = self.sizes[which].amin(1)
            drawn = torch.rand((4, number), generator=generator, device=device)
            side = shorter * (least + (1 - least) * drawn[0])
            side = side.maximum(shorter.clamp_max(LEAST_CELL * SIZE))
            corner = (self.sizes[which] - side[:, None]).T * drawn[1:3]  # (2, number)
            flipped = (drawn[3] < 0.5)[:, None, None, None]
            for copy in pair:
                picked = self._picked(which, corner, side, generator)
                copy[start : start + number] = torch.where(flipped, picked.flip(3), picked)
        return pair[0], pair[1]

    def _picked(self, which: Tensor, corner: Tensor, side: Tensor, generator: Generator) -> Tensor:
        """One noisy image of each square, (N, 3, SIZE, SIZE)."""
        device = self.pixels.device
        coins = torch.rand((2, len(which), SIZE, SIZE), generator=generator, device=device)
        steps = torch.arange(SIZE, device=device)
        cell = (side / SIZE)[:, None, None]
        rows = corner[0][:, None, None] + (steps[:, None] + coins[0]) * cell
        columns = corner[1][:, None, None] + (steps + coins[1]) * cell
        height, width = (length[:, None, None] for length in self.sizes[which].T)
        rows, columns = rows.long().minimum(height - 1), columns.long().minimum(width - 1)
        flat = self.starts[which][:, None, None] + rows * width + columns
        return self.pixels[flat].permute(0, 3, 1, 2)
