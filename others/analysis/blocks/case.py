"""A block, a small input, and one pixel of the output: what a page shows of the framework."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from Miniproject_2 import framework as f
from Miniproject_2.framework.convolution import Pair
from others.analysis.blocks.drawing import Grid, padded
from others.analysis.blocks.steps import Step, lines, mask, planes, steps
from others.analysis.blocks.taps import Pixel, make_block, places_of, sum_for, taps, weights_of
from others.data.seeds import seeded

# Default, low, high and step of each parameter. A block may refuse values between the limits, which
# keep the pictures small.
PARAMETERS: dict[str, tuple[float, float, float, float]] = {
    "in_channels": (1, 0, 4, 1),
    "out_channels": (1, 0, 4, 1),
    "kernel_size": (3, 0, 6, 1),
    "stride": (2, 0, 4, 1),
    "padding": (1, 0, 4, 1),
    "output_padding": (0, 0, 4, 1),
    "dilation": (1, 0, 3, 1),
    "groups": (1, 0, 4, 1),
    "scale_factor": (2, 0, 4, 1),
    "negative_slope": (0.1, 0, 1, 0.05),
    "rows": (5, 1, 8, 1),
    "columns": (5, 1, 8, 1),
    "seed": (0, 0, 99, 1),
}
OTHERWISE = {"TransposeConv2d": {"kernel_size": 4}, "Upsampling": {"stride": 1}}  # defaults
MOST_TERMS = 12  # of a sum that is written out


def default_of(block: str, name: str) -> float:
    """The default of a parameter, which is an int where the parameter is a whole number."""
    return OTHERWISE.get(block, {}).get(name, PARAMETERS[name][0])


class Case:
    """A block at work on whole numbers from -4 to 5.

    Args:
        name: of the block, in BLOCKS.
        arguments: of its constructor.
        size: rows and columns of the input.
        seed: of the weights and of the input.
        edits: pixels of the input (plane, row, column) that have other values; the planes of MSE
            are those of the prediction, then those of the target. Pixels outside are ignored.
        pixel: of the output, whose origin is shown; brought to the next one if it lies outside.
        one_hot: whether the gradient g is 1 at this pixel alone, instead of everywhere.

    Raises:
        ValueError: the block refuses its arguments or its input.
    """

    def __init__(
        self,
        name: str,
        arguments: Mapping[str, Any],
        size: Pair,
        seed: int = 0,
        edits: Mapping[Pixel, float] | None = None,
        pixel: Pixel = (0, 0, 0),
        one_hot: bool = False,
    ) -> None:
        self.block = make_block(name, arguments, seed)
        channels, count = self.block.in_channels or 1, self.block.inputs
        self.planes = torch.randint(-4, 6, (count * channels, *size), generator=seeded(seed))
        self.planes = self.planes.float()  # all inputs, one after the other
        for place, value in (edits or {}).items():
            if all(one < limit for one, limit in zip(place, self.planes.shape)):
                self.planes[place] = value
        self.inputs = list(self.planes[:, None].reshape(count, 1, channels, *size))
        y = self.block.forward(*self.inputs)
        self.y = y if y.dim() else y.view(1, 1, 1, 1)  # the loss is a number
        self.pixel = inside(pixel, self.y[0])
        self.g = torch.ones_like(y)
        if y.dim() and one_hot:
            self.g = torch.zeros_like(y)
            self.g[(0, *self.pixel)] = 1

    @property
    def frame(self) -> Pair:
        """The padding that is drawn around the input."""
        return self.block.geometry.padding if type(self.block) is f.Conv2d else (0, 0)

    def drawn_inputs(self) -> list[Grid]:
        """The planes of the input in their padding; what the pixel sees is marked."""
        (top, left), (height, width) = self.frame, self.planes.shape[1:]
        found = places_of(taps(self.block, (height, width), self.pixel[1:]))
        places = [(i + top, j + left) for i, j in found]
        names = ("prediction", "target") if len(self.inputs) == 2 else ("x",)
        drawn = [one for name, x in zip(names, self.inputs) for one in planes(name, x, ())]
        framed, seen = [padded(one, self.frame) for one in drawn], self._planes_seen()
        return [
            one._replace(marked=mask(one.values.shape, places if number in seen else ()))
            for number, one in enumerate(framed)
        ]

    def _planes_seen(self) -> range:
        """The planes of the input that the pixel depends on."""
        if isinstance(self.block, (f.Conv2d, f.TransposeConv2d)):
            size = self.block.in_channels // self.block.groups
            first = self.pixel[0] // (self.block.out_channels // self.block.groups) * size
            return range(first, first + size)
        return range(len(self.planes))  # there is one, or MSE sees both

    def drawn_weights(self) -> list[Grid]:
        """The weights of the pixel's channel, a matrix for each input channel; or nothing."""
        if not isinstance(self.block, (f.Conv2d, f.TransposeConv2d)):
            return []
        return [lines("weights", one, []) for one in weights_of(self.block, self.pixel[0])]

    def drawn_output(self) -> list[Grid]:
        """The planes of the output, with the pixel marked."""
        return planes("y", self.y, [self.pixel[1:]], self.pixel[0])

    def steps(self) -> list[Step]:
        """The steps of the forward and the backward pass."""
        return steps(self.block, self.inputs, self.g, self.pixel)

    def sentence(self) -> str:
        """The chosen pixel as a sum, where it is one, and its value."""
        value, name = float(self.y[(0, *self.pixel)]), "y[{}, {}, {}]".format(*self.pixel)
        if not isinstance(self.block, (f.Conv2d, f.TransposeConv2d)):
            return f"{name} = {value:.4g}"
        terms = [f"{w:g}·{x:g}" for w, x in sum_for(self.block, self.inputs[0], self.pixel)]
        terms[MOST_TERMS:] = ["…"] if len(terms) > MOST_TERMS else []
        assert self.block.bias is not None
        terms.append(f"bias {float(self.block.bias[self.pixel[0]]):g}")
        return f"{name} = {' + '.join(terms)} = {value:.4g}".replace("+ -", "− ").replace("-", "−")


def inside(place: Pixel, planes: Tensor) -> Pixel:
    """The place itself, or the nearest one of (C, H, W)."""
    p, i, j = (min(one, size - 1) for one, size in zip(place, planes.shape))
    return p, i, j
