"""A picture through a denoiser: its colours change, and all else stays."""

from __future__ import annotations

import torch
from tqdm import tqdm

from others.files.kinds import Picture
from others.files.tiling import TILE, count_tiles, tiles
from others.networks.pretrained import Denoiser

DEFAULT = "biasfree_12"  # the model for pictures of which nothing is known


@torch.no_grad()
def denoised(denoiser: Denoiser, picture: Picture, tile: int = TILE) -> Picture:
    """The picture with its colours denoised, alpha and all else as it was.

    Args:
        tile: pixels along a side of the image that go through the network at once.
    """
    colour, white = picture.colour, picture.white
    result, (_, height, width) = torch.empty_like(colour), colour.shape
    parts = tiles(height, width, denoiser.seen, tile)
    count = count_tiles(height, width, denoiser.seen, tile)
    # Off unless on a terminal, and for an image that is done at once.
    for part in tqdm(parts, "tiles", count, leave=False, disable=None if count > 1 else True):
        x = part.of(colour).to(denoiser.device).float() / white
        # The order of a pixel's numbers in memory: convolutions are up to 2.5 times faster so.
        x = x.expand(3, -1, -1)[None].contiguous(memory_format=torch.channels_last)
        y = denoiser.apply(x)[0].float()
        y = y[:, part.inner[0], part.inner[1]]
        if len(colour) == 1:
            y = y.mean(0, keepdim=True)
        result[:, part.kept[0], part.kept[1]] = (y.clamp(0, 1) * white).round().int().cpu()
    return picture._replace(colour=result)
