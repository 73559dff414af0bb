"""Make the images that the reports show: generated ones, denoised, and the influence of pixels.

    python -m others.studies.submission.report_images [--json PATH]

The images are generated, as dead leaves (see `others.data.dead_leaves`): no training has seen them,
and no photograph has to be published. The JSON file has them as hexadecimal RGB, with their PSNR.

It also has two masks around one pixel at an edge and one in a flat region. `jacobian` is the weight
of each input pixel in the denoised value of the chosen one, by Miniproject 1 (the weights of
`others.analysis.influence`). `smooth_grad` is the same, averaged over noisy copies (SmoothGrad).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from others.analysis.influence_weights import Smoothing, weights
from others.data.generated import noisy_and_clean
from others.engine import command
from others.engine.metrics import psnr_per_image
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.weights import digest
from others.studies.submission.models import MODELS, WEIGHTS, denoise, pretrained

COUNT, SEED = 24, 7  # images that are generated, and the seed of their generator
SHOWN = (2, 9, 14, 17)  # the numbers of the images that are kept
REACH = 6  # pixels on each side of the chosen one that a mask covers
WINDOW = 5  # pixels on a side of the square whose variance says how flat a place is
SMOOTHINGS = {"jacobian": Smoothing(1, 0.0), "smooth_grad": Smoothing(50, 0.1)}


def hexadecimal(image: Tensor) -> str:
    """An image (3, H, W) in [0, 1] as hexadecimal RGB bytes, row by row."""
    pixels = (image * 255).round().byte().permute(1, 2, 0)
    return bytes(pixels.flatten().tolist()).hex()


def places(clean: Tensor) -> dict[str, Tensor]:
    """Row and column of the pixel of (3, H, W) with the most contrast around it, and the least.

    Only pixels are chosen that have REACH others on each side.
    """
    grey = clean.mean(0)
    windows = grey.unfold(0, WINDOW, 1).unfold(1, WINDOW, 1).flatten(2)  # (H - 4, W - 4, 25)
    variance = windows.var(2)  # [0, 0] belongs to the pixel (2, 2), the middle of the first window
    border = REACH - WINDOW // 2
    inner = variance[border:-border, border:-border]
    chosen = {"edge": inner.argmax(), "flat": inner.argmin()}
    size = inner.shape[1]
    return {
        name: torch.tensor([int(index) // size + REACH, int(index) % size + REACH])
        for name, index in chosen.items()
    }


def masks(network: torch.nn.Module, noisy: Tensor, clean: Tensor) -> dict[str, Any]:
    """For both places of an image (3, H, W) in [0, 1]: the pixel, and the masks around it."""
    found: dict[str, Any] = {}
    for place, pixel in places(clean).items():
        row, column = pixel.tolist()
        window = slice(row - REACH, row + REACH + 1), slice(column - REACH, column + REACH + 1)
        found[place] = {"pixel": [row, column]}
        for name, smoothing in SMOOTHINGS.items():
            values = weights(network, noisy.unsqueeze(0), pixel.unsqueeze(0), smoothing)[0]
            found[place][name] = {
                "sum": round(float(values.sum()), 4),
                "own": round(float(values[row, column]), 4),
                "around": [[round(x, 4) for x in line] for line in values[window].tolist()],
            }
    return found


def make_images() -> dict[str, Any]:
    """Everything that the reports show, as JSON."""
    noisy, clean = (
        images[list(SHOWN)] for images in noisy_and_clean(COUNT, Generator().manual_seed(SEED))
    )
    target = clean.float() / 255
    kinds = {"noisy": noisy.float() / 255}
    for name in MODELS:
        kinds[name], _ = denoise(pretrained(name), noisy)
    images = [
        {
            "clean": hexadecimal(target[index]),
            **{name: hexadecimal(values[index]) for name, values in kinds.items()},
            "psnr_per_image_db": {
                name: round(psnr_per_image(values[[index]], target[[index]]), 2)
                for name, values in kinds.items()
            },
        }
        for index in range(len(SHOWN))
    ]
    network = pretrained("Miniproject 1").network.cpu().eval()
    return {
        "size": clean.shape[-1],
        "weights": {name: digest(path) for name, path in WEIGHTS.items()},
        "smoothing": {name: smoothing._asdict() for name, smoothing in SMOOTHINGS.items()},
        "images": images,
        "masks": masks(network, kinds["noisy"][0], target[0]),
    }


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    path = RESULTS / "pictures.json"
    result.add_argument("--json", type=command.output, default=str(path), help="file of the images")
    return result


def run(options: argparse.Namespace) -> None:
    """Make the images, save them, and print their PSNR."""
    result = make_images()
    save_json(options.json, result)
    for number, image in zip(SHOWN, result["images"]):
        print(f"image {number}: {image['psnr_per_image_db']}")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    command.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
