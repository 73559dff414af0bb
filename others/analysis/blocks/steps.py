"""The passes of a block of Miniproject 2's framework, step by step, as matrices for a page.

The letters are those of `Miniproject_2/framework/convolution.py`: G copies patches into rows, M
holds the weights, g is the gradient of the loss L with respect to the output. Each step shows a few
matrices, and marks in them what belongs to one pixel of the output. The framework's own functions
compute what they hold. A layer with groups is shown for the group of that pixel.
"""

from itertools import product
from typing import Any, Iterable, NamedTuple, Sequence

import torch
from torch import Tensor

from Miniproject_2 import framework as f
from Miniproject_2.framework import batched, convolution
from Miniproject_2.framework.convolution import Geometry, Pair
from Miniproject_2.framework.layers import enlarge
from others.analysis.blocks.comparison import our_passes
from others.analysis.blocks.drawing import Grid
from others.analysis.blocks.taps import Pixel, Tap, places_of, taps

POINTWISE = {
    "ReLU": ("y = max(x, 0)", "g where x > 0, else 0"),
    "LeakyReLU": ("y = x where x > 0, else slope · x", "g where x > 0, else slope · g"),
    "Sigmoid": ("y = 1 / (1 + exp(-x))", "g · y (1 - y)"),
}


class Step(NamedTuple):
    """One step of a pass: a formula, a sentence on what happens, and matrices."""

    formula: str
    sentence: str
    grids: list[Grid]


class Group(NamedTuple):
    """What one group of channels of a convolution computes with, and the chosen pixel in it."""

    x: Tensor
    g: Tensor
    weight: Tensor
    bias: Tensor | None
    geometry: Geometry
    channel: int  # of the pixel, counted from the first channel of its group
    pixel: Pair
    taps: list[Tap]

    @classmethod
    def of(cls, block: Any, x: Tensor, g: Tensor, pixel: Pixel) -> "Group":
        """The group that computes this pixel of a block's output."""
        number, channel = divmod(pixel[0], block.out_channels // block.groups)
        x, g = (one.chunk(block.groups, 1)[number] for one in (x, g))
        weight = block.weight.chunk(block.groups)[number]
        bias = None if block.bias is None else block.bias.chunk(block.groups)[number]
        found = taps(block, (x.shape[2], x.shape[3]), pixel[1:])
        return cls(x, g, weight, bias, block.geometry, channel, pixel[1:], found)


def steps(block: f.Module, inputs: Sequence[Tensor], g: Tensor, pixel: Pixel) -> list[Step]:
    """The steps of the forward pass of a block for one image, then those of the backward pass.

    Args:
        inputs: (1, C, H, W) each: one for a layer, prediction and target for MSE.
        g: the gradient of the loss with respect to the output, of the output's shape.
        pixel: (channel, row, column) of the output, which decides what is marked.
    """
    x, channel, place = inputs[0], pixel[0], [pixel[1:]]
    if isinstance(block, f.MSE):
        return _mse(block, *inputs)
    if isinstance(block, f.Upsampling):
        return _upsampling(block, x, g, pixel)
    if isinstance(block, f.Conv2d):
        return _convolution(Group.of(block, x, g, pixel))
    if isinstance(block, f.TransposeConv2d):
        return _transposed(Group.of(block, x, g, pixel))
    source = places_of(taps(block, (x.shape[2], x.shape[3]), pixel[1:]))
    kept, out = planes("x", x, source, channel), planes("y", block.forward(x), place, channel)
    back = planes("∂L/∂x", our_passes(block, [x], g)["x"], source, channel)
    upstream = planes("g", g, place, channel)
    if isinstance(block, f.NearestUpsampling):
        s, t = block.scale_factor
        says = f"Each pixel of the input is repeated {s} times down and {t} times right."
        adjoint = f"Copies are added up: the sum of g over each block of {s}×{t} pixels."
        return [
            Step("y[i, j] = x[i // s, j // t]", says, kept + out),
            Step("∂L/∂x = the sum of g over a block", adjoint, upstream + back),
        ]
    forward, backward = POINTWISE[type(block).__name__]
    slope = planes("∂y/∂x", our_passes(block, [x], torch.ones_like(g))["x"], source, channel)
    return [
        Step(forward, "Each pixel by itself.", kept + out),
        Step(f"∂L/∂x = {backward}", "The gradient times the slope.", slope + upstream + back),
    ]


def mask(shape: Sequence[int], places: Iterable[Pair]) -> Tensor:
    """True at these places of a matrix; places outside it are left out."""
    marked = torch.zeros(*shape, dtype=torch.bool)
    for row, column in places:
        if 0 <= row < shape[0] and 0 <= column < shape[1]:
            marked[row, column] = True
    return marked


def grid(name: str, values: Tensor, places: Iterable[Pair] = ()) -> Grid:
    """A matrix of its own, marked at these places."""
    return Grid(name, values.detach().clone(), mask(values.shape, places))


def lines(name: str, values: Tensor, rows: Any = slice(None), columns: Any = slice(None)) -> Grid:
    """A matrix, marked where these rows meet these columns."""
    marked = mask(values.shape, ())
    chosen = torch.arange(len(values))[rows]
    marked[chosen[:, None], torch.arange(values.shape[1])[columns]] = True
    return Grid(name, values.detach().clone(), marked)


def planes(name: str, image: Tensor, places: Iterable[Pair], channel: int = -1) -> list[Grid]:
    """The channels of one image (1, C, H, W), all marked at these places, or one channel alone."""
    places, several = list(places), image.shape[1] > 1
    return [
        grid(
            f"{name}[{number}]" if several else name,
            plane,
            places if channel in (-1, number) else (),
        )
        for number, plane in enumerate(image[0])
    ]


def rows_of(image: Tensor) -> Tensor:
    """One image (1, C, H, W) as a matrix with a row for each pixel: (H · W, C)."""
    return image[0].flatten(1).t()


def _convolution(group: Group) -> list[Step]:
    x, g, weight, bias, geometry, channel, pixel, found = group
    positions, size = (g.shape[2], g.shape[3]), (x.shape[2], x.shape[3])
    row, matrix, upstream = [pixel[0] * positions[1] + pixel[1]], weight.flatten(1).t(), rows_of(g)
    gx = lines("G x", convolution.columns_of_patches(x, geometry, positions)[0].t(), row)
    y = rows_of(convolution.convolve(x, weight, bias, geometry, positions))
    gradient = convolution.weight_gradient(x, g, weight, geometry).flatten(1).t()
    dx = convolution.transpose(g, weight, None, geometry, size)
    one = [channel]
    return [
        Step("G x", "Each position of the kernel copies its patch into a row.", [gx]),
        Step(
            "y = G x M + bias",
            "One matrix product gives all pixels: marked row times marked column, plus the bias, "
            "is the marked pixel.",
            [gx, lines("M", matrix, columns=one), lines("y", y, row, one)],
        ),
        Step(
            "∂L/∂M = (G x)ᵀ g",
            "A weight gets the sum, over all positions, of what it was multiplied with times g.",
            [gx, lines("g", upstream, row, one), lines("∂L/∂M", gradient, columns=one)],
        ),
        Step(
            "∂L/∂x = Gᵀ(g Mᵀ)",
            "G copies, so its adjoint adds: each row goes back to the patch that it came from. "
            "This is the transposed convolution of g.",
            [lines("g Mᵀ", upstream @ matrix.t(), row), *planes("∂L/∂x", dx, places_of(found))],
        ),
    ]


def _transposed(group: Group) -> list[Step]:
    x, g, weight, bias, geometry, channel, pixel, found = group
    size, positions = (g.shape[2], g.shape[3]), (x.shape[2], x.shape[3])
    across, width = weight.shape[2] * weight.shape[3], weight.shape[3]
    met = [
        (i * positions[1] + j, channel * across + k * width + m) for (i, j), (k, m) in found
    ]  # the entries of x Mᵀ that are added to the pixel
    rows, columns = [row for row, _ in met], [column for _, column in met]
    matrix = weight.flatten(1)
    y = convolution.transpose(x, weight, bias, geometry, size)
    dx, gradient = convolution.transpose_backward(g, x, weight, geometry)
    rows_x, patches = lines("x", rows_of(x), rows), grid("x Mᵀ", rows_of(x) @ matrix, met)
    gg = grid("G g", convolution.columns_of_patches(g, geometry, positions)[0].t(), met)
    return [
        Step(
            "x Mᵀ",
            "Each pixel of the input times all weights: its row is the patch that it gives.",
            [rows_x, lines("Mᵀ", matrix, columns=columns), patches],
        ),
        Step(
            "y = Gᵀ(x Mᵀ) + bias",
            "Each entry is added to its pixel of the output: the marked ones meet in one pixel.",
            [patches, *planes("y", y, [pixel], channel)],
        ),
        _phases(weight[0, channel], geometry, pixel),
        Step(
            "∂L/∂x = G g M",
            "Backward is the convolution of g: its patches as rows, times the weights.",
            [gg, lines("M", matrix.t()), lines("∂L/∂x", rows_of(dx), rows)],
        ),
        Step(
            "∂L/∂M = (G g)ᵀ x",
            "The same patches serve the gradient of the weights.",
            [gg, rows_x, lines("∂L/∂M", gradient.flatten(1).t(), columns)],
        ),
    ]


def _phases(weight: Tensor, geometry: Geometry, pixel: Pair) -> Step:
    """The weights of a transposed convolution, sorted by the pixels of the output that they meet.

    Args:
        weight: (kernel), of one input and one output channel.
    """
    divided = all(k % s == 0 for k, s in zip(geometry.kernel, geometry.stride))
    if not divided or geometry.dilation != (1, 1) or geometry.stride == (1, 1):
        return Step(
            "no phases",
            "Only a stride of 2 or more that divides the kernel, without dilation, has phases with "
            "kernels of one size.",
            [grid("weights", weight)],
        )
    (s, t), (top, left) = geometry.stride, geometry.padding
    own = (pixel[0] + top) % s, (pixel[1] + left) % t
    phases = {(k, m): weight[k::s, m::t] for k, m in product(range(s), range(t))}
    letters = [
        lines(f"phase {k}, {m}", value, slice(None) if (k, m) == own else [])
        for (k, m), value in phases.items()
    ]
    return Step(
        f"{s * t} phases",
        f"Output pixels {s} rows or {t} columns apart meet the same weights, the marked pixel the "
        f"marked ones: this is {s * t} convolutions with stride 1, whose kernels have "
        f"{weight.shape[0] // s}×{weight.shape[1] // t} weights.",
        [lines("weights", weight, slice(own[0], None, s), slice(own[1], None, t)), *letters],
    )


def _upsampling(block: f.Upsampling, x: Tensor, g: Tensor, pixel: Pixel) -> list[Step]:
    larger = enlarge(x, block.scale_factor)
    plain = Group.of(block, larger, g, pixel)
    as_convolution = f.Conv2d(1, 1, *block.geometry)  # its taps lie on the enlarged image
    found = taps(as_convolution, (larger.shape[2], larger.shape[3]), pixel[1:])
    *forward, weights, _ = _convolution(plain._replace(taps=found))
    whole = planes("enlarged x", plain.x, places_of(found))
    number = pixel[0] // (block.out_channels // block.groups)
    dx = our_passes(block, [x], g)["x"].chunk(block.groups, 1)[number]
    return [
        Step("x, enlarged", "Each pixel is repeated; the kernel lies on the copies.", whole),
        *forward,
        *_smearing(block, plain),
        weights,
        Step(
            "∂L/∂x = the sum over copies",
            "The transposed convolution of g, then the sum over the copies of each pixel.",
            [
                *planes("g", plain.g, [pixel[1:]], plain.channel),
                *planes("∂L/∂x", dx, places_of(taps(block, (x.shape[2], x.shape[3]), pixel[1:]))),
            ],
        ),
    ]


def _smearing(block: f.Upsampling, plain: Group) -> list[Step]:
    """The transposed convolution that takes the place of a dense one on the enlarged image."""
    weight, (s, t) = plain.weight, block.scale_factor
    if not block._dense:
        return []
    smeared = batched.smear(weight, (s, t))[0, plain.channel]
    return [
        Step(
            "smeared weights",
            f"Copies have the same value, so their weights can be added before: w, turned by 180° "
            f"and smeared by a box of {s}×{t}, is a transposed convolution of the small image with "
            f"stride {s}×{t}.",
            [grid("w", weight[plain.channel, 0]), grid("w, smeared", smeared)],
        ),
        _phases(smeared, block._smeared, plain.pixel),
    ]


def _mse(block: f.MSE, prediction: Tensor, target: Tensor) -> list[Step]:
    loss = block.forward(prediction, target).reshape(1, 1)
    difference = prediction - target
    both = [*planes("prediction", prediction, ()), *planes("target", target, ())]
    off = planes("difference", difference, ())
    return [
        Step(
            "L = mean (prediction - target)²",
            f"The mean over all {difference.numel()} elements, not over images.",
            [*both, *off, lines("L", loss)],
        ),
        Step(
            "∂L/∂prediction = 2 (prediction - target) / n",
            "The first gradient of a backward pass, which all others follow from.",
            [*off, *planes("∂L/∂prediction", block.backward(), ())],
        ),
    ]
