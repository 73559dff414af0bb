"""How well images are denoised at one noise level, as the studies of bias-free models measure it.

A test image is the square in the middle of a photograph. Its noise is of the kind that the models
are trained on (`others.data.corruptions`): truncated normal, another one for each channel. It is
the same whenever the same level is asked for, so that all models denoise the same noisy images.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

import torch
from torch import Tensor

from others.data.corruptions import LEVELS, Corruption, CorruptionSettings, Strength
from others.data.generated import leaves
from others.data.images import image_files, middle, read_image
from others.data.seeds import seed_of, seeded
from others.engine import command
from others.engine.metrics import psnr_per_image

BATCH = 10  # images at once
Denoise = Callable[[Tensor], Tensor]  # (N, 3, H, W) in [0, 1] to the same


def squares(folder: Path | None, side: int, count: int, seed: int = 0) -> Tensor:
    """The middles of images, (N, 3, side, side) in [0, 1].

    The images are the first `count` of a folder by name. Without a folder `count` are generated
    from `seed`.

    Raises:
        FileNotFoundError: no images.
        ValueError: an image smaller than the square.
    """
    if folder is None:
        images = leaves(count, seeded(seed))
    else:
        images = [read_image(path) for path in image_files(folder)[:count]]
    return torch.cat([middle(image, side) for image in images]).float() / LEVELS


def checksum(images: Tensor) -> int:
    """The sum of all grey levels of images in [0, 1], by which results name their images."""
    return int((LEVELS * images.double()).sum().round())


def with_noise(clean: Tensor, sigma: float, clip: bool = True, *seed: object) -> Tensor:
    """Noisy images, `sigma` of 255; clipped and rounded as in a file unless asked otherwise.

    The noise follows from σ, the size of the images and `seed`, and from nothing else.
    """
    noise = Strength(sigma, sigma, weight=1)
    corruption = Corruption(CorruptionSettings(additive=noise, per_channel=1, clip=clip))
    level = int(sigma) if sigma == int(sigma) else sigma  # 10 and 10.0 are one level, with one seed
    return corruption(clean, seeded(seed_of("test", level, *seed)))


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
    """`score` for each noise level, by its name: "10" for σ = 10 grey levels."""
    return {f"{s:g}": score(denoise, with_noise(clean, s, clip), clean) for s in sigmas}


def add_options(parser: argparse.ArgumentParser, count: int, side: int) -> None:
    """The options of a command that scores on the squares in the middle of a folder's images."""
    parser.add_argument(
        "--images", type=Path, required=True, metavar="FOLDER", help="images to score on"
    )
    parser.add_argument(
        "--count", type=command.whole(1), default=count, help="of these images, the first by name"
    )
    parser.add_argument(
        "--side", type=command.whole(1), default=side, help="pixels a side, from the middle"
    )
