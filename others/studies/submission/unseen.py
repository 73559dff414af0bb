"""Miniproject 1 on noises that it was not made for: is it ever worse than its input?

    python -m others.studies.submission.unseen [--photographs DIR] [--count 1000]
        [--model NAME=WEIGHTS ...]

Every image is the largest square in the middle of a photograph whose side is a multiple of 32
pixels, and its clean version the mean over 32x32 cells. Without --photographs the images are
generated. PSNR per image, in dB, of what `predict` returns with its defaults. Results go to
others/results/unseen.json when photographs were used, and to out/unseen.json otherwise.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Generator, Tensor

from Miniproject_1.model import WEIGHTS, Model
from others.data.dead_leaves import SIZE
from others.data.images import image_files, read_image
from others.data.noise import cell_mean, gaussian, impulse, point_sampling, poisson
from others.data.scenes import leaves
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.studies.submission.models import denoise, scores

FILE = RESULTS / "unseen.json"
Noise = Callable[..., Tensor]
ON_CLEAN: dict[str, Noise] = {
    **{f"Gaussian, σ {std}": partial(gaussian, std=std / 255) for std in (10, 25, 50)},
    "Poisson, 30 photons": partial(poisson, peak=30),
    "impulses, 5 %": partial(impulse, share=0.05),
}
ON_SOURCE: dict[str, Noise] = {
    "points of the cells": point_sampling,
    "cells half as large": partial(point_sampling, reach=0.5),
    "cells 1.5 times as large": partial(point_sampling, reach=1.5),
}


def middle(image: Tensor) -> Tensor:
    """The largest middle square of (3, H, W) with a side of 32 n pixels; ValueError for none."""
    height, width = image.shape[-2:]
    side = min(height, width) // SIZE * SIZE
    if side == 0:
        raise ValueError(f"an image of {height}x{width} pixels; expected {SIZE}x{SIZE} at least")
    top, left = (height - side) // 2, (width - side) // 2
    return image[:, top : top + side, left : left + side]


def corrupted(sources: list[Tensor], generator: Generator) -> tuple[dict[str, Tensor], Tensor]:
    """Noisy versions by the name of the noise, and the clean images: uint8 (N, 3, 32, 32)."""
    noisy: dict[str, list[Tensor]] = {name: [] for name in (*ON_SOURCE, *ON_CLEAN)}
    clean = []
    for image in sources:
        source = middle(image).unsqueeze(0).float() / 255
        cell = source.shape[-1] // SIZE
        clean.append(cell_mean(source, cell=cell))
        for name, noise in ON_SOURCE.items():
            noisy[name].append(noise(source, generator, cell=cell))
        for name, noise in ON_CLEAN.items():
            noisy[name].append(noise(clean[-1], generator))
    rounded = {name: to_bytes(torch.cat(images)) for name, images in noisy.items()}
    return rounded, to_bytes(torch.cat(clean))


def to_bytes(images: Tensor) -> Tensor:
    """[0, 1] and beyond to uint8, clipped and rounded as a file would have it."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)


def measure(models: dict[str, Path], noisy: dict[str, Tensor], clean: Tensor) -> dict[str, Any]:
    """PSNR per image of each noise's images: as they are, and as each model returns them."""
    target = clean.float() / 255
    rows = {
        n: {"noisy": scores(x.float() / 255, target)["psnr_per_image_db"]} for n, x in noisy.items()
    }
    for name, path in models.items():
        model = Model()
        model.load_pretrained_model(path)
        for noise, images in noisy.items():
            rows[noise][name] = scores(denoise(model, images)[0], target)["psnr_per_image_db"]
    return rows


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.submission.unseen", description=__doc__
    )
    parser.add_argument("--photographs", type=Path, help="folder of images (generated ones)")
    parser.add_argument("--count", type=int, default=1000, help="images at most (1000)")
    parser.add_argument("--model", nargs="+", default=[], metavar="NAME=WEIGHTS", help="others")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = Generator().manual_seed(options.seed)
    try:
        models = {"shipped": WEIGHTS}
        models.update((name, Path(path)) for name, path in (m.split("=", 1) for m in options.model))
        if options.photographs:
            files = image_files(options.photographs)[: options.count]
            sources = [read_image(path) for path in files]
        else:
            sources = list(leaves(min(options.count, 50), generator))
        noisy, clean = corrupted(sources, generator)
        rows = measure(models, noisy, clean)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    kind = "photographs" if options.photographs else "generated"
    result = {"images": len(clean), "kind": kind, "seed": options.seed, "rows": rows}
    save_json(FILE if options.photographs else Path("out") / "unseen.json", result)
    for name, row in rows.items():
        print(f"{name:26}", *(f"{who} {value:.2f}" for who, value in row.items()), sep="  ")


if __name__ == "__main__":
    main()
