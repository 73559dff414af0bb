"""How well images are denoised at one noise level: what the tables of this package have in common.

A test image is the square in the middle of a photograph. Its noise is that of the trainings,
truncated normal and one field for each channel, and always the same for the same level.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Generator, Tensor

from others.data.corruptions import LEVELS, Corruption, CorruptionSettings, Strength
from others.data.images import image_files, middle, read_image
from others.data.seeds import seed_of
from others.engine.metrics import psnr_per_image
from others.records.configuration import differences

BATCH = 10  # images at once
Denoise = Callable[[Tensor], Tensor]  # (N, 3, H, W) in [0, 1] to the same


def squares(folder: Path, side: int, count: int) -> Tensor:
    """The first images of a folder, by name: (N, 3, side, side) in [0, 1].

    Raises:
        FileNotFoundError: no images.
        ValueError: an image smaller than the square, or a count below 1.
    """
    if count < 1:
        raise ValueError(f"{count} images are asked for; expected at least 1")
    files = image_files(folder)[:count]
    return torch.cat([middle(read_image(path), side) for path in files]).float() / LEVELS


def checksum(images: Tensor) -> int:
    """The sum of all grey levels of images in [0, 1]: other images hardly have the same."""
    return int((LEVELS * images.double()).sum().round())


def with_noise(clean: Tensor, sigma: float, clip: bool = True, *seed: object) -> Tensor:
    """Noisy images, `sigma` of 255; clipped and rounded as in a file unless asked otherwise.

    The noise is always the same for the same σ, size and seed.
    """
    noise = Strength(sigma, sigma, weight=1)
    corruption = Corruption(CorruptionSettings(additive=noise, per_channel=1, clip=clip))
    return corruption(clean, Generator().manual_seed(seed_of("test", sigma, *seed)))


@torch.no_grad()
def answers_of(denoise: Denoise, noisy: Tensor) -> Tensor:
    """Denoised images, a few at once, clipped to [0, 1]."""
    return torch.cat([denoise(part) for part in noisy.split(BATCH)]).clamp(0, 1)


def score(denoise: Denoise, noisy: Tensor, clean: Tensor) -> dict[str, float]:
    """Mean absolute error in grey levels, PSNR per image in dB, of answers as files have them."""
    answers = (LEVELS * answers_of(denoise, noisy)).round() / LEVELS
    mae = float(LEVELS * (answers - clean).abs().mean())
    return {"mae": round(mae, 4), "psnr_per_image_db": round(psnr_per_image(answers, clean), 4)}


def scores(
    denoise: Denoise, clean: Tensor, sigmas: Sequence[float], clip: bool = True
) -> dict[str, dict[str, float]]:
    """That for each noise level, by its name."""
    return {f"{s:g}": score(denoise, with_noise(clean, s, clip), clean) for s in sigmas}


def same_setting(found: dict[str, Any], asked: dict[str, Any], path: Path) -> None:
    """ValueError with the differences if results in a file were measured in another setting."""
    lines = differences({name: found.get(name) for name in asked}, asked)
    if lines:
        shown = "; ".join(lines)
        raise ValueError(f"{path} has results of another setting (found -> asked for): {shown}")


def add_options(parser: argparse.ArgumentParser, count: int, side: int) -> None:
    """The options of a command that scores on the middles of a folder's images."""
    parser.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="to score on")
    parser.add_argument(
        "--count", type=int, default=count, help=f"of them, the first by name ({count})"
    )
    parser.add_argument("--side", type=int, default=side, help=f"pixels a side ({side})")
