"""Try Miniproject 1 on noises that it was not trained for: is it ever worse than its input?

    python -m others.studies.submission.unseen [--photographs DIR] [--count 1000] [--json PATH]
        [--model NAME=WEIGHTS ...]

From the middle of each photograph the largest square is taken whose side is a multiple of 32
pixels. It is divided into 32x32 cells, and the clean image consists of their means. Some noises
look at a cell in another way, the others are added to the clean image. Without --photographs the
images are generated. The scores are the PSNR per image, in dB, of what `predict` returns by
default, and the share of the images that it makes worse, whose PSNR is then below that of the noisy
image. With photographs they go to others/results/unseen.json, otherwise to out/unseen.json, unless
--json names another file. If that file is about the same noisy images, it keeps what it says of
other models.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Generator, Tensor

from Miniproject_1.model import WEIGHTS, Model
from others.data.dead_leaves import SIZE
from others.data.generated import leaves
from others.data.images import image_files, middle, read_image
from others.data.noise import cell_mean, gaussian, impulse, point_sampling, poisson
from others.data.seeds import seeded
from others.engine import command
from others.engine.metrics import psnrs
from others.records.json_files import read_json, save_json
from others.records.paths import RESULTS
from others.studies.submission.models import denoise

MOST_GENERATED = 50  # images, each of which takes long to draw
Noise = Callable[..., Tensor]
ON_CLEAN: dict[str, Noise] = {  # added to the clean image
    **{f"Gaussian, σ {std}": partial(gaussian, std=std / 255) for std in (10, 25, 50)},
    "Poisson, 30 photons": partial(poisson, peak=30),
    "impulses, 5 %": partial(impulse, share=0.05),
}
ON_SOURCE: dict[str, Noise] = {  # seen in the pixels of each cell
    "points of the cells": point_sampling,
    "cells half as large": partial(point_sampling, reach=0.5),
    "cells 1.5 times as large": partial(point_sampling, reach=1.5),
}


def largest_square(image: Tensor) -> Tensor:
    """The middle of (3, H, W) as (1, 3, S, S), with the largest S that is a multiple of 32.

    Raises:
        ValueError: the image has fewer than 32 pixels on a side.
    """
    cells = min(image.shape[-2:]) // SIZE
    return middle(image, SIZE * max(cells, 1))


def corrupted(sources: list[Tensor], generator: Generator) -> tuple[dict[str, Tensor], Tensor]:
    """The noisy images of each noise, and the clean ones, all uint8 (N, 3, 32, 32).

    Args:
        sources: images of any size, uint8 (3, H, W).
    """
    noisy: dict[str, list[Tensor]] = {name: [] for name in (*ON_SOURCE, *ON_CLEAN)}
    clean = []
    for image in sources:
        source = largest_square(image).float() / 255
        cell = source.shape[-1] // SIZE
        clean.append(cell_mean(source, cell=cell))
        for name, noise in ON_SOURCE.items():
            noisy[name].append(noise(source, generator, cell=cell))
        for name, noise in ON_CLEAN.items():
            noisy[name].append(noise(clean[-1], generator))
    rounded = {name: to_bytes(torch.cat(images)) for name, images in noisy.items()}
    return rounded, to_bytes(torch.cat(clean))


def to_bytes(images: Tensor) -> Tensor:
    """Images in [0, 1], which noise may have left, clipped and rounded to uint8."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)


def denoised_scores(
    weights: dict[str, Path], noisy: dict[str, Tensor], clean: Tensor
) -> dict[str, Any]:
    """For each noise: PSNR per image of the noisy images and of what each model makes of them.

    Returns:
        "rows", the PSNRs in dB, and "made_worse", the share of the images whose PSNR falls.
    """
    target = clean.float() / 255
    before = {noise: psnrs(images.float() / 255, target) for noise, images in noisy.items()}
    rows = {noise: {"noisy": round(float(psnr.mean()), 3)} for noise, psnr in before.items()}
    worse: dict[str, dict[str, float]] = {noise: {} for noise in noisy}
    for name, path in weights.items():
        model = Model()
        model.load_pretrained_model(path)
        for noise, images in noisy.items():
            after = psnrs(denoise(model, images)[0], target)
            rows[noise][name] = round(float(after.mean()), 3)
            worse[noise][name] = round(float((after < before[noise]).float().mean()), 4)
    return {"rows": rows, "made_worse": worse}


def with_earlier(path: Path, result: dict[str, Any]) -> dict[str, Any]:
    """`result`, with what the file `path` says of other models if it is about the same images."""
    earlier = read_json(path) if path.is_file() else {"rows": {}}
    noisy, known = (
        {noise: row["noisy"] for noise, row in one["rows"].items()} for one in (result, earlier)
    )
    if noisy != known:
        return result
    for key in ("rows", "made_worse"):
        for noise, row in result[key].items():
            result[key][noise] = {**earlier.get(key, {}).get(noise, {}), **row}
    return result


def named_weights(text: str) -> tuple[str, Path]:
    """The type of NAME=WEIGHTS."""
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r}; expected NAME=WEIGHTS")
    return name, Path(path)


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--photographs", type=Path, help="folder of images (generated ones)")
    result.add_argument("--count", type=command.whole(1), default=1000, help="images at most")
    result.add_argument(
        "--model",
        type=named_weights,
        nargs="+",
        default=[],
        metavar="NAME=WEIGHTS",
        help="other weights of Miniproject 1 to compare with",
    )
    result.add_argument("--seed", type=command.whole(0), default=0, help="of the noise")
    result.add_argument(
        "--json", type=command.output, help="file of the results (unseen.json, where the text says)"
    )
    return result


def run(options: argparse.Namespace) -> None:
    """Make the noisy images, denoise and score them, and print a table."""
    generator = seeded(options.seed)
    if options.photographs:
        files = image_files(options.photographs)[: options.count]
        sources = [read_image(path) for path in files]
    else:
        sources = list(leaves(min(options.count, MOST_GENERATED), generator))
    noisy, clean = corrupted(sources, generator)
    found = denoised_scores({"shipped": WEIGHTS, **dict(options.model)}, noisy, clean)
    kind = "photographs" if options.photographs else "generated"
    path = options.json or (RESULTS if options.photographs else Path("out")) / "unseen.json"
    about = {"images": len(clean), "kind": kind, "seed": options.seed}
    result = with_earlier(path, {**about, **found})
    save_json(path, result)
    print("PSNR per image in dB:")
    for name, row in result["rows"].items():
        print(f"{name:26}", *(f"{who} {value:.2f}" for who, value in row.items()), sep="  ")
        for who, share in result["made_worse"][name].items():
            print(f"{'':26}  {who} makes {100 * share:.0f} % of the images worse")
    print(f"{path}: the results")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
