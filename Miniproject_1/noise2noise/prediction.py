"""Denoising images of any size in bounded memory.

A network sees at most `PIXELS` pixels at a time: small images go through it in chunks that fit a
processor's cache, a large one in square tiles. Every tile is cut with a margin wider than the
network's reach, so that the joined tiles are what the network would have given for the whole image.

This file lies in both miniprojects, byte for byte the same, because neither may import the other.
"""

from typing import Any, Callable, Iterator, Tuple

from torch import empty

from .tensor import Tensor

PIXELS = 512 * 512  # of an image that is seen whole: 64 channels of float32 take 64 MiB
CHUNK = 2**15  # pixels of the small images of one call: eight times as many are a fifth slower
TILE = 448  # pixels a side that a tile contributes: a multiple of 4, the networks' step
MARGIN = 32  # pixels around it that are seen and thrown away: the networks reach 24

Area = Tuple[slice, slice]


def denoise(network: Callable[[Tensor], Tensor], images: Tensor, device: Any) -> Tensor:
    """Apply `network`, a map on (N, 3, H, W) in [0, 1], to `images` in [0, 255].

    Args:
        images: uint8 or floating, (N, 3, H, W), on any device.
        device: where the network is.

    Returns:
        float32, (N, 3, H, W), in [0, 255], on the device of `images`.
    """
    count, _, height, width = images.shape
    result = empty(images.shape, device=images.device).float()
    large = height * width > PIXELS
    chunk = max(1, CHUNK // (height * width))
    for start in range(0, count, chunk):
        for seen, kept in tiles(height, width) if large else [whole(height, width)]:
            piece = images[start : start + chunk, :, seen[0], seen[1]]
            answer = network(piece.to(device).float() / 255).float().clamp(0, 1) * 255
            rows = slice(kept[0].start - seen[0].start, kept[0].stop - seen[0].start)
            columns = slice(kept[1].start - seen[1].start, kept[1].stop - seen[1].start)
            result[start : start + chunk, :, kept[0], kept[1]] = answer[:, :, rows, columns].to(
                images.device
            )
    return result


def whole(height: int, width: int) -> Tuple[Area, Area]:
    """The one tile of a small image: all of it, seen and kept."""
    area = (slice(0, height), slice(0, width))
    return area, area


def tiles(height: int, width: int) -> Iterator[Tuple[Area, Area]]:
    """Pairs of areas (seen, kept) whose kept parts cover the image exactly once."""
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            rows = slice(max(0, top - MARGIN), min(height, bottom + MARGIN))
            columns = slice(max(0, left - MARGIN), min(width, right + MARGIN))
            yield (rows, columns), (slice(top, bottom), slice(left, right))
