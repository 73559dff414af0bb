"""The network that the EE-559 handout prescribes for Miniproject 2, and its open choices.

It is Conv2d (stride 2), ReLU, Conv2d (stride 2), ReLU, upsampling, ReLU, upsampling, Sigmoid. Here
it is built on our own framework, and once more in torch.nn with the same weights, to compare both.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from Miniproject_2 import framework as f
from Miniproject_2.model import CHANNELS

# The handout's loss, as a setting of its training: with this floor under the noise of an image, all
# images count alike.
PLAIN_LOSS = {"noise_floor": 1e6}


def prescribed(
    channels: tuple[int, int] = CHANNELS, kernel: int = 4, nearest: int = 0, outer: int = 0
) -> f.Sequential:
    """The network on our framework, new: (N, 3, H, W) to the same, H and W multiples of 4.

    Args:
        channels: after the first convolution (and before the last), and after the second.
        kernel: side of the convolutions with a stride, 2 or more.
        nearest: 0 for upsampling by transposed convolutions, or the odd side of the convolution
            that follows nearest upsampling.
        outer: side of the first and the last of the convolutions with a stride, if it is another.
    """
    few, many = channels

    def down(inputs: int, outputs: int, side: int) -> f.Module:
        return f.Conv2d(inputs, outputs, side, 2, (side - 1) // 2)

    def up(inputs: int, outputs: int, side: int) -> f.Module:
        if nearest:
            return f.Upsampling(inputs, outputs, nearest, padding=nearest // 2)
        return f.TransposeConv2d(inputs, outputs, side, 2, (side - 1) // 2, side % 2)

    return f.Sequential(
        down(3, few, outer or kernel),  # (N, few, H/2, W/2)
        f.ReLU(),
        down(few, many, kernel),  # (N, many, H/4, W/4)
        f.ReLU(),
        up(many, few, kernel),
        f.ReLU(),
        up(few, 3, outer or kernel),
        f.Sigmoid(),
    )


def with_kernels(weights: Mapping[str, Tensor], outer: int, inner: int) -> dict[str, Tensor]:
    """Weights of the prescribed network with zeros around its kernels: the same answers.

    Args:
        weights: with kernels of even sides.
        outer: the new side of the first and the last kernel, even and not smaller.
        inner: that of the two between them.
    """
    sides = {"0.weight": outer, "2.weight": inner, "4.weight": inner, "6.weight": outer}
    larger = {
        name: pad(weights[name], [(side - weights[name].shape[-1]) // 2] * 4)
        for name, side in sides.items()
    }
    return {**weights, **larger}


def torch_twin(ours: f.Module) -> nn.Module:
    """The twin of a block or network in torch.nn, with copies of its weights."""
    theirs = _twin(ours)
    with torch.no_grad():
        for own, (value, _) in zip(theirs.parameters(), ours.param()):
            own.copy_(value)
    return theirs


def _twin(module: f.Module) -> nn.Module:
    if isinstance(module, f.Sequential):
        return nn.Sequential(*(_twin(one) for one in module.modules))
    if isinstance(module, (f.Conv2d, f.TransposeConv2d)):
        return _convolution_twin(module)
    if isinstance(module, f.NearestUpsampling):
        return nn.UpsamplingNearest2d(scale_factor=module.scale_factor)
    if isinstance(module, f.LeakyReLU):
        return nn.LeakyReLU(module.negative_slope)
    return {"ReLU": nn.ReLU, "Sigmoid": nn.Sigmoid, "MSE": nn.MSELoss}[type(module).__name__]()


def _convolution_twin(module: f.Conv2d | f.TransposeConv2d) -> nn.Module:
    channels, bias = (module.in_channels, module.out_channels), module.bias is not None
    kernel, stride, padding, dilation = module.geometry
    if isinstance(module, f.TransposeConv2d):
        extra = module.output_padding, module.groups, bias, dilation
        return nn.ConvTranspose2d(*channels, kernel, stride, padding, *extra)
    plain = nn.Conv2d(*channels, kernel, stride, padding, dilation, module.groups, bias)
    if isinstance(module, f.Upsampling):
        return nn.Sequential(nn.UpsamplingNearest2d(scale_factor=module.scale_factor), plain)
    return plain
