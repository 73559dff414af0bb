"""New noisy pairs from old ones, drawn on the device of the images."""

from typing import Tuple

import torch
from torch import Tensor

from .symmetries import turn


def augment(
    first: Tensor,
    second: Tensor,
    generator: torch.Generator,
    exchange: bool = True,
    symmetries: bool = True,
) -> Tuple[Tensor, Tensor]:
    """Exchange pixels between the two copies, then flip and turn both alike.

    The noise of each pixel is independent of its neighbours' and of its twin's, so any mixture of
    the two copies is as good a noisy image as they are, and so is its complement. Exchanging
    all pixels is the swap of input and target.

    Args:
        first, second: (N, C, H, W), noisy copies of the same images.
        generator: on their device.
        exchange, symmetries: whether to do the one and the other.

    Returns:
        A new pair of the same shape; where the turn is by a quarter, (N, C, W, H).
    """
    if exchange:
        size = (len(first), 1, *first.shape[-2:])  # one coin a pixel, for all its channels
        coin = torch.rand(size, generator=generator, device=first.device) < 0.5
        first, second = torch.where(coin, first, second), torch.where(coin, second, first)
    which = int(torch.randint(8, (1,), generator=generator, device=first.device))
    which = which if symmetries else 0
    return turn(first, which), turn(second, which)


def corrupt(noisy: Tensor, gaussian: float, impulses: float, generator: torch.Generator) -> Tensor:
    """Add another noise to some of the inputs, so that the network knows what to do with it.

    The target stays as it is: a noisy copy whose mean is the clean image, whatever the input.

    Args:
        noisy: (N, C, H, W) in [0, 1].
        gaussian: share of the images that get Gaussian noise of a standard deviation up to 50/255.
        impulses: share of the images of which up to 10 % of the pixels become random colours.
        generator: on their device.
    """

    def uniform(*size: int) -> Tensor:
        return torch.rand(size, generator=generator, device=noisy.device)

    count, channels, height, width = noisy.shape
    which, level = uniform(count, 1, 1, 1), uniform(count, 1, 1, 1)
    normal = torch.randn(noisy.shape, generator=generator, device=noisy.device)
    louder = (noisy + 50 / 255 * level * normal).clamp(0, 1)
    hit = uniform(count, 1, height, width) < 0.1 * level
    pierced = torch.where(hit, uniform(count, channels, height, width), noisy)
    rest = torch.where(which < gaussian + impulses, pierced, noisy)
    return torch.where(which < gaussian, louder, rest)
