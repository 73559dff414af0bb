"""The second claim: whether pixels beyond an edge weigh less than those on the pixel's own side.

A *place* is a pixel p beside a straight edge, with its neighbours by their position to the edge
(here the direction across is to the right; all four directions are looked for):

        . a | b .
        h p | q .      |q − p|  the contrast, at least CONTRASTS[0]
        . a | b .      a, h     differ from p by at most FLAT: along the edge, and behind
                       b        differ from q by at most FLAT
"""

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from others.analysis.influence.weights import (
    MARGIN,
    Figures,
    Smoothing,
    around,
    claimed,
    figure,
    weights,
)
from others.analysis.smooth_grad import Network

DRAWS = 4  # places of each image at most
CONTRASTS = (0.15, 0.25, 0.4)  # least differences across an edge, which make three classes
FLAT = 0.05  # the largest difference between neighbours on one side of an edge
DIRECTIONS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # across an edge: row and column


class EdgePlaces(NamedTuple):
    """M places, of all images together."""

    images: Tensor  # (M,): the number of the image
    pixels: Tensor  # (M, 2): p, as row and column
    across: Tensor  # (M, 2): q − p, one of DIRECTIONS
    contrast: Tensor  # (M,): |q − p| in grey, in [0, 1]


def edge_places(clean: Tensor, generator: Generator) -> EdgePlaces:
    """Places at straight edges of images (N, 3, H, W) in [0, 1], drawn at random.

    At most DRAWS places of an image are drawn, all of them MARGIN or more from the border.
    """
    grey = clean.mean(1)
    contrast = torch.stack([edge_contrast(grey, across) for across in DIRECTIONS], 1)
    inside = torch.zeros_like(contrast)
    inside[..., MARGIN:-MARGIN, MARGIN:-MARGIN] = 1
    # A lottery: every candidate (direction, row, column) has a random number, the others have 0,
    # and the largest numbers of each image win.
    candidates = inside * (contrast >= CONTRASTS[0])  # (N, 4, H, W)
    lots = torch.rand(contrast.shape, generator=generator) * candidates
    winners = lots.flatten(1).topk(DRAWS)
    images, draw = (winners.values > 0).nonzero().unbind(1)
    found = torch.unravel_index(winners.indices[images, draw], contrast.shape[1:])
    direction, row, column = found
    pixels, across = torch.stack([row, column], 1), torch.tensor(DIRECTIONS)[direction]
    return EdgePlaces(images, pixels, across, contrast[images, direction, row, column])


def edge_contrast(grey: Tensor, across: tuple[int, int]) -> Tensor:
    """The contrast |q − p| at every pixel p of images (N, H, W), and 0 where p is no *place*.

    Args:
        across: the direction from p to q. Images are taken to go on at their opposite side, so the
            values at the border mean nothing.
    """
    along = across[1], across[0]
    q = _shifted(grey, across)
    flat = (_shifted(grey, (-across[0], -across[1])) - grey).abs() <= FLAT  # behind p
    for sign in (1, -1):
        a = sign * along[0], sign * along[1]
        b = across[0] + a[0], across[1] + a[1]
        flat &= (_shifted(grey, a) - grey).abs() <= FLAT
        flat &= (_shifted(grey, b) - q).abs() <= FLAT
    return torch.where(flat, (q - grey).abs(), torch.zeros(()))


def _shifted(maps: Tensor, offset: tuple[int, int]) -> Tensor:
    """At each pixel of (N, H, W) the value that lies at the offset (rows, columns) from it."""
    return maps.roll((-offset[0], -offset[1]), (1, 2))


def at_edges(network: Network, noisy: Tensor, clean: Tensor, smoothing: Smoothing) -> Figures:
    """The weights of the neighbours across, behind and along an edge, by the edge's contrast.

    ValueError if no image has a straight edge.
    """
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
            row[name] = figure(_image_means(values[inside], images[inside]))
        rows.append(row)
    less = _image_means(sides["along"] - sides["across"], images)
    return {"rows": rows, "an edge weakens influence": claimed(less)}


def _image_means(values: Tensor, images: Tensor) -> Tensor:
    """The mean over each image of values (M,), where `images` (M,) says whose value it is."""
    _, place, counts = images.unique(return_inverse=True, return_counts=True)
    return torch.zeros(len(counts)).index_add(0, place, values) / counts
