"""New noisy pairs from old ones, drawn on the device of the images."""

from typing import Tuple

import torch
from torch import Tensor

from .symmetries import turn


def augment(first: Tensor, second: Tensor, generator: torch.Generator) -> Tuple[Tensor, Tensor]:
    """Exchange pixels between the two copies, then flip and turn both alike.

    The noise of each pixel is independent of its neighbours' and of its twin's, so any mixture of
    the two copies is as good a noisy image as they are, and so is its complement. Exchanging
    all pixels is the swap of input and target.

    Args:
        first, second: (N, C, H, W), noisy copies of the same images.
        generator: on their device.

    Returns:
        A new pair of the same shape; where the turn is by a quarter, (N, C, W, H).
    """
    size = (len(first), 1, *first.shape[-2:])  # one coin a pixel, for all its channels
    coin = torch.rand(size, generator=generator, device=first.device) < 0.5
    pair = torch.where(coin, first, second), torch.where(coin, second, first)
    which = int(torch.randint(8, (1,), generator=generator, device=first.device))
    return turn(pair[0], which), turn(pair[1], which)
