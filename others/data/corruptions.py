"""What a blind denoiser is trained on: each image gets one of several kinds of noise, and perhaps
a smoothing over 3x3 pixels afterwards, by which neighbouring pixels share their noise.

The kinds are those of the library "blind image denoising" (N. Markou). Additive and multiplicative
noise are normal but cut off at two standard deviations, which leaves a standard deviation of
0.880 σ; an image has one noise for all its channels, or one for each. Subsampling shows one pixel
of each square, at the same place in all squares of an image. The place is drawn at random, where
the library takes the first. The result is clipped and rounded as in a file. Settings can turn off
the cut (`cut`), and the clipping for all images (`clip`) or for a part of them (`unclipped`).
Images are (N, 3, H, W) in [0, 1]; all randomness comes from the generator, on their device.
"""

import math
from dataclasses import asdict, field
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn import functional as F

from others.data.noise import subsampling
from others.records.settings import settings

LEVELS = 255  # grey levels from black to white
KINDS = ("additive", "multiplicative", "subsampling", "quantisation")
Probability = Annotated[float, Field(ge=0, le=1)]


@settings
class Strength:
    """One number for each image: low + (high − low) u^power, u uniform in [0, 1)."""

    low: Annotated[float, Field(ge=0)] = 0.0
    high: Annotated[float, Field(ge=0)] = 0.0
    power: Annotated[float, Field(gt=0)] = 1.0  # above 1, low numbers are more frequent
    weight: Annotated[float, Field(ge=0)] = 0.0  # of this kind of noise among all; 0 leaves it out

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low is {self.low:g} and high {self.high:g}; expected low <= high")

    def draw(self, count: int, generator: Generator) -> Tensor:
        """(count, 1, 1, 1): the numbers of `count` images."""
        share = uniform((count, 1, 1, 1), generator)
        return self.low + (self.high - self.low) * share**self.power


@settings
class CorruptionSettings:
    """Kinds of noise, and what happens to all of them."""

    additive: Strength = field(default_factory=lambda: Strength(0.0, 80.0, weight=1.0))  # σ, of 255
    multiplicative: Strength = field(default_factory=Strength)  # σ, relative to the value
    subsampling: Strength = field(default_factory=Strength)  # pixels a side that become one
    quantisation: Strength = field(default_factory=Strength)  # step of the grey levels, of 255
    per_channel: Probability = 0.5  # that each channel of an image has noise of its own
    smoothing: Probability = 0.0  # that an image is smoothed over 3x3 pixels
    cut: Annotated[float, Field(ge=0)] = 2.0  # standard deviations; 0: noise is not cut off
    clip: bool = True  # to [0, 1], and round to 1 / 255
    unclipped: Probability = 0.0  # that an image is left as it is, where `clip` is on

    def __post_init__(self) -> None:
        if sum(getattr(self, name).weight for name in KINDS) <= 0:
            raise ValueError(f"all of {', '.join(KINDS)} have the weight 0; expected one above")
        for name in ("subsampling", "quantisation"):
            use = getattr(self, name)
            if use.weight and use.low < 1:
                raise ValueError(f"low of {name} is {use.low:g}; expected at least 1")


def uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Random numbers in [0, 1), on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)


def coin(probability: float, count: int, generator: Generator) -> Tensor:
    """(count, 1, 1, 1): True with this probability, drawn for each of `count` images."""
    return uniform((count, 1, 1, 1), generator) < probability


def truncated_normal(shape: tuple[int, ...], generator: Generator, cut: float = 2.0) -> Tensor:
    """Standard normal numbers on condition that they are within ±cut; all of them for a cut of 0.

    Their deviation is 0.880 for a cut of 2.
    """
    if cut == 0:
        return torch.randn(shape, generator=generator, device=generator.device)
    inside = math.erf(cut / math.sqrt(2))  # the probability, 0.954 for 2
    return math.sqrt(2) * torch.erfinv(inside * (2 * uniform(shape, generator) - 1))


def quantised(clean: Tensor, step: Tensor) -> Tensor:
    """Rounded to multiples of `step` grey levels, in [0, 1]: round(x / q) q."""
    return ((clean * LEVELS / step).round() * step / LEVELS).clamp(0, 1)


def smoothed(images: Tensor) -> Tensor:
    """A 3x3 Gaussian of standard deviation 1, the border repeated."""
    side = torch.exp(-(torch.arange(-1, 2, device=images.device, dtype=images.dtype) ** 2) / 2)
    kernel = side[:, None] * side / side.sum() ** 2
    channels = images.shape[1]
    wide = F.pad(images, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(wide, kernel.expand(channels, 1, 3, 3), groups=channels)


class Corruption:
    """A noise for `sets.Noisy`: (N, 3, H, W) in [0, 1] and a generator to noisy images."""

    def __init__(self, use: CorruptionSettings) -> None:
        self.use = use
        weights = torch.tensor([getattr(use, kind).weight for kind in KINDS])
        self.limits = (weights / weights.sum()).cumsum(0)

    @property
    def config(self) -> dict[str, Any]:
        """The settings, by which an experiment tells this noise from others."""
        return {"class": "Corruption", **asdict(self.use)}

    def __call__(self, clean: Tensor, generator: Generator) -> Tensor:
        """A kind of noise for each image, then perhaps smoothing, clipping and rounding."""
        count = len(clean)
        share = uniform((count, 1, 1, 1), generator)
        which = (share[..., None] >= self.limits[:-1].to(clean.device)).sum(-1)  # (N, 1, 1, 1)
        noisy = clean
        for number, kind in enumerate(KINDS):
            if getattr(self.use, kind).weight:
                noisy = torch.where(which == number, self.corrupt(kind, clean, generator), noisy)
        if self.use.smoothing:
            chosen = coin(self.use.smoothing, count, generator)
            noisy = torch.where(chosen, smoothed(noisy), noisy)
        if not self.use.clip:
            return noisy
        stored = (noisy.clamp(0, 1) * LEVELS).round() / LEVELS
        if not self.use.unclipped:
            return stored
        return torch.where(coin(self.use.unclipped, count, generator), noisy, stored)

    def field(self, clean: Tensor, generator: Generator) -> Tensor:
        """Normal noise (N, 3, H, W) for the images `clean`, of standard deviation 1 before the cut.

        With the probability `per_channel` an image has other noise in each channel, else the same.
        """
        values = truncated_normal(tuple(clean.shape), generator, self.use.cut)
        own = coin(self.use.per_channel, len(clean), generator)
        return torch.where(own, values, values[:, :1])

    def corrupt(self, kind: str, clean: Tensor, generator: Generator) -> Tensor:
        """All images (N, 3, H, W) with one kind of noise, neither clipped nor rounded."""
        use: Strength = getattr(self.use, kind)
        strength = use.draw(len(clean), generator)
        if kind == "additive":
            return clean + strength / LEVELS * self.field(clean, generator)
        if kind == "multiplicative":
            return clean * (1 + strength * self.field(clean, generator))
        if kind == "quantisation":
            return quantised(clean, strength)
        return subsampling(clean, generator, strength)
