"""What a network costs and what it sees: parameters, multiply-adds, receptive fields.

    python -m others.networks.receptive_field [--net NAME ...]

The receptive field of an output pixel is the set of input pixels that can change it. It is
found twice, independently. *Computed*: every layer says which of its inputs an output needs, and
the chain of layers is followed backwards. *Measured*: the input pixels at which the gradient of
the output pixel is not zero, for random weights and images. Pooling gives pixels of
different position different fields, so both are asked for each position.
"""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import torch
from torch import Generator, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

SIDE = 64  # pixels along a side of the images on which layers are recorded
aten = torch.ops.aten


class Layer(NamedTuple):
    """A layer along one axis, by the inputs that its output at o needs.

    Downwards (convolutions, pooling) those are o stride − padding to o stride − padding + reach.
    Upwards (their transposes, unpooling, nearest upsampling) they are the i for which o is among
    i stride − padding to i stride − padding + reach.
    """

    stride: int
    padding: int
    reach: int  # dilation (kernel − 1)
    upwards: bool = False

    def needs(self, low: int, high: int) -> tuple[int, int]:
        """The first and the last input that the outputs from `low` to `high` need."""
        if self.upwards:
            first = -((self.reach - low - self.padding) // self.stride)  # rounded up
            return first, (high + self.padding) // self.stride
        return low * self.stride - self.padding, high * self.stride - self.padding + self.reach


class Recorder(TorchDispatchMode):
    """Writes down the layers that change what a pixel sees, in the order in which they run."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis  # 0 for rows, 1 for columns
        self.layers: list[Layer] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        kind = func.overloadpacket
        if kind is aten.convolution:
            _, weight, _, stride, padding, dilation, upwards = args[:7]
            reach = self._of(dilation) * (weight.shape[2 + self.axis] - 1)
            self.layers.append(Layer(self._of(stride), self._of(padding), reach, bool(upwards)))
        elif kind in (aten.max_pool2d_with_indices, aten.avg_pool2d):
            given = dict(zip(("kernel", "stride", "padding"), args[1:]))
            kernel, padding = self._of(given["kernel"]), self._of(given.get("padding", 0))
            stride = self._of(given.get("stride") or kernel)
            self.layers.append(Layer(stride, padding, kernel - 1))
        elif kind in (aten.max_unpool2d, aten.upsample_nearest2d):
            scale = round(result.shape[2 + self.axis] / args[0].shape[2 + self.axis])
            self.layers.append(Layer(scale, 0, scale - 1, upwards=True))
        return result

    def _of(self, value: Any) -> int:
        """The entry of this axis; a single number is for both."""
        values = value if isinstance(value, (list, tuple)) else [value]
        return values[min(self.axis, len(values) - 1)]


def layers_of(net: nn.Module, axis: int = 0, side: int = SIDE) -> list[Layer]:
    """The layers of a network of 3 channels, taken for one chain, along an axis.

    That is right where all that goes beside the chain, such as skips, has no layers of its own.
    ValueError if what goes down does not come up again: then there are layers of unknown kinds.
    """
    image = torch.zeros(1, 3, side, side, device=next(net.parameters()).device)
    with torch.no_grad(), Recorder(axis) as recorder:
        _evaluated(net)(image)
    strides = [layer.stride if layer.upwards else 1 / layer.stride for layer in recorder.layers]
    if math.prod(strides) != 1:
        scale = math.prod(strides)
        raise ValueError(f"the layers of {type(net).__name__} scale by {scale:g}; expected 1")
    return recorder.layers


def period(layers: list[Layer]) -> int:
    """After so many pixels the fields repeat: the product of all strides downwards."""
    return math.prod(layer.stride for layer in layers if not layer.upwards)


def field(layers: list[Layer], position: int) -> tuple[int, int]:
    """The first and last input pixel that the output pixel at `position` sees, along one axis.

    The image is taken for unbounded: the first may be negative.
    """
    low = high = position
    for layer in reversed(layers):
        low, high = layer.needs(low, high)
    return low, high


def computed_sizes(net: nn.Module, axis: int = 0) -> list[int]:
    """The sizes of the receptive field along an axis, in pixels, each one once, sorted."""
    layers = layers_of(net, axis)
    fields = [field(layers, position) for position in range(period(layers))]
    return sorted({high - low + 1 for low, high in fields})


def measured_field(
    net: nn.Module, position: int, side: int, draws: int = 4, seed: int = 0
) -> list[tuple[int, int]]:
    """First and last row, then column, at which the gradient of an output pixel is not zero.

    The output pixel is at (position, position) of a square image. Weights and images are drawn
    `draws` times, in float64, and the supports united: which pixel wins a pooling differs. Batch
    normalisation is that of evaluation; in training each pixel sees the whole batch.
    """
    generator = Generator().manual_seed(seed)
    support = torch.zeros(side, side, dtype=torch.bool)
    for _ in range(draws):
        drawn = _evaluated(copy.deepcopy(net).cpu().double())
        for values in drawn.parameters():
            if values.dim() > 1:
                scale = math.sqrt(2 / values[0].numel())
                values.data = scale * torch.randn(values.shape, generator=generator).double()
        image = torch.rand((1, 3, side, side), generator=generator).double().requires_grad_()
        output = drawn(image)[..., position, position].sum()
        (gradient,) = torch.autograd.grad(output, image)
        support |= (gradient[0] != 0).any(0)
    seen = [support.any(1).nonzero(), support.any(0).nonzero()]
    return [(int(places.min()), int(places.max())) for places in seen]


def measured_sizes(net: nn.Module, largest: int, repeats: int = 1, draws: int = 4) -> list[int]:
    """What `computed_sizes` gives, from gradients.

    Args:
        largest: no field is larger, in pixels; images are about twice as large.
        repeats: positions to be asked, one after the other: the period.
    """
    centre = -(-largest // repeats) * repeats  # a multiple, at which the pattern starts anew
    side = 2 * centre + repeats
    side += -side % repeats
    fields = [measured_field(net, centre + position, side, draws)[0] for position in range(repeats)]
    return sorted({high - low + 1 for low, high in fields})


def _evaluated(net: nn.Module) -> nn.Module:
    """A copy in evaluation mode, so that nothing that is asked here changes the network."""
    return copy.deepcopy(net).eval()


class Parameters(NamedTuple):
    """Numbers of trained values."""

    weights: int  # of convolutions
    biases: int  # of convolutions
    norms: int  # gains and biases of normalisations, and other factors

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)


def parameters_of(net: nn.Module) -> Parameters:
    """The trained values of a network by what they are: matrices count as weights."""
    biases = sum(
        module.bias.numel()
        for module in net.modules()
        if isinstance(module, nn.modules.conv._ConvNd) and module.bias is not None
    )
    weights = sum(values.numel() for values in net.parameters() if values.dim() > 1)
    everything = sum(values.numel() for values in net.parameters())
    return Parameters(weights, biases, everything - weights - biases)


def multiply_adds(net: nn.Module, height: int, width: int) -> int:
    """Products summed in the convolutions for one image of this size; torch counts two a product.

    Pooling, norms and activations are left out: about a hundredth.
    """
    image = torch.zeros(1, 3, height, width, device=next(net.parameters()).device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        _evaluated(net)(image)
    return counter.get_total_flops() // 2


class Field(NamedTuple):
    """What a network sees: pixels to each side (None for the whole image), and its step."""

    reach: int | None
    step: int


def field_of(net: nn.Module) -> Field:
    """The field of a network, from its attributes `reach` and `step` or from its layers.

    ValueError if the layers are not one chain of known ones.
    """
    for module in (net, getattr(net, "net", None)):
        if hasattr(module, "reach") and hasattr(module, "step"):
            return Field(module.reach, int(module.step))  # type: ignore[arg-type, union-attr]
    reach, step = 0, 1
    for axis in (0, 1):
        layers = layers_of(copy.deepcopy(net).cpu(), axis)
        step = max(step, period(layers))
        for position in range(period(layers)):
            low, high = field(layers, position)
            reach = max(reach, position - low, high - position)
    return Field(reach, step)
