"""Noise models by their names, and the loss that Noise2Noise pairs with each.

A noise model is a function of clean images, float (N, 3, H, W) in [0, 1], and a generator on their
device; it gives noisy images. The parameter that measures its strength is a number, or two numbers
between which one is drawn for each image. Two noisy copies of an image are independent given the
image, as Noise2Noise needs them. Nothing is clipped, because clipping would move the mean: where
noise is added to pixels, values are unbounded; where pixels are replaced, picked or rounded, they
stay in [0, 1].

Sources: Lehtinen et al., "Noise2Noise", 2018 (Gaussian, Poisson, Bernoulli, text, random impulses,
and the losses); the mini-project of EE-559, whose images are sampled at points.
"""

import random
from functools import lru_cache, partial
from typing import Any, Callable, NamedTuple, Union

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Generator, Tensor
from torch.nn import functional as F

Strength = Union[float, tuple[float, float], Tensor]
CELL = 8  # source pixels along a side of a pixel sampled at a point
MOST_TEXT = 0.9  # share of an image; to fill the last gaps would take words without end
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def strength(value: Strength, clean: Tensor, generator: Generator) -> Tensor:
    """One number for each image, (N, 1, 1, 1): `value`, or uniform between its two.

    A tensor of such numbers is taken as it is.
    """
    low, high = value if isinstance(value, (tuple, list)) else (value, value)
    share = torch.rand((len(clean), 1, 1, 1), generator=generator, device=clean.device)
    return low + (high - low) * share


def uniform(clean: Tensor, generator: Generator) -> Tensor:
    """Uniform in [0, 1), one a pixel for all its channels: (N, 1, H, W)."""
    return torch.rand(clean[:, :1].shape, generator=generator, device=clean.device)


def gaussian(clean: Tensor, generator: Generator, std: Strength = 25 / 255) -> Tensor:
    """x + std n, n standard normal; the mean is x."""
    normal = torch.randn(clean.shape, generator=generator, device=clean.device)
    return clean + strength(std, clean, generator) * normal


def poisson(clean: Tensor, generator: Generator, peak: Strength = 30.0) -> Tensor:
    """Counts of photons over `peak`, their mean number where x is 1: mean x, variance x / peak."""
    peaks = strength(peak, clean, generator)
    return torch.poisson(clean * peaks, generator=generator) / peaks


def bernoulli(clean: Tensor, generator: Generator, keep: Strength = 0.5) -> Tensor:
    """Pixels kept with probability `keep` and divided by it, the others 0; mean x.

    Noise2Noise leaves the missing pixels of the target out of the loss instead of dividing: the
    minimiser is the same, and this one needs no mask. The range is [0, 1 / keep].
    """
    share = strength(keep, clean, generator)
    return clean * (uniform(clean, generator) < share) / share


def impulse(clean: Tensor, generator: Generator, share: Strength = 0.3) -> Tensor:
    """A share of all pixels replaced by random colours, uniform in the cube of [0, 1]."""
    colours = torch.rand(clean.shape, generator=generator, device=clean.device)
    hit = uniform(clean, generator) < strength(share, clean, generator)
    return torch.where(hit, colours, clean)


def multiplicative(clean: Tensor, generator: Generator, std: Strength = 0.2) -> Tensor:
    """x (1 + std n), n standard normal: mean x, standard deviation std x."""
    normal = torch.randn(clean.shape, generator=generator, device=clean.device)
    return clean * (1 + strength(std, clean, generator) * normal)


def subsampling(clean: Tensor, generator: Generator, step: Strength = 2) -> Tensor:
    """Each square of step x step pixels shows one of its pixels, in an image always the same one.

    The mean over draws is not x but the mean over the square, as far as it is inside the image.
    """
    squares = strength(step, clean, generator).round().clamp_min(1)[:, 0]  # (N, 1, 1)
    coins = torch.rand((2, len(clean), 1, 1), generator=generator, device=clean.device)
    index = []
    for size, coin in zip(clean.shape[-2:], coins):
        start = torch.arange(size, device=clean.device) // squares * squares  # (N, 1, size)
        inside = (size - start).minimum(squares)
        index.append((start + (coin * inside).floor()).long())
    rows, columns = index[0].mT, index[1]
    flat = (rows * clean.shape[-1] + columns).flatten(1)[:, None].expand(-1, clean.shape[1], -1)
    return clean.flatten(2).gather(2, flat).view(clean.shape)


def quantisation(clean: Tensor, generator: Generator, levels: Strength = 8) -> Tensor:
    """Rounded up or down to one of `levels` values from 0 to 1, at random so that the mean is x.

    With f the part of x (levels − 1) after the point, the standard deviation is
    sqrt(f (1 − f)) / (levels − 1). Rounding to the nearest would make both copies alike, and
    nothing could be learnt from them.
    """
    last = strength(levels, clean, generator).round() - 1
    dither = torch.rand(clean.shape, generator=generator, device=clean.device)
    return (clean * last + dither).floor().minimum(last) / last


def point_sampling(
    source: Tensor, generator: Generator, reach: Strength = 1.0, cell: int = CELL
) -> Tensor:
    """(N, 3, H cell, W cell) -> (N, 3, H, W): each pixel is a random pixel of its cell.

    With reach 1 the mean is the cell's. With another one the pixel is picked in a square of
    `reach` cells a side around the middle of the cell: 0.5 makes less noise, 1.5 more, and blur.
    ValueError unless both sides are multiples of `cell`.
    """
    height, width = cells(source, cell)
    reaches = strength(reach, source, generator)[:, 0]  # (N, 1, 1)
    coins = torch.rand((2, len(source), height, width), generator=generator, device=source.device)
    offset = ((coins - 0.5) * reaches + 0.5) * cell  # source pixels from the corner of the cell
    rows = torch.arange(height, device=source.device)[:, None] * cell + offset[0]
    columns = torch.arange(width, device=source.device) * cell + offset[1]
    rows = rows.floor().clamp(0, height * cell - 1).long()
    columns = columns.floor().clamp(0, width * cell - 1).long()
    flat = (rows * source.shape[-1] + columns).flatten(1)[:, None].expand(-1, source.shape[1], -1)
    return source.flatten(2).gather(2, flat).unflatten(2, (height, width))


def cells(source: Tensor, cell: int) -> tuple[int, int]:
    """Height and width in cells; ValueError unless both are whole."""
    height, width = source.shape[-2:]
    if cell < 1 or height % cell or width % cell:
        raise ValueError(f"images of {height}x{width} pixels; expected multiples of {cell}")
    return height // cell, width // cell


def cell_mean(source: Tensor, reach: Strength = 1.0, cell: int = CELL) -> Tensor:
    """(N, 3, H cell, W cell) -> (N, 3, H, W): the clean image of `point_sampling`, at any reach."""
    cells(source, cell)
    return F.avg_pool2d(source, cell)


def text(clean: Tensor, generator: Generator, share: Strength = 0.25) -> Tensor:
    """Random words in random colours, sizes and places until they cover a share of the pixels.

    The last word is drawn whole, so that a little more than `share` is covered. ValueError for a
    share above 0.9.
    """
    shares = strength(share, clean, generator).flatten().tolist()
    draw = random.Random(int(torch.randint(2**62, (1,), generator=generator, device=clean.device)))
    overlays = [text_overlay(clean.shape[-1], clean.shape[-2], share, draw) for share in shares]
    colours, masks = (torch.stack(layer).to(clean.device) for layer in zip(*overlays))
    return torch.where(masks, colours, clean)


@lru_cache(maxsize=None)
def font_of(size: int) -> Any:
    """Pillow's own font, of this height in pixels."""
    return ImageFont.load_default(size)


class Word(NamedTuple):
    """A random word: what is drawn on an image at once."""

    letters: str
    font: Any
    place: tuple[float, float]  # of its upper left corner, in pixels: x, y
    colour: tuple[int, ...]  # red, green, blue from 0 to 255


def random_word(width: int, height: int, draw: random.Random) -> Word:
    """A word somewhere on an image of this size, perhaps partly outside it."""
    letters = "".join(draw.choices(LETTERS, k=draw.randint(3, 10)))
    font = font_of(draw.randint(8, max(8, min(24, height // 4))))
    place = draw.uniform(-0.2, 1) * width, draw.uniform(-0.1, 1) * height
    return Word(letters, font, place, tuple(draw.randrange(256) for _ in "rgb"))


def text_overlay(
    width: int, height: int, share: float, draw: random.Random
) -> tuple[Tensor, Tensor]:
    """Colours (3, H, W) in [0, 1], and a mask (1, H, W) of the pixels that text covers.

    Two images are drawn alike: one in the words' colours, and one in white, which is the mask.
    """
    if not 0 <= share <= MOST_TEXT:
        raise ValueError(f"text is to cover {share:g} of an image; expected 0 to {MOST_TEXT}")
    colours, mask = Image.new("RGB", (width, height)), Image.new("L", (width, height))
    colour_pen, mask_pen = ImageDraw.Draw(colours), ImageDraw.Draw(mask)
    for pen in (colour_pen, mask_pen):
        pen.fontmode = "1"  # no smooth edges: a pixel is covered, or it is clean
    while mask.histogram()[255] < share * width * height:
        word = random_word(width, height, draw)
        colour_pen.text(word.place, word.letters, fill=word.colour, font=word.font)
        mask_pen.text(word.place, word.letters, fill=255, font=word.font)
    image = torch.from_numpy(np.array(colours)).permute(2, 0, 1).float() / 255
    return image, torch.from_numpy(np.array(mask))[None] > 0


class Noise(NamedTuple):
    """A row of the table."""

    add: Callable[..., Tensor]  # the function
    loss: str  # of others.engine.losses; the noise keeps the statistic that it converges to
    parameter: str  # the argument of `add` that measures the strength
    low: float  # limits of the level, which is the strength on the command line
    high: float
    unit: float  # what a level is multiplied by
    meaning: str  # of the level


TABLE: dict[str, Noise] = {
    "gaussian": Noise(gaussian, "l2", "std", 0, 255, 1 / 255, "standard deviation, of 255"),
    "poisson": Noise(poisson, "l2", "peak", 1e-3, 1e6, 1, "photons where the image is white"),
    "bernoulli": Noise(bernoulli, "l2", "keep", 0.01, 1, 1, "share of pixels that stay"),
    "impulse": Noise(impulse, "annealed_l0", "share", 0, 1, 1, "share of pixels replaced"),
    "text": Noise(text, "l1", "share", 0, MOST_TEXT, 1, "share of pixels covered"),
    "multiplicative": Noise(multiplicative, "hdr", "std", 0, 10, 1, "deviation over the value"),
    "subsampling": Noise(subsampling, "l2", "step", 1, 64, 1, "pixels a side that become one"),
    "quantisation": Noise(quantisation, "l2", "levels", 2, 256, 1, "values that are left"),
    "point_sampling": Noise(point_sampling, "l2", "reach", 0, 4, 1, "side of the square, in cells"),
}


def make_noise(
    name: str, level: Strength | None = None, **parameters: Any
) -> Callable[..., Tensor]:
    """The noise `name` with its strength set, in the units of the command line.

    ValueError that lists the names for an unknown one, and the range for a level outside it.
    """
    if name not in TABLE:
        raise ValueError(f"unknown noise {name!r}; expected one of {', '.join(TABLE)}")
    row = TABLE[name]
    if level is not None:
        levels = tuple(level) if isinstance(level, (tuple, list)) else (level, level)
        if len(levels) != 2 or not row.low <= levels[0] <= levels[1] <= row.high:
            raise ValueError(
                f"the level of {name} is {level}; expected a number from {row.low:g} to "
                f"{row.high:g} ({row.meaning}), or two in order"
            )
        low, high = levels[0] * row.unit, levels[1] * row.unit
        parameters[row.parameter] = low if low == high else (low, high)
    return partial(row.add, **parameters) if parameters else row.add


def clean_of(noise: Callable[..., Tensor], source: Tensor) -> Tensor:
    """What the noise's images are noisy versions of: the source, or the mean over each cell."""
    function = noise.func if isinstance(noise, partial) else noise
    if function is not point_sampling:
        return source
    return cell_mean(source, **(noise.keywords if isinstance(noise, partial) else {}))
