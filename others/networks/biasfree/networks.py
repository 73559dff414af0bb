"""Bias-free networks: residual network, U-Net and LUnet, alone or in a pyramid of scales.

Every network is homogeneous, f(a x) = a f(x) for a > 0, unless its settings ask for a final
activation, and takes images of any height and width. Each network has two attributes:

    reach   an output pixel depends on no input pixel that is more than `reach` rows or columns
            away (an upper bound); None if a part of the network looks at the whole image
    step    if the image is moved by `step` pixels, so is the answer, away from the border: 1 for
            a chain of convolutions, 4 for a network that halves the image twice

Between the levels of a pyramid lie a convolution and a multiplier. The source has a normalisation,
a tanh and a clipping there, which would end the homogeneity; they are left out.

Sources: the library "blind image denoising" (N. Markou), and for the pyramid Lai et al., "Fast and
accurate image super-resolution with deep Laplacian pyramid networks", 2018.
"""

from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from others.networks.biasfree.blocks import BRANCH, Multiplier, ResidualBlock, conv, norm
from others.networks.biasfree.pyramid import down, joined, laplacian, reach_below, split, up
from others.networks.biasfree.settings import HEAD_GROUPS, ModelSettings
from others.networks.ranges import InRange
from others.records.json_files import read_json
from others.records.settings import read_settings

POOL = 3  # kernel of the means on the way down inside U-Net and LUnet
FINALS: dict[str, Callable[[], nn.Module]] = {"none": nn.Identity, "tanh": nn.Tanh}


def total(*reaches: int | None) -> int | None:
    """The reach of several steps one after the other, which is the sum of theirs.

    A step that sees the whole image has the reach None, and so has every chain with such a step.
    """
    known = [reach for reach in reaches if reach is not None]
    return sum(known) if len(known) == len(reaches) else None


def stage(use: ModelSettings, channels: int | None = None) -> nn.Sequential:
    """`use.blocks` residual blocks one after the other: (N, channels, H, W) to the same shape.

    Args:
        channels: those of the settings unless given.
    """
    width = use.channels if channels is None else channels
    return nn.Sequential(*(ResidualBlock(width, use.block, use.bias) for _ in range(use.blocks)))


def stage_reach(use: ModelSettings) -> int | None:
    """The reach of a `stage`: the reach of one block times the number of blocks."""
    return total(*[use.block.reach] * use.blocks)


class ResNet(nn.Module):
    """A convolution and a chain of residual blocks: (N, 3, H, W) to (N, channels, H, W)."""

    def __init__(self, use: ModelSettings) -> None:
        super().__init__()
        self.stem = conv(3, use.channels, use.base_kernel, bias=use.bias)
        self.blocks = stage(use)
        self.reach = total(use.base_kernel // 2, stage_reach(use))
        self.step = 1

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.stem(x))


class UNet(nn.Module):
    """Residual blocks on features of full size, a half, a quarter and so on.

    A level goes down by means over 3x3 pixels and comes up by bilinear interpolation. What comes up
    is put beside the features that the level had on the way down, and a convolution mixes both.
    Each level has `growth` times the channels of the finer one, into which a convolution of 1x1
    pixels takes the features; there is none where the levels are equally wide.
    """

    def __init__(self, use: ModelSettings) -> None:
        super().__init__()
        widths = [use.channels * use.growth**level for level in range(use.levels)]
        finer = list(zip(widths[:-1], widths[1:]))  # channels of a level and of the coarser one
        self.stem = conv(3, use.channels, use.base_kernel, bias=use.bias)
        self.down = nn.ModuleList(stage(use, width) for width in widths)
        self.widen = nn.ModuleList(
            nn.Identity() if fine == coarse else conv(fine, coarse, 1, bias=use.bias)
            for fine, coarse in finer
        )
        self.mix = nn.ModuleList(
            conv(coarse + fine, fine, 3, 1, use.bias) for fine, coarse in reversed(finer)
        )
        self.up = nn.ModuleList(stage(use, width) for width in widths[-2::-1])
        reach = stage_reach(use)  # of the coarsest level, where there is one stage alone
        for _ in finer:  # outwards: a stage, down, what is inside, up, the convolution, a stage
            reach = total(stage_reach(use), 1, reach_below(reach, POOL), stage_reach(use))
        self.reach = total(use.base_kernel // 2, reach)
        self.step = 2 ** (use.levels - 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down[0](self.stem(x))  # (N, C, H, W)
        skips = [x]
        for widen, blocks in zip(self.widen, list(self.down)[1:]):
            x = blocks(widen(down(x, POOL)))  # (N, growth C, H/2, W/2) and so on
            skips.append(x)
        x = skips.pop()
        for mix, blocks in zip(self.mix, self.up):
            skip = skips.pop()
            x = blocks(mix(torch.cat([up(x, skip), skip], 1)))
        return x


class LUNet(nn.Module):
    """A U-Net whose way down is a Laplacian pyramid of the image itself.

    From the coarsest level on: features ← outer(↑features + inner(convolution(band))). `inner` and
    `outer` are stages of residual blocks, and each level of the pyramid is one band.
    """

    def __init__(self, use: ModelSettings) -> None:
        super().__init__()
        levels = range(use.levels)
        self.levels = use.levels
        self.stems = nn.ModuleList(
            conv(3, use.channels, use.base_kernel, bias=use.bias) for _ in levels
        )
        self.inner = nn.ModuleList(stage(use) for _ in levels)
        self.outer = nn.ModuleList(stage(use) for _ in levels[1:])
        own = total(use.base_kernel // 2, stage_reach(use))
        reach = own
        for _ in levels[1:]:
            band = reach_below(0, POOL)  # a band is x − ↑↓x, and ↑↓ mixes pixels
            reach = total(stage_reach(use), own, band, reach_below(reach, POOL))
        self.reach, self.step = reach, 2 ** (use.levels - 1)

    def forward(self, x: Tensor) -> Tensor:
        bands = laplacian(x, self.levels, POOL)
        features = [blocks(stem(b)) for b, stem, blocks in zip(bands, self.stems, self.inner)]
        found = features.pop()
        for blocks in self.outer:
            fine = features.pop()
            found = blocks(up(found, fine) + fine)
        return found


BACKBONES: dict[str, Callable[[ModelSettings], nn.Module]] = {
    "resnet": ResNet,
    "unet": UNet,
    "lunet": LUNet,
}


def make_head(use: ModelSettings) -> nn.Module:
    """(N, channels, H, W) to (N, 3, H, W): a 1x1 convolution, or the source's two grouped ones."""
    if use.head == "plain":
        return conv(use.channels, 3, 1, bias=use.bias)
    hidden = 3 * HEAD_GROUPS
    return nn.Sequential(
        conv(use.channels, hidden, 1, HEAD_GROUPS, use.bias),
        nn.ReLU(),
        Multiplier(hidden),
        conv(hidden, 3, 1, 3, use.bias),
    )


class Single(nn.Module):
    """A backbone and a head, on one scale: (N, 3, H, W) to the same."""

    def __init__(self, use: ModelSettings) -> None:
        super().__init__()
        backbone: Any = BACKBONES[use.backbone](use)
        self.backbone = backbone
        # The image beside the features, mixed to as many channels as the head expects.
        self.mix = (
            conv(use.channels + 3, use.channels, 1, bias=use.bias) if use.concat_input else None
        )
        self.norm = norm(use.channels, use.bias) if use.final_norm else nn.Identity()
        self.head, self.residual = make_head(use), use.residual
        if use.residual:  # starts as almost the identity
            with torch.no_grad():
                list(self.head.parameters())[-1 - use.bias].mul_(BRANCH)
        self.reach, self.step = backbone.reach, backbone.step

    def forward(self, x: Tensor) -> Tensor:
        features = self.backbone(x)
        if self.mix is not None:
            features = self.mix(torch.cat([features, x], 1))
        y = self.head(self.norm(features))
        return x - y if self.residual else y


class MultiScale(nn.Module):
    """The levels of a pyramid, each denoised, from the coarsest to the finest, and joined."""

    def __init__(self, use: ModelSettings) -> None:
        super().__init__()
        self.use = use.pyramid
        count = 1 if self.use.shared else self.use.levels
        nets: list[Any] = [Single(use) for _ in range(count)]
        self.nets = nn.ModuleList(nets)
        pairs = range(self.use.levels - 1 if self.use.between else 0)
        self.between = nn.ModuleList(
            nn.Sequential(conv(6, 3, 3, bias=use.bias), Multiplier(3)) for _ in pairs
        )
        self.step = 2 ** (self.use.levels - 1) * nets[0].step
        # Both kinds of pyramid subtract ↑↓x from x at every level, and ↑↓ mixes pixels.
        band = reach_below(0, self.use.kernel)
        reach = nets[0].reach
        for _ in range(self.use.levels - 1):
            reach = total(nets[0].reach, 1, band, reach_below(reach, self.use.kernel))
        self.reach = reach

    def forward(self, x: Tensor) -> Tensor:
        kind, kernel = self.use.kind, self.use.kernel
        levels = split(kind, x, self.use.levels, kernel)
        found = self.nets[-1](levels[-1])
        for number in range(self.use.levels - 2, -1, -1):
            fine = levels[number]
            if self.use.between:
                fine = fine + self.between[number](torch.cat([nearest(found, fine), fine], 1))
            net = self.nets[0 if self.use.shared else number]
            found = joined(kind, found, net(fine), kernel)
        return found


def nearest(x: Tensor, like: Tensor) -> Tensor:
    """The coarser level in the height and width of `like`, each pixel repeated."""
    double = F.interpolate(x, scale_factor=2.0, mode="nearest")
    return double[..., : like.shape[-2], : like.shape[-1]]


class BiasFree(nn.Module):
    """(N, 3, H, W) in the model's range to the same, for any H and W of at least 1; not clipped.

    It is homogeneous unless its settings have biases or a final activation. `body` is the network
    without the final activation.
    """

    def __init__(self, use: ModelSettings) -> None:
        super().__init__()
        body: Any = Single(use) if use.pyramid.kind == "none" else MultiScale(use)
        self.body = body
        self.final = FINALS[use.final_activation]()
        self.reach, self.step = body.reach, body.step

    def forward(self, x: Tensor) -> Tensor:
        return self.final(self.body(x))


def build_network(use: ModelSettings) -> nn.Module:
    """A new network for images in [0, 1], with random weights from torch's global generator."""
    net = BiasFree(use)
    low, high = use.range
    return net if (low, high) == (0, 1) else InRange(net, low, high)


def described_network(path: Path, *place: str) -> nn.Module:
    """A new network with the settings that stand at `place` in a JSON file.

    Args:
        place: names of the objects on the way there, such as "pipeline", "model".

    Raises:
        FileNotFoundError: no such file.
        ValueError: no settings of a network; the message names the file.
    """
    content: Any = read_json(path)
    for name in place:
        content = content.get(name) if isinstance(content, dict) else None
    try:
        return build_network(read_settings(ModelSettings(), content, ".".join(place)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
