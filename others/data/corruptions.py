"""What a blind denoiser is trained on: for each image one of several kinds of noise, then perhaps
a 3x3 smoothing that embeds it.

As in the library "blind image denoising" (N. Markou): additive and multiplicative noise are
normal, cut off at two standard deviations (which leaves 0.880 σ), one field for all channels or one
for each. Subsampling shows one pixel of each square, in an image always the same one, drawn at
random (there it is the first). The result is clipped and rounded as in a file, unless asked
otherwise. Images are (N, 3, H, W) in [0, 1]; all randomness comes from the generator, on their
device.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from others.data.noise import subsampling

CUT = 2.0  # standard deviations
LEVELS = 255


@dataclass(frozen=True)
class Strength:
    """One number for each image: low + (high − low) u^power, u uniform in [0, 1)."""

    low: float = 0.0
    high: float = 0.0
    power: float = 1.0  # above 1, low ones are more frequent
    weight: float = 0.0  # of the kind of noise, relative to the other kinds; 0 leaves it out

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high or not self.power > 0 or not self.weight >= 0:
            raise ValueError(
                f"low, high, power and weight are {self.low}, {self.high}, {self.power} and "
                f"{self.weight}; expected 0 <= low <= high, a power above 0 and no weight below 0"
            )

    def draw(self, count: int, generator: Generator) -> Tensor:
        """(count, 1, 1, 1)."""
        share = uniform((count, 1, 1, 1), generator)
        return self.low + (self.high - self.low) * share**self.power


@dataclass(frozen=True)
class CorruptionSettings:
    """Kinds of noise, and what happens to all of them."""

    additive: Strength = field(default_factory=lambda: Strength(0.0, 80.0, weight=1.0))  # σ, of 255
    multiplicative: Strength = field(default_factory=Strength)  # σ, relative to the value
    subsampling: Strength = field(default_factory=Strength)  # pixels a side that become one
    quantisation: Strength = field(default_factory=Strength)  # step of the grey levels, of 255
    per_channel: float = 0.5  # probability that each channel has noise of its own
    smoothing: float = 0.0  # probability of the 3x3 smoothing
    clip: bool = True  # to [0, 1], and round to 1 / 255

    def __post_init__(self) -> None:
        for name in ("per_channel", "smoothing"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a probability")
        if sum(getattr(self, name).weight for name in KINDS) <= 0:
            raise ValueError(f"all of {', '.join(KINDS)} have the weight 0; expected one above")
        for name in ("subsampling", "quantisation"):
            use = getattr(self, name)
            if use.weight and use.low < 1:
                raise ValueError(f"low of {name} is {use.low}; expected at least 1")


def uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """In [0, 1)."""
    return torch.rand(shape, generator=generator, device=generator.device)


def coin(probability: float, count: int, generator: Generator) -> Tensor:
    """True with this probability, one for each image: (count, 1, 1, 1)."""
    return uniform((count, 1, 1, 1), generator) < probability


def truncated_normal(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Standard normal where it is within two standard deviations: std 0.880, mean size 0.723."""
    inside = math.erf(CUT / math.sqrt(2))  # the probability, 0.954
    return math.sqrt(2) * torch.erfinv(inside * (2 * uniform(shape, generator) - 1))


def noise_field(clean: Tensor, per_channel: float, generator: Generator) -> Tensor:
    """Truncated normal (N, 3, H, W); with this probability each channel of an image has its own."""
    values = truncated_normal(tuple(clean.shape), generator)
    own = coin(per_channel, len(clean), generator)
    return torch.where(own, values, values[:, :1])


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


KINDS = ("additive", "multiplicative", "subsampling", "quantisation")


class Corruption:
    """A noise for `sets.Noisy`: (N, 3, H, W) in [0, 1] and a generator to noisy images."""

    def __init__(self, use: CorruptionSettings) -> None:
        self.use = use
        weights = torch.tensor([getattr(use, kind).weight for kind in KINDS])
        self.limits = (weights / weights.sum()).cumsum(0)

    @property
    def config(self) -> dict[str, Any]:
        """What tells this noise from others."""
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
        return (noisy.clamp(0, 1) * LEVELS).round() / LEVELS if self.use.clip else noisy

    def corrupt(self, kind: str, clean: Tensor, generator: Generator) -> Tensor:
        """All images with one kind of noise."""
        use: Strength = getattr(self.use, kind)
        strength = use.draw(len(clean), generator)
        if kind == "additive":
            return clean + strength / LEVELS * noise_field(clean, self.use.per_channel, generator)
        if kind == "multiplicative":
            return clean * (1 + strength * noise_field(clean, self.use.per_channel, generator))
        if kind == "quantisation":
            return quantised(clean, strength)
        return subsampling(clean, generator, strength)
