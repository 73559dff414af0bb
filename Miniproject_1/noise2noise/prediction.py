"""Denoising images of any size, and training on them, in bounded memory.

A network sees at most `PIXELS` pixels at a time: small images go through it in chunks that fit a
processor's cache, a large one in square tiles. Every tile is cut with a margin wider than the
network's reach, so that the joined tiles are what the network would have given for the whole image.

This file lies in both miniprojects, byte for byte the same, because neither may import the other.
"""

from itertools import product
from typing import Any, Callable, Iterator, List, Tuple

from torch import cat, empty

from .tensor import Tensor

PIXELS = 512 * 512  # of an image that is seen whole: 64 channels of float32 take 64 MiB
CHUNK = 2**15  # pixels of small images in one call; with 2**18 it takes up to a quarter longer
TILE = 448  # pixels a side that a tile contributes: a multiple of 4, the networks' step
MARGIN = 32  # pixels around it that are seen and thrown away: the networks reach 23 and 17
PIECE = 512  # pixels a side, at most, of what is trained on at once

Area = Tuple[slice, slice]


def denoise(network: Callable[[Tensor], Tensor], images: Tensor, device: Any) -> Tensor:
    """Apply `network`, a map on (N, 3, H, W) in [0, 1], to `images` in [0, 255].

    Args:
        images: uint8 or floating, (N, 3, H, W), on any device.
        device: where the network is.

    Returns:
        float32, (N, 3, H, W), in [0, 255], on the device of `images`.
    """
    height, width = images.shape[2:]
    result = empty(images.shape, device=images.device).float()
    chunk = max(1, CHUNK // (height * width))
    for some, answers in zip(images.split(chunk), result.split(chunk)):
        for seen, kept in tiles(height, width):
            piece = some[..., seen[0], seen[1]].to(device).float() / 255
            answer = network(piece).float().clamp(0, 1) * 255
            rows, columns = (
                slice(inner.start - outer.start, inner.stop - outer.start)
                for outer, inner in zip(seen, kept)
            )
            answers[..., kept[0], kept[1]] = answer[..., rows, columns].to(images.device)
    return result


def pieces(images: Tensor) -> Tensor:
    """(N, C, H, W) as (M, C, h, w), M >= N, with h and w of at most PIECE.

    Larger images are cut into pieces of one size, as few as show every pixel; they overlap.
    """
    rows, columns = (starts(size) for size in images.shape[-2:])
    places = list(product(rows, columns))
    if len(places) == 1:
        return images
    return cat([images[:, :, y : y + PIECE, x : x + PIECE] for y, x in places])


def starts(size: int) -> List[int]:
    """Where the pieces begin along an axis of this size: evenly, from 0 to size - PIECE."""
    count = -(-size // PIECE)
    return [max(0, size - PIECE) * number // max(1, count - 1) for number in range(count)]


def tiles(height: int, width: int) -> Iterator[Tuple[Area, Area]]:
    """Pairs of areas (seen, kept) whose kept parts cover the image exactly once.

    An image of up to `PIXELS` pixels is one tile.
    """
    side = TILE if height * width > PIXELS else max(height, width)
    for top, left in product(range(0, height, side), range(0, width, side)):
        bottom, right = min(top + side, height), min(left + side, width)
        rows = slice(max(0, top - MARGIN), min(height, bottom + MARGIN))
        columns = slice(max(0, left - MARGIN), min(width, right + MARGIN))
        yield (rows, columns), (slice(top, bottom), slice(left, right))
