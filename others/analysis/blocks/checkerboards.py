"""Checkerboards: what upsampling makes of a constant image.

A transposed convolution whose stride does not divide its kernel adds more weights to some pixels
than to others. Even where it does, each phase has weights of its own, which nothing makes equal in
a new network. Nearest upsampling and a convolution answer a constant image with a constant one,
away from the border. The unevenness is the standard deviation over the root mean square.
Source: Odena, Dumoulin, Olah, "Deconvolution and checkerboard artifacts", Distill 2016.
"""

from typing import Callable

import torch
from torch import Tensor

from Miniproject_2 import framework as f
from others.data.seeds import global_seed

CHANNELS = 8  # inside the network
SIZE = 6  # of the constant image


def transposed(inputs: int, outputs: int, kernel: int, stride: int) -> f.Module:
    """A transposed convolution that enlarges by `stride`, or by a few pixels less or more."""
    return f.TransposeConv2d(inputs, outputs, kernel, stride, max(0, kernel - stride) // 2)


def nearest(inputs: int, outputs: int, kernel: int, stride: int) -> f.Module:
    """Nearest upsampling by `stride`, then a convolution."""
    return f.Upsampling(inputs, outputs, kernel, padding=kernel // 2, scale_factor=stride)


KINDS: dict[str, Callable[[int, int, int, int], f.Module]] = {
    "transposed": transposed,
    "nearest": nearest,
}


def overlap(kernel: int, stride: int) -> Tensor:
    """How many weights of a transposed convolution reach each pixel of its output: (H, W)."""
    block = transposed(1, 1, kernel, stride)
    block.load_state_dict({"weight": torch.ones(1, 1, kernel, kernel), "bias": torch.zeros(1)})
    return block.forward(torch.ones(1, 1, SIZE, SIZE))[0, 0]


def answer(kind: str, kernel: int, stride: int, layers: int, seed: int) -> Tensor:
    """What `layers` new layers of a kind, with ReLUs between, make of a constant image: (H, W).

    Args:
        kind: of KINDS.
    """
    with global_seed(seed):
        modules: list[f.Module] = []
        for layer in range(layers):
            outputs = CHANNELS if layer < layers - 1 else 1
            modules += [KINDS[kind](CHANNELS, outputs, kernel, stride), f.ReLU()]
    return f.Sequential(*modules[:-1]).forward(torch.ones(1, CHANNELS, SIZE, SIZE))[0, 0]


def unevenness(image: Tensor) -> float:
    """The standard deviation over the root mean square of the middle of (H, W): 0 if constant."""
    height, width = image.shape
    middle = image[height // 3 : -(height // 3), width // 3 : -(width // 3)].double()
    return float(middle.std(unbiased=False) / middle.square().mean().sqrt().clamp(min=1e-12))
