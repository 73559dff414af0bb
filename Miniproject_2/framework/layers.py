"""The layers on images: Conv2d, TransposeConv2d, NearestUpsampling and Upsampling.

Signatures, defaults, weight layouts and initialisation are torch's; images are (N, C, H, W) or
(C, H, W), of any floating point type, on any device. The parameters take the type and the device
of the images, but stay float32 where images have 16 bits. `torch.autocast` changes nothing: a layer
computes in 16 bits if its images have 16 bits.
`convolution.py` holds the mathematics, for a single image; `batched.py` has the same for batches.
"""

from operator import index
from typing import Any, Iterator, Optional, Sequence, Tuple, Union

from torch import cat, empty

from . import batched, convolution
from .batched import is_short
from .convolution import Geometry, Pair
from .module import Module, Named
from .storage import lasting
from .tensor import Tensor

IntOrPair = Union[int, Pair]
Gradients = Tuple[Optional[Tensor], Tensor]  # of the input, where it is wanted, and of the weights


class _Convolution(Module):
    """What convolutions share: weights and a bias, as in torch.

    The weights are (O, C / groups, kernel), or (C, O / groups, kernel) in a transposed convolution.
    A layer is defined by `_size`, the size of its output, by `_map`, its function for one group of
    channels, and by `_adjoint`, the gradients of its input and its weights.
    """

    images = True

    def __init__(
        self, channels: Sequence[int], geometry: Sequence[IntOrPair], bias: bool, transposed: bool
    ) -> None:
        names = "input channels, output channels and groups"
        inputs, outputs, groups = to_ints(channels, 3, names, 1)
        if inputs % groups or outputs % groups:
            raise ValueError(f"{groups} groups must divide {inputs} and {outputs} channels")
        self.in_channels, self.out_channels, self.groups = inputs, outputs, groups
        least = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
        pairs = (to_ints(value, 2, *limit) for value, limit in zip(geometry, least.items()))
        self.geometry = Geometry(*pairs)
        first, second = (inputs, outputs) if transposed else (outputs, inputs)
        shape = first, second // groups, *self.geometry.kernel
        fan_in = shape[1] * shape[2] * shape[3]
        bound = fan_in**-0.5  # Kaiming's uniform bound for a leaky ReLU of slope √5: torch's choice
        self.weight, self.weight_grad = parameter(bound, *shape)
        self.bias, self.bias_grad = parameter(bound, outputs) if bias else (None, None)

    def named(self) -> Iterator[Named]:
        yield "weight", self.weight, self.weight_grad
        if self.bias is not None and self.bias_grad is not None:
            yield "bias", self.bias, self.bias_grad

    def _size(self, height: int, width: int) -> Pair:
        """The height and the width of the output for an image of this size: a convolution's."""
        return self.geometry.positions(height, width)

    def _map(self, x: Tensor, weight: Tensor, bias: Optional[Tensor], size: Pair) -> Tensor:
        """The output, of this size, for one group of channels."""
        raise NotImplementedError

    def _adjoint(self, g: Tensor, x: Tensor, weight: Tensor, wanted: bool) -> Gradients:
        """The gradients of x, if it is wanted, and of the weights, for one group of channels."""
        raise NotImplementedError

    def _forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        self._follow(x)
        size = self._size(x.shape[2], x.shape[3])
        if min(size) < 1:
            raise ValueError(f"{self} has no output for images of {x.shape[2]}x{x.shape[3]} pixels")
        weight = self._weights(self.weight.detach().to(x), x)
        bias = None if self.bias is None else self.bias.detach().to(x)
        groups = zip(self._split(x, 1), self._split(weight), self._split(bias))
        return join([self._map(*group, size) for group in groups], 1), x, weight

    def _backward(self, g: Tensor, x: Tensor, weight: Tensor, wanted: bool = True) -> Any:
        groups = zip(self._split(g, 1), self._split(x, 1), self._split(weight))
        x_grads, weight_grads = zip(*(self._adjoint(*group, wanted) for group in groups))
        self.weight_grad += join(weight_grads, 0)
        if self.bias_grad is not None:
            self.bias_grad += g.sum((0, 2, 3), dtype=self.bias_grad.dtype)
        return join(x_grads, 1) if wanted else None

    def accumulate(self, *gradients: Tensor) -> None:
        self._answer(gradients, wanted=False)

    def _weights(self, weight: Tensor, x: Tensor) -> Tensor:
        """The weights that `_map` and `_adjoint` are given for this input."""
        return weight

    def _split(self, tensor: Any, axis: int = 0) -> Sequence[Any]:
        """The part of each group; `join` is the inverse."""
        if tensor is None or self.groups == 1:
            return [tensor] * self.groups
        return tensor.chunk(self.groups, axis)

    def _follow(self, x: Tensor) -> None:
        """Move the parameters to the type and the device of the input.

        With an input of 16 bits they stay float32, so that small steps of a training are not lost;
        the products take copies that are rounded to 16 bits.
        """
        like = x[:0].float() if is_short(x) else x
        found = {(one.dtype, one.device) for pair in self.param() for one in pair}
        if found != {(like.dtype, like.device)}:
            self.to(like)

    def __repr__(self) -> str:
        usual = {**Geometry(self.geometry.kernel)._asdict(), "groups": 1, "bias": True}
        usual.update(output_padding=(0, 0), scale_factor=None)  # which not every layer has
        own = {**usual, **self.geometry._asdict(), **vars(self), "bias": self.bias is not None}
        options = [f", {name}={own[name]}" for name in usual if own[name] != usual[name]]
        sizes = f"{self.in_channels}, {self.out_channels}, {self.geometry.kernel}"
        return f"{type(self).__name__}({sizes}{''.join(options)})"


class Conv2d(_Convolution):
    """Convolution (cross-correlation), as torch.nn.Conv2d; weight (O, C / groups, kernel)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        geometry = kernel_size, stride, padding, dilation
        super().__init__((in_channels, out_channels, groups), geometry, bias, transposed=False)

    def _map(self, x: Tensor, weight: Tensor, bias: Optional[Tensor], size: Pair) -> Tensor:
        """y = G x M + bias."""
        return maps_for(x).convolve(x, weight, bias, self.geometry, size)

    def _adjoint(self, g: Tensor, x: Tensor, weight: Tensor, wanted: bool) -> Gradients:
        """∂L/∂M = (G x)ᵀ g, ∂L/∂x = Gᵀ(g Mᵀ): the transposed convolution of g."""
        maps, size = maps_for(x), (x.shape[2], x.shape[3])
        weight_grad = maps.weight_gradient(x, g, weight, self.geometry)
        x_grad = maps.transpose(g, weight, None, self.geometry, size) if wanted else None
        return x_grad, weight_grad


class TransposeConv2d(_Convolution):
    """Transposed convolution, as torch.nn.ConvTranspose2d; weight (C, O / groups, kernel)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair = 0,
        output_padding: IntOrPair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrPair = 1,
    ) -> None:
        geometry = kernel_size, stride, padding, dilation
        super().__init__((in_channels, out_channels, groups), geometry, bias, transposed=True)
        self.output_padding = to_ints(output_padding, 2, "output_padding", 0)
        limits = map(max, self.geometry.stride, self.geometry.dilation)
        if any(extra >= limit for extra, limit in zip(self.output_padding, limits)):
            raise ValueError(
                f"output_padding must be smaller than stride or dilation, got {output_padding}"
            )

    def _size(self, height: int, width: int) -> Pair:
        (rows, columns), (down, right) = self.geometry.size_from(height, width), self.output_padding
        return rows + down, columns + right

    def _map(self, x: Tensor, weight: Tensor, bias: Optional[Tensor], size: Pair) -> Tensor:
        """y = Gᵀ(x Mᵀ) + bias."""
        return maps_for(x).transpose(x, weight, bias, self.geometry, size)

    def _adjoint(self, g: Tensor, x: Tensor, weight: Tensor, wanted: bool) -> Gradients:
        """∂L/∂x = G g M: the convolution of g; ∂L/∂M = (G g)ᵀ x."""
        return maps_for(x).transpose_backward(g, x, weight, self.geometry)


class NearestUpsampling(Module):
    """Each pixel repeated `scale_factor` times along both axes, as torch.nn.UpsamplingNearest2d."""

    images = True

    def __init__(self, scale_factor: IntOrPair = 2) -> None:
        self.scale_factor = to_ints(scale_factor, 2, "scale_factor", 1)

    def _forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        """y[i, j] = x[i // s, j // t], where (s, t) is `scale_factor`."""
        return (enlarge(x, self.scale_factor),)

    def _backward(self, g: Tensor) -> Tensor:
        """∂L/∂x = the sum of g over each block of s×t pixels, the copies of one pixel of x."""
        return sum_blocks(g, self.scale_factor)


class Upsampling(Conv2d):
    """`NearestUpsampling(scale_factor)`, then `Conv2d`: its arguments, weights and gradients.

    For a batch, and where the convolution is dense (stride, dilation and groups of 1, padding
    less than the kernel), both together are one transposed convolution with smeared weights,
    which does without the enlarged image (see `batched.py`).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        bias: bool = True,
        scale_factor: IntOrPair = 2,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias
        )
        self.scale_factor = s, t = to_ints(scale_factor, 2, "scale_factor", 1)
        (height, width), stride, (top, left), dilation = self.geometry
        self._smeared = Geometry(
            (height + s - 1, width + t - 1), (s, t), (height - 1 - top, width - 1 - left)
        )
        steps = (*stride, *dilation, self.groups)
        self._dense = max(steps) == 1 and min(self._smeared.padding) >= 0

    def _is_smeared(self, x: Tensor) -> bool:
        return self._dense and x.shape[0] > 1

    def _size(self, height: int, width: int) -> Pair:
        return super()._size(height * self.scale_factor[0], width * self.scale_factor[1])

    def _weights(self, weight: Tensor, x: Tensor) -> Tensor:
        return batched.smear(weight, self.scale_factor) if self._is_smeared(x) else weight

    def _map(self, x: Tensor, weight: Tensor, bias: Optional[Tensor], size: Pair) -> Tensor:
        """y = the convolution of the enlarged image, or x by smeared weights: Gᵀ(x Mᵀ) + bias."""
        if self._is_smeared(x):
            return batched.transpose(x, weight, bias, self._smeared, size)
        return super()._map(enlarge(x, self.scale_factor), weight, bias, size)

    def _adjoint(self, g: Tensor, x: Tensor, weight: Tensor, wanted: bool) -> Gradients:
        """The gradients of `Conv2d`, with ∂L/∂x summed over the copies of each pixel.

        Or those of `TransposeConv2d` with smeared weights, with ∂L/∂M summed over the places to
        which each weight was smeared.
        """
        scale = self.scale_factor
        if self._is_smeared(x):
            x_grad, smeared_grad = batched.transpose_backward(g, x, weight, self._smeared)
            return x_grad, batched.unsmear(smeared_grad, scale, self.geometry.kernel)
        x_grad, weight_grad = super()._adjoint(g, enlarge(x, scale), weight, wanted)
        return (None if x_grad is None else sum_blocks(x_grad, scale)), weight_grad


def to_ints(value: Any, count: int, name: str, least: int) -> Any:
    """`count` whole numbers of at least `least`, NumPy's included, as ints; one stands for all.

    Raises:
        ValueError: anything else.
    """
    values = value if isinstance(value, (tuple, list)) else [value] * count
    whole = all(hasattr(one, "__index__") and not isinstance(one, bool) for one in values)
    if len(values) != count or not whole or min(values) < least:
        raise ValueError(f"{name}: expected whole numbers of at least {least}, got {value}")
    return tuple(map(index, values))


def parameter(bound: float, *shape: int) -> Tuple[Tensor, Tensor]:
    """A parameter, uniform in ±bound, and its gradient of zeros, both in float32 on the CPU."""
    value = lasting(lambda: empty(shape, device="cpu").float().uniform_(-bound, bound))
    return value, lasting(value.new_zeros, shape)


def maps_for(x: Tensor) -> Any:
    """The module with the maps of `convolution.py` that are the best for this input."""
    return convolution if x.shape[0] == 1 and not is_short(x) else batched


def join(pieces: Sequence[Tensor], axis: int) -> Tensor:
    """The parts of all groups side by side; that of a single one as it is."""
    return pieces[0] if len(pieces) == 1 else cat(list(pieces), axis)


def enlarge(x: Tensor, scale: Pair) -> Tensor:
    """Nearest upsampling, in the order of memory of x: (N, C, H, W) to (N, C, s · H, t · W)."""
    (count, channels, height, width), (s, t) = x.shape, scale
    if x.is_contiguous():
        y = x.new_empty(count, channels, height, s, width, t)
    else:
        y = x.new_empty(count, height, s, width, t, channels).permute(0, 5, 1, 2, 3, 4)
    return y.copy_(x.unsqueeze(3).unsqueeze(5)).flatten(4).flatten(2, 3)


def sum_blocks(g: Tensor, scale: Pair) -> Tensor:
    """The adjoint of `enlarge`: the sum of each block of s×t pixels."""
    s, t = scale
    rows = sum((g[:, :, i::s] for i in range(1, s)), g[:, :, ::s])
    total = sum((rows[..., j::t] for j in range(1, t)), rows[..., ::t])
    return total if s * t > 1 else total.clone()  # not the caller's own memory
