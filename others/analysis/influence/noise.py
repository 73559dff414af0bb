"""The first claim: what a pixel's own noise has to do with its weight for its denoised value."""

import math

import torch
from torch import Tensor

from others.analysis.influence.weights import (
    BATCH,
    Figures,
    Smoothing,
    around,
    claimed,
    figure,
    random_pixels,
    ring,
    weights,
)
from others.analysis.smooth_grad import Network, loss_score, output_score, smooth_grad
from others.records.estimates import rank_correlation

DRAWS = 4  # pixels of each image
GROUPS = 5  # of pixels, from the least noisy fifth to the noisiest
STEPS = (0.0, 0.1, 0.2, 0.4)  # by which a pixel is moved away from its clean value


def whole_maps(network: Network, noisy: Tensor, clean: Tensor, smoothing: Smoothing) -> Figures:
    """How well the order of an image's pixels by noise agrees with their order by gradient.

    The noise of a pixel is the root of its mean squared error over the channels, its gradient the
    mean of the channels' absolute values. Each image has one rank correlation for the gradient of
    the loss and one for that of the output, both of the whole image.
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
    result = {}
    for name, maps in found.items():
        pairs = zip(noise.tolist(), torch.cat(maps).tolist())
        each = torch.tensor([rank_correlation(*pair) for pair in pairs])
        result[f"noise and gradient of the {name}"] = figure(each)
    return result


def by_noise(network: Network, noisy: Tensor, clean: Tensor, smoothing: Smoothing) -> list[Figures]:
    """The weight of a pixel for itself, and of its neighbours for it, by how noisy the pixel is.

    Of each image DRAWS pixels are drawn. All of them are sorted by their noise into GROUPS of equal
    size, from the least noisy on; each group has its mean noise and weights.
    """
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
        means = [figure(values.nanmean(1)) for values in inside]  # an image counts once
        rows.append(dict(zip(("noise", "own weight", "weight of a neighbour"), means)))
    return rows


def by_intervention(
    network: Network, noisy: Tensor, clean: Tensor, smoothing: Smoothing
) -> Figures:
    """What the weights become when one pixel of each image is moved away from its clean value.

    The pixel is moved by each of STEPS, and nothing else changes. It is made lighter if it is dark
    and darker if it is light, but not beyond 0 or 1. The "share left" is the part of the move that
    is left in the denoised pixel.
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
        row = {"step": step, "own weight": figure(own[-1])}
        row["weight of a neighbour"] = figure(ring(maps, pixels))
        if step:
            row["share left"] = figure((answer - start) / (moved[index] - true).mean(1))
        rows.append(row)
    return {
        "rows": rows,
        "own weight falls with its noise": claimed(own[0] - own[-1]),
        "noisy pixel weighs less than a neighbour": claimed(ring(maps, pixels) - own[-1]),
    }
