"""The layers with weights: Conv2d, TransposeConv2d, NearestUpsampling and Upsampling.

Signatures, defaults, weight layouts and initialisation are torch's; images are (N, C, H, W) or
(C, H, W), float32 or float64, on any device, and the parameters follow them there. `convolution.py`
holds the mathematics, for a single image; `batched.py` has the same for batches.
"""

from typing import Iterator, Optional, Tuple

from torch import empty

from . import batched, convolution
from .batched import is_short
from .convolution import Geometry, IntOrPair, Pair, to_pair
from .module import Module, Named
from .tensor import Tensor


class _Layer(Module):
    """A layer on images: (N, C, H, W) or (C, H, W) outside, always with N inside."""

    in_channels: int = 0  # any number

    def _images(self, image: Tensor) -> Tensor:
        image = self._enter(image)
        shape = tuple(image.shape)
        if len(shape) not in (3, 4) or self.in_channels not in (0, shape[-3]):
            channels = self.in_channels or "C"
            expected = f"(N, {channels}, H, W) or ({channels}, H, W)"
            raise ValueError(f"{self} expects an input of the shape {expected}, got {shape}")
        if image.numel() == 0:
            raise ValueError(f"{self} expects an input with elements, got the shape {shape}")
        self._single = image.dim() == 3
        return image.unsqueeze(0) if self._single else image

    def _outside(self, image: Tensor) -> Tensor:
        """The inverse of `_images`, for outputs and for gradients of inputs."""
        return image.squeeze(0) if self._single else image

    def _inside(self, gradient: Tensor) -> Tensor:
        """A gradient as `_images` has images."""
        gradient = self._check_gradient(gradient)
        return gradient.unsqueeze(0) if self._single else gradient


class _Convolution(_Layer):
    """What convolutions share: weights (fixed, free / groups, kernel) and a bias, as in torch."""

    def __init__(
        self, channels: Pair, fixed: int, geometry: Geometry, groups: int, bias: bool
    ) -> None:
        whole = all(type(count) is int and count > 0 for count in (*channels, groups))
        if not whole or any(count % groups for count in channels):
            raise ValueError(
                f"expected positive numbers of channels that the groups divide, got {channels[0]} "
                f"input channels, {channels[1]} output channels and {groups} groups"
            )
        self.in_channels, self.out_channels = channels
        self.geometry, self.groups = geometry, groups
        free = sum(channels) - fixed
        fan_in = free // groups * geometry.kernel[0] * geometry.kernel[1]
        bound = fan_in**-0.5  # Kaiming's uniform bound for a leaky ReLU of slope √5: torch's choice
        self.weight = empty(fixed, free // groups, *geometry.kernel).uniform_(-bound, bound)
        self.weight_grad = self.weight.new_zeros(self.weight.shape)
        self.bias = empty(self.out_channels).uniform_(-bound, bound) if bias else None
        self.bias_grad = self.weight.new_zeros(self.out_channels) if bias else None

    def named(self) -> Iterator[Named]:
        yield "weight", self.weight, self.weight_grad
        if self.bias is not None and self.bias_grad is not None:
            yield "bias", self.bias, self.bias_grad

    def _images(self, image: Tensor) -> Tensor:
        """Move the parameters to the type and device of the input, in place: pairs stay valid.

        To an input of 16 bits they do not descend: it is weighed with rounded copies of them.
        """
        images = super()._images(image)
        self._maps = convolution if len(images) == 1 and not is_short(images) else batched
        like = images[:0].float() if is_short(images) else images
        if (self.weight.dtype, self.weight.device) != (like.dtype, like.device):
            for tensor in [each for both in self.param() for each in both]:
                tensor.data = tensor.data.to(like)
        return images

    def _values(self, x: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """Weight and bias in the type of the input and out of any graph."""
        weight, bias = self.weight.detach(), None if self.bias is None else self.bias.detach()
        return weight.to(x), None if bias is None else bias.to(x)

    def _accumulate(self, weight_grad: Tensor, gradient: Tensor) -> None:
        self.weight_grad += weight_grad
        if self.bias_grad is not None:
            self.bias_grad += gradient.sum((0, 2, 3), dtype=self.bias_grad.dtype)

    def _check_size(self, output: Pair, image: Pair) -> None:
        if min(output) < 1:
            raise ValueError(f"{self} has no output for images of {image[0]}x{image[1]} pixels")

    def __repr__(self) -> str:
        defaults = Geometry((1, 1))
        options = [
            f"{name}={value}"
            for name, value in self.geometry._asdict().items()
            if name != "kernel" and value != getattr(defaults, name)
        ]
        options += [f"groups={self.groups}"] if self.groups > 1 else []
        options += ["bias=False"] if self.bias is None else []
        shape = [str(self.in_channels), str(self.out_channels), str(self.geometry.kernel)]
        return f"{type(self).__name__}({', '.join(shape + options)})"


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
        geometry = Geometry.of(kernel_size, stride, padding, dilation)
        super().__init__((in_channels, out_channels), out_channels, geometry, groups, bias)

    def forward(self, *inputs: Tensor) -> Tensor:
        """y = G x M + bias."""
        self._x = self._images(inputs[0])
        size = self._x.shape[2], self._x.shape[3]
        positions = self.geometry.positions(*size)
        self._check_size(positions, size)
        y = self._maps.convolve(
            self._x, *self._values(self._x), self.geometry, self.groups, positions
        )
        return self._leave(self._outside(y))

    def backward(self, *gradients: Tensor) -> Tensor:
        """dM = (G x)ᵀ g, dbias = Σ g, dx = Gᵀ(g Mᵀ): the transposed convolution of g."""
        gradient = self._add_weight_gradient(*gradients)
        size = self._x.shape[2], self._x.shape[3]
        weight, _ = self._values(self._x)
        x_grad = self._maps.transpose(gradient, weight, None, self.geometry, self.groups, size)
        return self._outside(x_grad)

    def accumulate(self, *gradients: Tensor) -> None:
        """dM and dbias alone."""
        self._add_weight_gradient(*gradients)

    def _add_weight_gradient(self, gradient: Tensor) -> Tensor:
        gradient, shape = self._inside(gradient), tuple(self.weight.shape)
        weight_grad = self._maps.weight_gradient(
            self._x, gradient, shape, self.geometry, self.groups
        )
        self._accumulate(weight_grad, gradient)
        return gradient


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
        geometry = Geometry.of(kernel_size, stride, padding, dilation)
        self.output_padding = to_pair(output_padding, "output_padding", 0)
        limits = [max(both) for both in zip(geometry.stride, geometry.dilation)]
        if any(extra >= limit for extra, limit in zip(self.output_padding, limits)):
            raise ValueError(
                f"output_padding must be smaller than stride or dilation, got {output_padding}"
            )
        super().__init__((in_channels, out_channels), in_channels, geometry, groups, bias)

    def forward(self, *inputs: Tensor) -> Tensor:
        """y = Gᵀ(x Mᵀ) + bias."""
        self._x = self._images(inputs[0])
        least = self.geometry.size_from(self._x.shape[2], self._x.shape[3])
        size = least[0] + self.output_padding[0], least[1] + self.output_padding[1]
        self._check_size(size, (self._x.shape[2], self._x.shape[3]))
        y = self._maps.transpose(self._x, *self._values(self._x), self.geometry, self.groups, size)
        return self._leave(self._outside(y))

    def backward(self, *gradients: Tensor) -> Tensor:
        """dx = G g M: the convolution of g; dM = (G g)ᵀ x, dbias = Σ g."""
        gradient = self._inside(gradients[0])
        x_grad, weight_grad = self._maps.transpose_backward(
            gradient, self._x, self._values(self._x)[0], self.geometry, self.groups
        )
        self._accumulate(weight_grad, gradient)
        return self._outside(x_grad)

    def __repr__(self) -> str:
        extra = f", output_padding={self.output_padding})" if any(self.output_padding) else ")"
        return super().__repr__()[:-1] + extra


class NearestUpsampling(_Layer):
    """Each pixel repeated `scale_factor` times along both axes, as torch.nn.UpsamplingNearest2d."""

    def __init__(self, scale_factor: IntOrPair = 2) -> None:
        self.scale_factor = to_pair(scale_factor, "scale_factor", 1)

    def forward(self, *inputs: Tensor) -> Tensor:
        """y[i, j] = x[i // s, j // s]."""
        x = self._images(inputs[0])
        count, channels, height, width = x.shape
        s, t = self.scale_factor
        repeated = x.reshape(count, channels, height, 1, width, 1)
        repeated = repeated.expand(count, channels, height, s, width, t)
        return self._leave(self._outside(repeated.reshape(count, channels, height * s, width * t)))

    def backward(self, *gradients: Tensor) -> Tensor:
        """dx = the sum of g over each block of s×s pixels."""
        gradient = self._inside(gradients[0])
        s, t = self.scale_factor
        rows = sum((gradient[:, :, i::s] for i in range(1, s)), gradient[:, :, ::s])
        return self._outside(sum((rows[..., j::t] for j in range(1, t)), rows[..., ::t]))

    def __repr__(self) -> str:
        return f"NearestUpsampling(scale_factor={self.scale_factor})"


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
        self._nearest = NearestUpsampling(scale_factor)
        self.scale_factor = self._nearest.scale_factor
        (height, width), _, (top, left), _ = self.geometry
        s, t = self.scale_factor
        self._smeared = Geometry(
            (height + s - 1, width + t - 1), (s, t), (height - 1 - top, width - 1 - left)
        )
        only = Geometry(self.geometry.kernel, padding=self.geometry.padding)
        self._dense = self.geometry == only and groups == 1 and min(self._smeared.padding) >= 0

    def forward(self, *inputs: Tensor) -> Tensor:
        """y = the convolution of the enlarged image, or x by smeared weights: Gᵀ(x Mᵀ) + bias."""
        x = self._enter(inputs[0])
        self._fast = self._dense and x.dim() == 4 and len(x) > 1
        if not self._fast:
            return super().forward(self._nearest.forward(x))
        self._x, scale = self._images(x), self.scale_factor
        enlarged = x.shape[2] * scale[0], x.shape[3] * scale[1]
        size = self.geometry.positions(*enlarged)
        self._check_size(size, enlarged)
        weight, bias = self._values(self._x)
        weight = batched.smear(weight, scale)
        return self._leave(batched.transpose(self._x, weight, bias, self._smeared, 1, size))

    def backward(self, *gradients: Tensor) -> Tensor:
        """As in `Conv2d` and `NearestUpsampling`, or as in `TransposeConv2d`, then smeared back."""
        if not self._fast:
            return self._nearest.backward(super().backward(*gradients))
        gradient, scale = self._check_gradient(gradients[0]), self.scale_factor
        weight = batched.smear(self._values(self._x)[0], scale)
        x_grad, smeared_grad = batched.transpose_backward(
            gradient, self._x, weight, self._smeared, 1
        )
        weight_grad = batched.unsmear(smeared_grad, scale, self.geometry.kernel)
        self._accumulate(weight_grad, gradient)
        return x_grad

    def accumulate(self, *gradients: Tensor) -> None:
        """dM and dbias alone; the gradient of the input costs little more here."""
        self.backward(*gradients)

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, scale_factor={self.scale_factor})"
