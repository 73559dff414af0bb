"""The pictures of the reports: generated images, denoised, and what moves a denoised pixel.

    python -m others.studies.submission.report_images [--json PATH]

No photograph is shown: the images are dead leaves (see `dead_leaves.py`), which no training has
seen. They go into the JSON as hexadecimal RGB, with their PSNR. For one pixel at an edge and one in
a flat place, `jacobian` is how the output of Miniproject 1's network there answers to each
input pixel around it (the weights of `influence.py`), and `smooth_grad` the same with SmoothGrad.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from Miniproject_1.model import WEIGHTS as FIRST_WEIGHTS
from Miniproject_1.model import Model
from Miniproject_2.model import WEIGHTS as SECOND_WEIGHTS
from others.analysis.influence import Smoothing, weights
from others.data.generated import noisy_and_clean
from others.engine.metrics import psnr_per_image
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.weights import digest
from others.studies.submission.models import MODELS, denoise

FILE = RESULTS / "pictures.json"
WEIGHTS = {"Miniproject 1": FIRST_WEIGHTS, "Miniproject 2": SECOND_WEIGHTS}
COUNT, SEED = 24, 7  # images drawn; those of SHOWN are kept
SHOWN = (2, 9, 14, 17)
REACH = 6  # pixels on each side of the chosen one
SMOOTHINGS = {"jacobian": Smoothing(1, 0.0), "smooth_grad": Smoothing(50, 0.1)}


def hexadecimal(image: Tensor) -> str:
    """RGB bytes, row by row, of (3, H, W) in [0, 1]."""
    pixels = (image * 255).round().byte().permute(1, 2, 0)
    return bytes(pixels.flatten().tolist()).hex()


def places(clean: Tensor) -> dict[str, Tensor]:
    """The pixel of (3, H, W) with the most change around it, and that with the least."""
    grey = clean.mean(0)
    windows = grey.unfold(0, 5, 1).unfold(1, 5, 1).flatten(2)  # (H - 4, W - 4, 25)
    spread = windows.var(2)
    border = REACH - 2
    inner = spread[border:-border, border:-border]
    chosen = {"edge": inner.argmax(), "flat": inner.argmin()}
    size = inner.shape[1]
    return {
        name: torch.tensor([int(index) // size + REACH, int(index) % size + REACH])
        for name, index in chosen.items()
    }


def masks(network: torch.nn.Module, noisy: Tensor, clean: Tensor) -> dict[str, Any]:
    """For both places of one image (3, H, W): where it is, and the maps around it."""
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


def measure() -> dict[str, Any]:
    """Everything that the pictures show, as JSON."""
    noisy, clean = (
        images[list(SHOWN)] for images in noisy_and_clean(COUNT, Generator().manual_seed(SEED))
    )
    target = clean.float() / 255
    kinds = {"noisy": noisy.float() / 255}
    for name, make in MODELS.items():
        model = make()
        model.load_pretrained_model()
        kinds[name], _ = denoise(model, noisy)
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
    model = Model()
    model.load_pretrained_model()
    network = model.network.cpu().eval()
    return {
        "size": clean.shape[-1],
        "weights": {
            "Miniproject 1": digest(FIRST_WEIGHTS),
            "Miniproject 2": digest(SECOND_WEIGHTS),
        },
        "smoothing": {name: smoothing._asdict() for name, smoothing in SMOOTHINGS.items()},
        "images": images,
        "masks": masks(network, kinds["noisy"][0], target[0]),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.submission.report_images", description=__doc__
    )
    parser.add_argument("--json", type=Path, default=FILE)
    options = parser.parse_args()
    result = measure()
    save_json(options.json, result)
    print([image["psnr_per_image_db"] for image in result["images"]])


if __name__ == "__main__":
    main()
