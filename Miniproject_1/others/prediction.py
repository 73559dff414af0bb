"""Denoising images of any size in bounded memory.

A network sees at most `PIXELS` pixels at a time: small images go through it in chunks, a large one
in square tiles. Every tile is cut with a margin wider than the network's reach, so that the joined
tiles are what the network would have given for the whole image.
"""

from typing import Callable, Iterator, Tuple

import torch
from torch import Tensor

PIXELS = 512 * 512  # of one call: 32 channels of float32 take 32 MiB
TILE = 448          # pixels a side that a tile contributes; a multiple of every scale's step
MARGIN = 32         # pixels around it that are seen and thrown away: the reach is 24


@torch.no_grad()
def denoise(
    network: Callable[[Tensor], Tensor], images: Tensor, device: torch.device
) -> Tensor:
    """Apply `network`, a map on (N, 3, H, W) in [0, 1], to `images` in [0, 255].

    Args:
        images: uint8 or floating, (N, 3, H, W), on any device.
        device: where the network is.

    Returns:
        float32, (N, 3, H, W), in [0, 255], on the device of `images`.
    """
    count, _, height, width = images.shape
    result = torch.empty(images.shape, dtype=torch.float32, device=images.device)
    large = height * width > PIXELS
    chunk = 1 if large else max(1, PIXELS // (height * width))
    for start in range(0, count, chunk):
        for inner, outer in tiles(height, width) if large else [whole(height, width)]:
            rows, columns = outer
            piece = images[start : start + chunk, :, rows, columns]
            answer = network(piece.to(device).float() / 255).clamp(0, 1) * 255
            keep_rows = slice(inner[0].start - rows.start, inner[0].stop - rows.start)
            keep_columns = slice(inner[1].start - columns.start, inner[1].stop - columns.start)
            result[start : start + chunk, :, inner[0], inner[1]] = answer[
                :, :, keep_rows, keep_columns
            ].to(images.device)
    return result


Area = Tuple[slice, slice]


def whole(height: int, width: int) -> Tuple[Area, Area]:
    """The one tile of a small image: all of it, without a margin."""
    area = (slice(0, height), slice(0, width))
    return area, area


def tiles(height: int, width: int) -> Iterator[Tuple[Area, Area]]:
    """Pairs of areas (kept, seen) whose kept parts cover the image exactly once."""
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            seen_rows = slice(max(0, top - MARGIN), min(height, bottom + MARGIN))
            seen_columns = slice(max(0, left - MARGIN), min(width, right + MARGIN))
            yield (slice(top, bottom), slice(left, right)), (seen_rows, seen_columns)
