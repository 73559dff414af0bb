"""Noisy pairs in the form of the course's, drawn from photographs, on their device.

Squares are cut from a photograph, and half of them are flipped. A square has 32x32 cells, one for
each pixel of a noisy image. The pixel shows one pixel of the photograph, which is picked at random
in its cell; for the second copy of the pair another one is picked. No clean image is ever made.

This noise is strong, and a network that has seen no other one blurs an image that has little noise.
Some of the pairs may therefore be given weak noise: in both copies a pixel then shows the mean of
WEAK_POINTS pixels of its cell, each copy of other ones, and Gaussian noise of its own.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from others.data.dead_leaves import SIZE
from others.data.packed import PackedImages

LEAST_CELL = 4  # pixels of a photograph along a side of a cell, if it has that many
CHUNK = 2**14  # pairs at once: the indices of more would take gigabytes
WEAK_POINTS = 16  # pixels of a cell whose mean is shown, which has a quarter of the noise
WEAK_STD = 20.0  # the largest standard deviation of the Gaussian noise, in grey levels; 0 the least


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

    def pairs(
        self, count: int, generator: Generator, least: float = 0.6, weak: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """`count` pairs: two uint8 (count, 3, 32, 32), as `copies` draws them."""
        first, second = self.copies(2, count, generator, least, weak)
        return first, second

    def copies(
        self, number: int, count: int, generator: Generator, least: float = 0.6, weak: float = 0.0
    ) -> list[Tensor]:
        """`number` noisy copies of `count` squares, on the device of the photographs.

        Each copy is uint8 (count, 3, 32, 32), with noise of its own.

        Args:
            generator: on that device.
            least: the smallest square's side, as a share of the photograph's shorter side; the
                largest one's is all of it.
            weak: the share of the squares whose copies get weak noise.
        """
        device, sizes = self.packed.device, self.packed.sizes
        shape = (count, 3, SIZE, SIZE)
        copies = [torch.empty(shape, dtype=torch.uint8, device=device) for _ in range(number)]
        for start in range(0, count, CHUNK):
            size = min(CHUNK, count - start)
            which = torch.randint(len(sizes), (size,), generator=generator, device=device)
            shorter = sizes[which].amin(1)
            drawn = torch.rand((4, size), generator=generator, device=device)
            side = shorter * (least + (1 - least) * drawn[0])
            side = side.maximum(shorter.clamp_max(LEAST_CELL * SIZE))
            corner = (sizes[which] - side[:, None]).T * drawn[1:3]  # (2, size)
            flipped = (drawn[3] < 0.5)[:, None, None, None]
            chosen = self._chosen(size, weak, generator)
            for copy in copies:
                picked = self._picked(which, corner, side, generator)
                if len(chosen):
                    squares = which[chosen], corner[:, chosen], side[chosen]
                    picked[chosen] = self._weak(*squares, generator)
                copy[start : start + size] = torch.where(flipped, picked.flip(3), picked)
        return copies

    def _chosen(self, count: int, weak: float, generator: Generator) -> Tensor:
        """The positions of the pairs that get weak noise, among `count`."""
        device = self.packed.device
        if weak == 0:  # no random number is drawn, so that the pairs of a seed stay what they were
            return torch.empty(0, dtype=torch.int64, device=device)
        return (torch.rand(count, generator=generator, device=device) < weak).nonzero().flatten()

    def _weak(self, which: Tensor, corner: Tensor, side: Tensor, generator: Generator) -> Tensor:
        """One image with weak noise of each square, (N, 3, SIZE, SIZE)."""
        drawn = [self._picked(which, corner, side, generator) for _ in range(WEAK_POINTS)]
        mean = torch.stack(drawn).float().mean(0)
        device = self.packed.device
        std = WEAK_STD * torch.rand((len(which), 1, 1, 1), generator=generator, device=device)
        noise = std * torch.randn(mean.shape, generator=generator, device=device)
        return (mean + noise).round().clamp(0, 255).to(torch.uint8)

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
