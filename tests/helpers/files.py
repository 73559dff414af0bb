"""Image files for the tests: pictures of every mode, and PNGs put together from their chunks."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from torch import Generator, Tensor

from others.files.image_file import read_picture, write_picture
from others.files.kinds import Extras, Picture, parted
from others.files.tiling import denoised
from others.networks.pretrained import Denoiser
from others.networks.receptive_field import Field

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
IDENTITY = Denoiser(lambda x: x, Field(3, 2), torch.device("cpu"))
# Of an interlaced PNG: the first row and column of each pass, and the steps to the next ones.
PASSES = (
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)
COLOUR_TYPES = {"L": 0, "RGB": 2, "P": 3, "LA": 4, "RGBA": 6}


def values(channels: int, height: int, width: int, white: int = 255, seed: int = 0) -> Tensor:
    """int32 (C, H, W), smooth with noise on it."""
    generator = Generator().manual_seed(seed)
    noise = torch.randint(white // 4, (channels, height, width), generator=generator)
    ramp = torch.linspace(0, white / 2, width).int()
    return (noise + ramp).int()


def picture(mode: str, height: int = 9, width: int = 7, extras: Extras | None = None) -> Picture:
    """A picture of this mode, such as "RGBA;16"."""
    name, _, deep = mode.partition(";")
    white = 65535 if deep else 255
    return parted(values(CHANNELS[name], height, width, white), white, extras or Extras())


def same(one: Picture, other: Picture) -> bool:
    """Whether mode and all pixels, alpha included, are the same."""
    alphas = [p.alpha if p.alpha is not None else torch.zeros(0) for p in (one, other)]
    return (
        one.mode == other.mode
        and torch.equal(one.colour.int(), other.colour.int())
        and torch.equal(alphas[0].int(), alphas[1].int())
    )


def png(
    rows: np.ndarray,
    depth: int,
    kind: str,
    chunks: Sequence[tuple[bytes, bytes]] = (),
    size: tuple[int, int] | None = None,
    interlaced: bool = False,
) -> bytes:
    """A PNG of (H, W, C) with any depth, interlaced or not, which Pillow cannot write.

    Args:
        kind: a key of COLOUR_TYPES.
        chunks: name and content of what comes between header and pixels.
        size: width and height that the header declares; those of the rows unless given.
    """
    height, width = rows.shape[:2]
    raw = b""
    for top, left, down, right in PASSES if interlaced else [(0, 0, 1, 1)]:
        part = rows[top::down, left::right]
        if not part.size:  # such a pass is not in the file, not even with the numbers of filters
            continue
        bits = (part.reshape(len(part), -1, 1) >> np.arange(depth - 1, -1, -1)) & 1
        lines = np.packbits(bits.reshape(len(part), -1).astype(np.uint8), axis=1)
        raw += b"".join(b"\0" + line.tobytes() for line in lines)
    words = (depth, COLOUR_TYPES[kind], 0, 0, int(interlaced))
    header = struct.pack(">IIBBBBB", *(size or (width, height)), *words)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in parts
    )


def tags_of(path: Path) -> dict[int, Any]:
    """The values of the tags of a TIFF."""
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        return {tag.code: tag.value for tag in page.tags}


def through(path: Path) -> Path:
    """The file after `others.denoise` with a network that changes nothing."""
    target = path.with_name("out" + path.suffix)
    write_picture(target, denoised(IDENTITY, read_picture(path), tile=4))
    return target
