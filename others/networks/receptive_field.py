"""What a network costs and what it sees: parameters, multiply-adds, receptive fields.

The receptive field of an output pixel is the set of input pixels that can change it. It is found
in two independent ways. It is *computed* by asking every layer which of its inputs an output needs,
from the last layer back to the first. It is *measured* as the input pixels at which the gradient of
the output pixel is not zero, for random weights and images. Under a pooling, pixels at different
positions have fields of different sizes, so both ways look at every position until they repeat.
"""

import copy
import math
from typing import Any, NamedTuple

import torch
from torch import Generator, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

SIDE = 64  # pixels along a side of the images on which layers are recorded
DRAWS = 4  # of random weights and images, on which a field is measured
aten = torch.ops.aten


class Layer(NamedTuple):
    """A layer along one axis, described by which inputs are connected with which outputs.

    A convolution or pooling goes *downwards*: the kernel for output o lies on the inputs from
    o stride − padding on. With stride 2, padding 1 and a kernel of 3:

        inputs    -1  0  1  2  3  4  5
        output 0   [-----]                 needs the inputs -1 to 1 (-1 is padding)
        output 1         [-----]           needs the inputs 1 to 3
        output 2               [-----]     needs the inputs 3 to 5

    Transposed convolution, unpooling and nearest upsampling go *upwards*: the same picture, but
    with inputs and outputs exchanged. Input i spreads over the outputs from i stride − padding on,
    and an output needs all inputs that reach it: output 1 above needs the inputs 0 and 1.
    """

    stride: int
    padding: int
    reach: int  # pixels from the first to the last tap of a kernel: dilation (kernel − 1)
    upwards: bool = False

    def needs(self, low: int, high: int) -> tuple[int, int]:
        """The first and the last input that the outputs from `low` to `high` need."""
        if self.upwards:
            # The inputs i with i stride − padding <= high and i stride − padding + reach >= low.
            first = -((self.reach - low - self.padding) // self.stride)  # a quotient rounded up
            return first, (high + self.padding) // self.stride
        return low * self.stride - self.padding, high * self.stride - self.padding + self.reach


class Recorder(TorchDispatchMode):
    """Writes down the layers that change what a pixel sees, in the order in which they run."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis  # 0 for rows, 1 for columns
        self.layers: list[Layer] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: to leave this class out of what its compiler compiles, torch would import the
        compiler, which takes longer than to denoise an image."""
        return False

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
        """The entry of a setting for this axis; a single number holds for both axes."""
        values = value if isinstance(value, (list, tuple)) else [value]
        return values[min(self.axis, len(values) - 1)]


def layers_of(net: nn.Module, axis: int = 0, side: int = SIDE) -> list[Layer]:
    """The layers of a network for 3 channels along an axis, in the order in which they run.

    They are taken for one chain. This is right for a network with skips if these have no layers of
    their own, since a skip then sees less than the chain beside it.

    ValueError if the strides of what goes down and of what comes up do not cancel: the network then
    has layers of a kind that is not known here.
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
    """The number of pixels after which the fields repeat: the product of all strides downwards."""
    return math.prod(layer.stride for layer in layers if not layer.upwards)


def field(layers: list[Layer], position: int) -> tuple[int, int]:
    """The first and last input pixel that the output pixel at `position` sees, along one axis.

    The image is taken to be unbounded, so the first may be negative.
    """
    low = high = position
    for layer in reversed(layers):
        low, high = layer.needs(low, high)
    return low, high


def computed_sizes(net: nn.Module, axis: int = 0) -> list[int]:
    """The different sizes that receptive fields have along an axis, in pixels, sorted."""
    layers = layers_of(net, axis)
    fields = [field(layers, position) for position in range(period(layers))]
    return sorted({high - low + 1 for low, high in fields})


def measured_field(
    net: nn.Module, position: int, side: int, draws: int = DRAWS
) -> list[tuple[int, int]]:
    """First and last row, then column, at which the gradient of an output pixel is not zero.

    The output pixel is at (position, position) of a square image. Weights and images are drawn
    `draws` times, in float64, and the places of all draws are united, because a pooling hands on
    the gradient of one pixel alone and each draw has another winner. Batch normalisation is that of
    evaluation; in training every pixel would see the whole batch.
    """
    generator = Generator().manual_seed(0)
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


def measured_sizes(net: nn.Module, largest: int, repeats: int = 1) -> list[int]:
    """The sizes that `computed_sizes` gives, found from gradients.

    The positions that are looked at lie in the middle of an image, far enough from its border:

        |<-- `centre` pixels -->|<-- `repeats` positions -->|<-- `centre` pixels -->|

    `centre` is at least `largest`, and a multiple of `repeats`, so that the first position is like
    position 0.

    Args:
        largest: an upper bound of the sizes, in pixels.
        repeats: the period of the network.
    """
    centre = math.ceil(largest / repeats) * repeats
    side = 2 * centre + repeats
    fields = [measured_field(net, centre + position, side)[0] for position in range(repeats)]
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
        """The number of all trained values."""
        return sum(self)


def parameters_of(net: nn.Module) -> Parameters:
    """The numbers of trained values of a network; all with two dimensions or more are weights."""
    biases = sum(
        module.bias.numel()
        for module in net.modules()
        if isinstance(module, nn.modules.conv._ConvNd) and module.bias is not None
    )
    weights = sum(values.numel() for values in net.parameters() if values.dim() > 1)
    everything = sum(values.numel() for values in net.parameters())
    return Parameters(weights, biases, everything - weights - biases)


def multiply_adds(net: nn.Module, height: int, width: int) -> int:
    """The multiply-adds of a network's convolutions for one image of this height and width.

    Pooling, normalisations and activations are not counted; they are about a hundredth of all.
    """
    image = torch.zeros(1, 3, height, width, device=next(net.parameters()).device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        _evaluated(net)(image)
    return counter.get_total_flops() // 2  # torch counts a multiply-add as two operations


class Field(NamedTuple):
    """What a network sees, as tiles and paddings need to know it."""

    reach: int | None  # pixels to each side that an output depends on; None for the whole image
    step: int  # an image that is moved by this number of pixels has the same answer, moved


def field_of(net: nn.Module) -> Field:
    """The field of a network: from its attributes `reach` and `step` if it has them (or the network
    within an `InRange` has them), else from its layers.

    ValueError if the layers are not one chain of known kinds.
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
