"""Two claims of the report on TNet, measured: what moves a denoised pixel?

    python -m others.analysis.influence --net tnet [--data data] [--n 8] [--sigma 0.1] [--json PATH]

The report reads from one SmoothGrad picture (section 3, figure 3) that a noisy pixel has very
little influence on its own denoised value, while its surroundings have much, and that pixels beyond
an edge have another influence than those on the pixel's own side. Here both are figures over the
whole validation set, each a mean over images with the 95 % confidence interval of that mean.

The *weight* of an input pixel is the slope of the output (mean of the channels) at the pixel that
is being denoised, when the input pixel becomes lighter in all channels: 1/9 for a mean over 3x3
pixels; all weights add up to 1 in a filter that keeps a flat image.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from others.analysis.smooth_grad import Network, loss_score, output_score, smooth_grad
from others.data.course import VALIDATION, load_pair
from others.networks.catalogue import NETS
from others.networks.pretrained import load_network
from others.records.json_files import save_json

BATCH = 250  # images in one pass
MARGIN = 3  # pixels from the border that are never chosen, so that all neighbours exist
DRAWS = 4  # pixels, or places at an edge, in each image
GROUPS = 5  # of pixels, from the least noisy fifth to the noisiest
STEPS = (0.0, 0.1, 0.2, 0.4)  # by which a pixel is moved away from its clean value
CONTRASTS = (0.15, 0.25, 0.4)  # least differences across an edge, which make three classes
FLAT = 0.05  # the largest difference between neighbours on one side of an edge
DIRECTIONS = ((0, 1), (1, 0), (0, -1), (-1, 0))

Row = dict[str, Any]


class Smoothing(NamedTuple):
    """How gradients are averaged: n copies with noise of sigma times the image's range."""

    n: int = 8
    sigma: float = 0.1
    seed: int = 0

    def generator(self) -> Generator:
        """The same noise for every measurement."""
        return Generator().manual_seed(self.seed)


def estimate(values: Tensor) -> Row:
    """Mean, standard deviation and the 95 % confidence of the mean, of one value for each image."""
    values = values[~values.isnan()].double()
    std = float(values.std()) if len(values) > 1 else math.nan
    half = 1.96 * std / math.sqrt(max(len(values), 1))
    numbers = {"mean": float(values.mean()), "std": std, "confidence": half}
    return {"images": len(values), **{name: round(x, 5) for name, x in numbers.items()}}


def verdict(difference: Row) -> str:
    """Whether a difference that a claim says is positive is so, at 95 % confidence."""
    if difference["mean"] > difference["confidence"]:
        return "holds"
    return "refuted" if difference["mean"] < -difference["confidence"] else "undecided"


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Spearman's coefficient of each row: (N, K) twice to (N,); equal values share their rank."""
    one, two = ([_ranks(row) for row in values] for values in (first, second))
    pairs = (torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(one, two))
    return torch.stack(list(pairs))


def _ranks(values: Tensor) -> Tensor:
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    return (counts.cumsum(0) - (counts - 1) / 2)[place]


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


def whole_maps(network: Network, noisy: Tensor, clean: Tensor, smoothing: Smoothing) -> Row:
    """How the pixels' ranks by noise agree with their ranks by the gradient of the whole scores.

    The noise of a pixel is the root of its mean squared error, its gradient the mean of the
    channels' absolute values. One rank correlation for each image.
    """
    generator, found = smoothing.generator(), {"loss": [], "output": []}
    noise = (noisy - clean).square().mean(1).sqrt().flatten(1)
    for some, target in zip(noisy.split(BATCH), clean.split(BATCH)):
        for name, score in (
            ("loss", loss_score(network, target)),
            ("output", output_score(network)),
        ):
            gradient = smooth_grad(score, some, smoothing.n, smoothing.sigma, generator)
            found[name].append(gradient.abs().mean(1).flatten(1))
    return {
        f"noise and gradient of the {name}": estimate(rank_correlation(noise, torch.cat(maps)))
        for name, maps in found.items()
    }


def random_pixels(images: Tensor, generator: Generator) -> Tensor:
    """A pixel (N, 2) of each image (N, 3, H, W), at least MARGIN from the border."""
    height, width = images.shape[-2:]
    if min(height, width) <= 2 * MARGIN:
        raise ValueError(f"images are {height}x{width}; expected more than {2 * MARGIN} a side")
    sizes = torch.tensor([height - 2 * MARGIN, width - 2 * MARGIN])
    return MARGIN + (torch.rand(len(images), 2, generator=generator) * sizes).long()


def by_noise(network: Network, noisy: Tensor, clean: Tensor, smoothing: Smoothing) -> list[Row]:
    """The weights of pixels as they are, for themselves, from the least noisy to the noisiest."""
    generator = smoothing.generator()
    noise_map = (noisy - clean).square().mean(1).sqrt()
    drawn = []
    for _ in range(DRAWS):
        pixels = random_pixels(noisy, generator)
        maps = weights(network, noisy, pixels, smoothing)
        drawn.append([around(noise_map, pixels), around(maps, pixels), ring(maps, pixels)])
    noise, own, neighbour = (torch.stack(values, 1) for values in zip(*drawn))  # (N, DRAWS)
    order = (noise.flatten().argsort().argsort() * GROUPS // noise.numel()).view_as(noise)
    rows = []
    for group in range(GROUPS):
        inside = [torch.where(order == group, v, math.nan) for v in (noise, own, neighbour)]
        means = [estimate(values.nanmean(1)) for values in inside]  # an image counts once
        rows.append(dict(zip(("noise", "own weight", "weight of a neighbour"), means)))
    return rows


def by_intervention(network: Network, noisy: Tensor, clean: Tensor, smoothing: Smoothing) -> Row:
    """One pixel of each image is moved from its clean value by each of STEPS, nothing else changes.

    The share is what of the move is left in the denoised pixel. The pixel is made lighter if it is
    dark and darker if it is light, and no further than 0 or 1.
    """
    pixels = random_pixels(noisy, smoothing.generator())
    index = torch.arange(len(noisy)), slice(None), pixels[:, 0], pixels[:, 1]
    true = clean[index]  # (N, 3)
    sign = torch.where(true.mean(1, keepdim=True) < 0.5, 1.0, -1.0)
    own, rows, start = [], [], torch.zeros(len(noisy))
    for step in STEPS:
        moved = noisy.clone()
        moved[index] = (true + step * sign).clamp(0, 1)
        maps = weights(network, moved, pixels, smoothing)
        with torch.no_grad():
            answer = torch.cat([network(some) for some in moved.split(BATCH)])[index].mean(1)
        start = answer if step == 0 else start
        own.append(around(maps, pixels))
        row = {"step": step, "own weight": estimate(own[-1])}
        row["weight of a neighbour"] = estimate(ring(maps, pixels))
        if step:
            row["share left"] = estimate((answer - start) / (moved[index] - true).mean(1))
        rows.append(row)
    falls, less = estimate(own[0] - own[-1]), estimate(ring(maps, pixels) - own[-1])
    return {
        "rows": rows,
        "own weight falls with its noise": {**falls, "verdict": verdict(falls)},
        "noisy pixel weighs less than a neighbour": {**less, "verdict": verdict(less)},
    }


def edge_places(clean: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Places at straight edges: a pixel, whose neighbour in one direction lies across the edge.

    The grey values change by at least CONTRASTS[0] across it, and by at most FLAT between the pixel
    and its neighbours behind and along the edge, and between the neighbour across and its own.

    Returns:
        (M,) images, (M, 2) pixels, (M, 2) directions across, (M,) contrasts; at most DRAWS of an
        image.
    """
    grey = clean.mean(1)
    best = []
    for across in DIRECTIONS:
        along = across[1], across[0]
        there = _shifted(grey, across)
        flat = torch.ones_like(grey, dtype=torch.bool)
        for sign in (1, -1):
            side = sign * along[0], sign * along[1]
            flat &= (_shifted(grey, side) - grey).abs() <= FLAT
            beyond = across[0] + side[0], across[1] + side[1]
            flat &= (_shifted(grey, beyond) - there).abs() <= FLAT
        flat &= (_shifted(grey, (-across[0], -across[1])) - grey).abs() <= FLAT
        best.append(torch.where(flat, (there - grey).abs(), torch.zeros(())))
    contrast = torch.stack(best, 1)  # (N, 4, H, W)
    inside = torch.zeros_like(contrast)
    inside[..., MARGIN:-MARGIN, MARGIN:-MARGIN] = 1
    lots = torch.rand(contrast.shape, generator=generator) * inside * (contrast >= CONTRASTS[0])
    chosen = lots.flatten(1).topk(DRAWS)
    images, draw = (chosen.values > 0).nonzero().unbind(1)
    place = torch.stack(torch.unravel_index(chosen.indices[images, draw], contrast.shape[1:]), 1)
    directions = torch.tensor(DIRECTIONS)[place[:, 0]]
    return images, place[:, 1:], directions, contrast[images, place[:, 0], place[:, 1], place[:, 2]]


def _shifted(maps: Tensor, offset: tuple[int, int]) -> Tensor:
    """What lies at an offset from each pixel of (N, H, W); wraps around, so mind the border."""
    return maps.roll((-offset[0], -offset[1]), (1, 2))


def at_edges(network: Network, noisy: Tensor, clean: Tensor, smoothing: Smoothing) -> Row:
    """The weights of the neighbours across, behind and along an edge, by its contrast."""
    images, pixels, across, contrast = edge_places(clean, smoothing.generator())
    if not len(images):
        raise ValueError("no image has a straight edge; expected some, of photographs")
    maps = weights(network, noisy[images], pixels, smoothing)
    along = across.flip(1)
    sides = {
        "across": around(maps, pixels, across),
        "along": (around(maps, pixels, along) + around(maps, pixels, -along)) / 2,
        "behind": around(maps, pixels, -across),
        "pixel itself": around(maps, pixels),
        "two across": around(maps, pixels, 2 * across),
        "two along": (around(maps, pixels, 2 * along) + around(maps, pixels, -2 * along)) / 2,
    }
    bounds = [*CONTRASTS, math.inf]
    classes = [(low, high) for low, high in zip(bounds, bounds[1:])]
    rows = []
    for low, high in [(CONTRASTS[0], math.inf), *classes]:
        inside = (contrast >= low) & (contrast < high)
        row = {"contrast": [low, None if high == math.inf else high], "places": int(inside.sum())}
        for name, values in sides.items():
            row[name] = estimate(_image_means(values[inside], images[inside]))
        rows.append(row)
    less = estimate(_image_means(sides["along"] - sides["across"], images))
    return {"rows": rows, "an edge stops influence": {**less, "verdict": verdict(less)}}


def _image_means(values: Tensor, images: Tensor) -> Tensor:
    """One mean for each image that occurs, of values (M,) that belong to images (M,)."""
    _, place, counts = images.unique(return_inverse=True, return_counts=True)
    return torch.zeros(len(counts)).index_add(0, place, values) / counts


def measure(network: Network, noisy: Tensor, clean: Tensor, smoothing: Smoothing) -> Row:
    """Both claims on noisy and clean images (N, 3, H, W) in [0, 1], as one JSON object."""
    return {
        "smoothing": smoothing._asdict(),
        "rank correlation": whole_maps(network, noisy, clean, smoothing),
        "pixels by their noise": by_noise(network, noisy, clean, smoothing),
        "one pixel moved": by_intervention(network, noisy, clean, smoothing),
        "edges": at_edges(network, noisy, clean, smoothing),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.analysis.influence", description=__doc__
    )
    parser.add_argument("--net", choices=sorted(NETS), default="tnet")
    parser.add_argument("--weights", type=Path, help="a checkpoint (others/pretrained/NET.pth)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of val_data.pkl")
    parser.add_argument("--images", type=int, default=1000, help="the first of them (1000)")
    parser.add_argument("--n", type=int, default=8, help="noisy copies of each image (8)")
    parser.add_argument("--sigma", type=float, default=0.1, help="their noise, 0..1 (0.1)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    try:
        network = load_network(options.net, options.weights)
        pair = load_pair(options.data / VALIDATION)
        noisy, clean = (images[: options.images].float() / 255 for images in pair)
        result = measure(network, noisy, clean, Smoothing(options.n, options.sigma))
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    for name in ("one pixel moved", "edges"):
        for claim, row in result[name].items():
            if claim != "rows":
                print(f"{claim}: {row['mean']:.4f} ± {row['confidence']:.4f}, {row['verdict']}")
    if options.json:
        save_json(options.json, {"net": options.net, **result})


if __name__ == "__main__":
    main()
