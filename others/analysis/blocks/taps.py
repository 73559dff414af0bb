"""Which pixels of the input one pixel of a block's output is made of, and blocks to ask it of."""

from inspect import signature
from itertools import product
from typing import Any, Iterable, Mapping

import torch
from torch import Tensor

from Miniproject_2 import framework as f
from Miniproject_2.framework.convolution import Pair
from others.data.seeds import seeded

BLOCKS: dict[str, type[f.Module]] = {
    "Conv2d": f.Conv2d,
    "TransposeConv2d": f.TransposeConv2d,
    "NearestUpsampling": f.NearestUpsampling,
    "Upsampling": f.Upsampling,
    "ReLU": f.ReLU,
    "LeakyReLU": f.LeakyReLU,
    "Sigmoid": f.Sigmoid,
    "MSE": f.MSE,
}
Pixel = tuple[int, int, int]  # of the output: channel, row, column
Tap = tuple[Pair, Pair]  # a pixel of the input, which may lie in the padding; a place of the kernel


def parameters_of(name: str) -> list[str]:
    """The arguments of a block's constructor, by its name in BLOCKS; `bias` is left at True."""
    return [one for one in signature(BLOCKS[name]).parameters if one != "bias"]


def make_block(name: str, arguments: Mapping[str, Any], seed: int = 0) -> f.Module:
    """A block with weights and biases in tenths from -0.9 to 0.9, which are easy to read.

    Raises:
        ValueError: the block refuses the arguments, in its own words.
    """
    block, generator = BLOCKS[name](**arguments), seeded(seed)
    weights = {
        key: torch.randint(-9, 10, value.shape, generator=generator) / 10
        for key, value, _ in block.named()
    }
    block.load_state_dict(weights)
    return block


def taps(block: f.Module, size: Pair, pixel: Pair) -> list[Tap]:
    """The pixels of an input of this size that the block weighs for one output pixel.

    Each comes with the place of the weight in the kernel. For a convolution of 3×3 with padding 1,
    output pixel (0, 0) sees the input from (-1, -1) to (1, 1), by the places (0, 0) to (2, 2). A
    pixel that is enlarged meets several places. MSE, whose output is one number, sees all pixels.
    """
    if isinstance(block, f.MSE):
        return [(place, (0, 0)) for place in product(range(size[0]), range(size[1]))]
    down, right = (_along(block, axis, size[axis], pixel[axis]) for axis in (0, 1))
    return [((i, j), (k, m)) for (i, k), (j, m) in product(down, right)]


def _along(block: f.Module, axis: int, size: int, position: int) -> list[Pair]:
    """`taps` along one axis: pairs of a place in the input and one in the kernel."""
    if isinstance(block, f.NearestUpsampling):
        return [(position // block.scale_factor[axis], 0)]
    if not isinstance(block, (f.Conv2d, f.TransposeConv2d)):
        return [(position, 0)]
    kernel, stride, padding, dilation = (pair[axis] for pair in block.geometry)
    if isinstance(block, f.TransposeConv2d):  # position = stride · i - padding + dilation · k
        reached = ((position + padding - dilation * k, k) for k in range(kernel))
        return [(i // stride, k) for i, k in reached if i % stride == 0 and 0 <= i < stride * size]
    scale = block.scale_factor[axis] if isinstance(block, f.Upsampling) else 1
    places = ((stride * position - padding + dilation * k, k) for k in range(kernel))
    return [(i // scale, k) for i, k in places]


def places_of(found: Iterable[Tap]) -> list[Pair]:
    """The pixels of the input alone."""
    return [place for place, _ in found]


def weights_of(block: f.Module, channel: int) -> Tensor:
    """The weights of one output channel: (C / groups, kernel), for a convolution of any kind."""
    assert isinstance(block, (f.Conv2d, f.TransposeConv2d))
    if not isinstance(block, f.TransposeConv2d):
        return block.weight[channel]
    group, own = divmod(channel, block.out_channels // block.groups)
    return block.weight.chunk(block.groups)[group][:, own]


def sum_for(block: f.Module, x: Tensor, pixel: Pixel) -> list[tuple[float, float]]:
    """Pairs (weight, value of x) whose products, added up and to the bias, are the output pixel.

    Args:
        x: (1, C, H, W), the input of a Conv2d, a TransposeConv2d or an Upsampling. Pixels in the
            padding are left out.
    """
    assert isinstance(block, (f.Conv2d, f.TransposeConv2d))
    weights = weights_of(block, pixel[0])
    seen = x.chunk(block.groups, 1)[pixel[0] // (block.out_channels // block.groups)][0]
    height, width = x.shape[2:]
    return [
        (float(weight[k, m]), float(plane[i, j]))
        for weight, plane in zip(weights, seen)
        for (i, j), (k, m) in taps(block, (height, width), pixel[1:])
        if 0 <= i < height and 0 <= j < width
    ]
