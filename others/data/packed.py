"""Images of different sizes as one tensor, of which any pixels are read at once.

image 0, 2x3     image 1, 1x2        pixels: a b c d e f g h     starts: 0 6
  a b c            g h
  d e f                              image 0, row 1, column 2 is at 0 + 1 * 3 + 2: f
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor


class PackedImages:
    """uint8 images (3, H, W), at least one, of any sizes."""

    def __init__(self, images: Sequence[Tensor]) -> None:
        self.pixels = torch.cat([image.flatten(1).T for image in images])  # (all pixels, 3)
        self.sizes = torch.tensor([image.shape[1:] for image in images])  # (images, 2)
        areas = self.sizes.prod(1)
        self.starts = areas.cumsum(0) - areas  # (images,)

    @property
    def device(self) -> torch.device:
        return self.pixels.device

    def to(self, device: torch.device) -> "PackedImages":
        moved = copy.copy(self)
        moved.pixels, moved.sizes = self.pixels.to(device), self.sizes.to(device)
        moved.starts = self.starts.to(device)
        return moved

    def __len__(self) -> int:
        return len(self.sizes)

    def read(self, which: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """uint8 (N, 3, h, w): pixels of the images `which` (N,), at rows and columns (N, h, w)."""
        width = self.sizes[which, 1][:, None, None]
        places = self.starts[which][:, None, None] + rows * width + columns
        return self.pixels[places].permute(0, 3, 1, 2)
