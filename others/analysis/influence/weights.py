"""The weights of input pixels for one output pixel of each image, and figures over images."""

from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from others.analysis.smooth_grad import Network, output_score, smooth_grad
from others.data.seeds import seeded
from others.records.estimates import estimate, verdict

BATCH = 250  # images in one pass
MARGIN = 3  # pixels from the border that are never chosen, so that all neighbours exist
Figures = dict[str, Any]  # for a JSON file


class Smoothing(NamedTuple):
    """How gradients are averaged: n copies with noise of sigma times the image's range."""

    n: int = 8
    sigma: float = 0.1
    seed: int = 0

    def generator(self) -> Generator:
        """A new generator, so that every measurement draws the same noise."""
        return seeded(self.seed)


def figure(values: Tensor) -> Figures:
    """Mean, standard deviation and 95 % confidence of the mean, of one value for each image.

    NaN stands for an image without a value. The interval is that of the normal distribution, as it
    was published: there are hundreds of images.
    """
    found = estimate(values[~values.isnan()].double().tolist(), normal=True)
    numbers = {"mean": found.mean, "std": found.std, "confidence": found.confidence}
    return {"images": found.count, **{name: round(x, 5) for name, x in numbers.items()}}


def claimed(difference: Tensor) -> Figures:
    """The figure of a difference that a claim says is positive, and the verdict on the claim."""
    found = figure(difference)
    return {**found, "verdict": verdict(found["mean"], found["confidence"])}


def weights(network: Network, images: Tensor, pixels: Tensor, smoothing: Smoothing) -> Tensor:
    """The weight of every input pixel for one denoised pixel of each image: (N, H, W).

    `images` are (N, 3, H, W), `pixels` (N, 2): row and column.
    """
    generator = smoothing.generator()
    parts = []
    for some, places in zip(images.split(BATCH), pixels.split(BATCH)):
        score = output_score(network, places)
        parts.append(smooth_grad(score, some, smoothing.n, smoothing.sigma, generator).sum(1) / 3)
    return torch.cat(parts)


def around(maps: Tensor, pixels: Tensor, offset: tuple[int, int] | Tensor = (0, 0)) -> Tensor:
    """The values (N,) of maps (N, H, W) at pixels (N, 2) plus an offset, one or (N, 2)."""
    rows, columns = (pixels + torch.as_tensor(offset)).unbind(1)
    return maps[torch.arange(len(maps)), rows, columns]


def ring(maps: Tensor, pixels: Tensor) -> Tensor:
    """The mean (N,) over the eight neighbours of each pixel."""
    square = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)]
    return torch.stack([around(maps, pixels, offset) for offset in square]).mean(0)


def random_pixels(images: Tensor, generator: Generator) -> Tensor:
    """A pixel (N, 2) of each image (N, 3, H, W), at least MARGIN from the border."""
    height, width = images.shape[-2:]
    if min(height, width) <= 2 * MARGIN:
        raise ValueError(f"images are {height}x{width}; expected more than {2 * MARGIN} a side")
    sizes = torch.tensor([height - 2 * MARGIN, width - 2 * MARGIN])
    return MARGIN + (torch.rand(len(images), 2, generator=generator) * sizes).long()
