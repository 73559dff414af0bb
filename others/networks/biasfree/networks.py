"""Bias-free networks: residual network, U-Net and LUnet, alone or in a pyramid of scales.

All parts are homogeneous, f(a x) = a f(x) for a > 0, up to the final activation, and take images
of any height and width. Each network knows its `reach`, the pixels that it sees to each side (an
upper bound; None if it sees the whole image), and its `step`: moved by so many pixels, an image
has the same answer, moved.

Between levels of a pyramid there are a convolution and a multiplier; the tanh and the clipping of
the source would end the homogeneity and are left out, as is its normalisation there.

Sources: the library "blind image denoising" (N. Markou), and for the pyramid Lai et al., "Fast and
accurate image super-resolution with deep Laplacian pyramid networks", 2018.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from others.networks.biasfree.blocks import (
    BRANCH,
    BlockSettings,
    Multiplier,
    ResidualBlock,
    conv,
    norm,
)
from others.networks.biasfree.pyramid import (
    KERNEL,
    KINDS,
    down,
    joined,
    laplacian,
    reach_below,
    split,
    up,
)
from others.networks.ranges import InRange

POOL = 3  # kernel of the means on the way down inside U-Net and LUnet
HEAD_GROUPS = 4  # of the grouped head, as in the source
FINALS: dict[str, Callable[[], nn.Module]] = {"none": nn.Identity, "tanh": nn.Tanh}
HEADS = ("plain", "grouped")


@dataclass(frozen=True)
class PyramidSettings:
    """Scales around a backbone; kind "none" is the backbone alone."""

    kind: str = "none"
    levels: int = 3
    kernel: int = KERNEL  # of the means on the way down
    shared: bool = True  # one network for all levels, or one for each
    between: bool = False  # each level sees what was found at the coarser one

    def __post_init__(self) -> None:
        if self.kind not in ("none", *KINDS):
            expected = ", ".join(("none", *KINDS))
            raise ValueError(f"kind is {self.kind!r}; expected one of {expected}")
        if self.levels < 2 or self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(
                f"levels is {self.levels} and kernel {self.kernel}; "
                "expected at least 2, and an odd number"
            )


@dataclass(frozen=True)
class ModelSettings:
    """A network."""

    backbone: str = "resnet"
    blocks: int = 6  # of the residual network; of each stage of the others
    channels: int = 16
    base_kernel: int = 7  # of the first convolution
    levels: int = 3  # of U-Net and LUnet
    block: BlockSettings = field(default_factory=BlockSettings)
    pyramid: PyramidSettings = field(default_factory=PyramidSettings)
    head: str = "grouped"
    final_norm: bool = False  # before the head
    final_activation: str = "none"  # tanh is no longer homogeneous
    residual: bool = False  # the network finds the noise, which is subtracted
    bias: bool = False  # the twin, with biases everywhere
    range: tuple[float, ...] = (0.0, 1.0)  # what black and white are to it; the source's: ±0.5

    def __post_init__(self) -> None:
        known = {"backbone": BACKBONES, "head": HEADS, "final_activation": FINALS}
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                value = getattr(self, name)
                raise ValueError(f"{name} is {value!r}; expected one of {', '.join(choices)}")
        least = {"blocks": 1, "channels": 1, "base_kernel": 1, "levels": 2}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least {low}")
        if self.base_kernel % 2 == 0:
            raise ValueError(f"base_kernel is {self.base_kernel}; expected an odd number")
        if self.head == "grouped" and self.channels % HEAD_GROUPS:
            raise ValueError(f"channels is {self.channels}; a grouped head needs a multiple of 4")
        if len(self.range) != 2 or not self.range[0] < self.range[1]:
            raise ValueError(f"range is {list(self.range)}; expected two numbers in order")


def total(*reaches: int | None) -> int | None:
    """The sum of reaches; None if one of them is."""
    known = [reach for reach in reaches if reach is not None]
    return sum(known) if len(known) == len(reaches) else None


def below(reach: int | None, kernel: int) -> int | None:
    """`reach_below`, None for None."""
    return None if reach is None else reach_below(reach, kernel)


def stage(use: ModelSettings) -> nn.Sequential:
    """A chain of residual blocks."""
    blocks = (ResidualBlock(use.channels, use.block, use.bias) for _ in range(use.blocks))
    return nn.Sequential(*blocks)


def stage_reach(use: ModelSettings) -> int | None:
    """That of the chain."""
    return None if use.block.reach is None else use.blocks * use.block.reach


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
    """Down by means over 3x3 and up by bilinear interpolation, residual blocks at every level.

    What comes up is put beside the features of the level and mixed with them by a convolution.
    """

    def __init__(self, use: ModelSettings) -> None:
        super().__init__()
        self.stem = conv(3, use.channels, use.base_kernel, bias=use.bias)
        self.down = nn.ModuleList(stage(use) for _ in range(use.levels))
        mixes = range(use.levels - 1)
        self.mix = nn.ModuleList(
            conv(2 * use.channels, use.channels, 3, 1, use.bias) for _ in mixes
        )
        self.up = nn.ModuleList(stage(use) for _ in mixes)
        reach = stage_reach(use)
        for _ in mixes:
            reach = total(stage_reach(use), 1, below(reach, POOL), stage_reach(use))
        self.reach = total(use.base_kernel // 2, reach)
        self.step = 2 ** (use.levels - 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down[0](self.stem(x))  # (N, C, H, W)
        skips = [x]
        for blocks in list(self.down)[1:]:
            x = blocks(down(x, POOL))  # (N, C, H/2, W/2) and so on
            skips.append(x)
        x = skips.pop()
        for mix, blocks in zip(self.mix, self.up):
            skip = skips.pop()
            x = blocks(mix(torch.cat([up(x, skip), skip], 1)))
        return x


class LUNet(nn.Module):
    """A U-Net whose way down is a Laplacian pyramid of the image itself.

    From the coarsest level on: features ← blocks(↑features + blocks(convolution(level))).
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
            band = below(0, POOL)  # of a level: what the coarser one takes away
            reach = total(stage_reach(use), own, band, below(reach, POOL))
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
    """(N, channels, H, W) to (N, 3, H, W): a 1x1 convolution, or the source's grouped two."""
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
        self.norm = norm(use.channels, use.bias) if use.final_norm else nn.Identity()
        self.head, self.residual = make_head(use), use.residual
        if use.residual:  # starts as almost the identity
            with torch.no_grad():
                list(self.head.parameters())[-1 - use.bias].mul_(BRANCH)
        self.reach, self.step = backbone.reach, backbone.step

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(self.norm(self.backbone(x)))
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
        # A level of the Laplacian pyramid, or the details of one of the Gaussian, see it by ↑↓.
        band = below(0, self.use.kernel)
        reach = nets[0].reach
        for _ in range(self.use.levels - 1):
            reach = total(nets[0].reach, 1, band, below(reach, self.use.kernel))
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

    Homogeneous unless the settings have biases or a final activation; `body` is without the latter.
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
    """A new network for images in [0, 1]; ValueError where groups do not divide channels."""
    net = BiasFree(use)
    low, high = use.range
    return net if (low, high) == (0, 1) else InRange(net, low, high)
