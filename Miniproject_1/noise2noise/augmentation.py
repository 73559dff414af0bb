"""New noisy pairs from old ones, drawn on the device of the images."""

from typing import Sequence, Tuple

import torch
from torch import Tensor

from .symmetries import turn


def augment(
    noisy_a: Tensor,
    noisy_b: Tensor,
    generator: torch.Generator,
    exchange: bool = True,
    symmetries: bool = True,
) -> Tuple[Tensor, Tensor]:
    """Exchange pixels between the two copies, then flip and turn both alike.

    The noise of each pixel is independent of its neighbours' and of its twin's, so any mixture of
    the two copies is as good a noisy image as they are, and so is its complement. Exchanging
    all pixels is the swap of input and target.

    Args:
        noisy_a, noisy_b: (N, C, H, W), noisy copies of the same images.
        generator: on their device.
        exchange, symmetries: whether to do the one and the other.

    Returns:
        A new pair of the same shape; where the turn is by a quarter, (N, C, W, H).
    """
    if exchange:
        size = (len(noisy_a), 1, *noisy_a.shape[-2:])  # one coin a pixel, for all its channels
        coin = uniform(size, generator) < 0.5
        noisy_a, noisy_b = torch.where(coin, noisy_a, noisy_b), torch.where(coin, noisy_b, noisy_a)
    # Drawn in any case, so that the other draws do not depend on `symmetries`.
    which = int(torch.randint(8, (1,), generator=generator, device=noisy_a.device))
    which = which if symmetries else 0
    return turn(noisy_a, which), turn(noisy_b, which)


def corrupt(noisy: Tensor, gaussian: float, impulses: float, generator: torch.Generator) -> Tensor:
    """Add another noise to some of the inputs, so that the network knows what to do with it.

    The target stays as it is: a noisy copy whose mean is the clean image, whatever the input.

    Args:
        noisy: float32, (N, C, H, W), in [0, 1] but for noise.
        gaussian: share of the images that get Gaussian noise of a standard deviation up to 50/255.
        impulses: share of the images of which up to 10 % of the pixels become random colours.
        generator: on their device.
    """
    count, channels, height, width = noisy.shape
    which, level = (uniform((count, 1, 1, 1), generator) for _ in range(2))
    normal = torch.randn(noisy.shape, generator=generator, device=noisy.device, dtype=torch.float32)
    stronger = (noisy + 50 / 255 * level * normal).clamp(0, 1)
    hit = uniform((count, 1, height, width), generator) < 0.1 * level
    colours = uniform((count, channels, height, width), generator)
    pierced = torch.where(hit, colours, noisy)
    rest = torch.where(which < gaussian + impulses, pierced, noisy)
    return torch.where(which < gaussian, stronger, rest)


def uniform(size: Sequence[int], generator: torch.Generator) -> Tensor:
    """Float32 in [0, 1), whatever the default type, on the generator's device."""
    return torch.rand(size, generator=generator, device=generator.device, dtype=torch.float32)
