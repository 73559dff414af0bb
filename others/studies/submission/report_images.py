"""Make the images that the reports show: generated ones, noisy, denoised, clean.

    python -m others.studies.submission.report_images [--json PATH]
    python -m others.studies.submission.report_images --losses DIR [--json PATH]
    python -m others.studies.submission.report_images --frameworks DIR [--json PATH] [--picture PNG]

The images are generated, as dead leaves (see `others.data.dead_leaves`): no training has seen them,
and no photograph has to be published. The JSON file has them as hexadecimal RGB, with their PSNR.

The second form trains the network of the ablations twice on the first pairs of DIR, with the L2
loss and with L1. DIR has the files that the ablations take. The results
(others/results/losses.json) are the PSNR after each epoch, and the same images as denoised by both.

The third form repeats figure 1 of the report that Miniproject 2 starts from: it trains the same
network with our framework, with torch.nn, and with transposed convolutions, at that report's
settings with batches of 4. What each makes of these images goes into the file
others/results/ablations/framework_pictures.json, and into a picture with a line for each image.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from others.data.course import TRAIN, load_first, load_pair
from others.data.generated import noisy_and_clean
from others.data.seeds import seeded
from others.engine import command
from others.engine.contact_sheet import save_picture
from others.engine.metrics import psnr_per_image
from others.networks import teacher
from others.networks.prescribed import PLAIN_LOSS
from others.networks.pretrained import load_denoiser
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.study import brief
from others.records.weights import digest
from others.studies.submission.ablations.miniproject_1 import ABLATION, train
from others.studies.submission.ablations.prescribed import train as train_prescribed
from others.studies.submission.ablations.sgd import FRAMEWORKS
from others.studies.submission.ablations.study import to_score_on
from others.studies.submission.models import MODELS, WEIGHTS, denoise, pretrained

COUNT, SEED = 24, 7  # images that are generated, and the seed of their generator
SHOWN = (2, 9, 14, 17)  # the numbers of the images that are kept
OTHERS = {"U-Net": "unet", "TNet": "tnet"}  # networks that are shown beside the miniprojects
LOSSES = {"L2": PLAIN_LOSS, "L1": {**PLAIN_LOSS, "loss": "l1"}}
FIGURE = {  # the columns of the source's figure 1, as rows of the study of both frameworks
    "ours, nearest": "published, batch 4: ours",
    "torch.nn, nearest": "published, batch 4: torch.nn",
    "ours, transposed": "published, batch 4, transposed: ours",
}
EPOCHS = 6  # of the trainings with LOSSES


def hexadecimal(image: Tensor) -> str:
    """An image (3, H, W) in [0, 1] as hexadecimal RGB bytes, row by row."""
    pixels = (image * 255).round().byte().permute(1, 2, 0)
    return bytes(pixels.flatten().tolist()).hex()


def shown() -> tuple[Tensor, Tensor]:
    """The noisy and the clean images that the reports show, uint8 (N, 3, 32, 32)."""
    noisy, clean = noisy_and_clean(COUNT, seeded(SEED))
    return noisy[list(SHOWN)], clean[list(SHOWN)]


def in_json(kinds: dict[str, Tensor], target: Tensor) -> list[dict[str, Any]]:
    """Images in [0, 1] of several kinds, each in hexadecimal, with the PSNR to the clean one."""
    found = []
    for index in range(len(target)):
        scores = {
            name: round(psnr_per_image(values[[index]], target[[index]]), 2)
            for name, values in kinds.items()
        }
        images = {name: hexadecimal(values[index]) for name, values in kinds.items()}
        found.append({**images, "psnr_per_image_db": scores})
    return found


def by_loss(folder: Path) -> dict[str, Any]:
    """PSNR after each epoch of a training with each of LOSSES, and the images that are shown."""
    pairs = load_first(folder / TRAIN, ABLATION.pairs)
    (noisy, clean), (tune_noisy, tune_clean) = shown(), load_pair(to_score_on(folder))
    curves: dict[str, list[float]] = {name: [] for name in LOSSES}
    kinds = {}
    for name, loss in LOSSES.items():

        def follow(network: torch.nn.Module, values: list[float] = curves[name]) -> None:
            answers = teacher.denoise(network, tune_noisy)
            values.append(round(psnr_per_image(answers, tune_clean.float() / 255), 3))

        trained = train({**ABLATION.base, **loss}, *pairs, EPOCHS, seed=0, followed=follow)
        with torch.no_grad():
            kinds[name] = trained(noisy.float() / 255, False).clamp(0, 1)
    return {
        "setting": {**ABLATION.base, "pairs": ABLATION.pairs, "epochs": EPOCHS, "seed": 0},
        "psnr_per_image_db": curves,
        "images": in_json(kinds, clean.float() / 255),
    }


def by_framework(folder: Path, picture: Path) -> dict[str, Any]:
    """The images that are shown as each row of FIGURE denoises them; `picture` shows them."""
    pairs = load_first(folder / TRAIN, FRAMEWORKS.pairs)
    noisy, clean = (part.float() / 255 for part in shown())
    kinds = {}
    for title, row in FIGURE.items():
        denoise_by = train_prescribed(FRAMEWORKS.changes(row), *pairs, FRAMEWORKS.epochs, seed=0)
        with torch.no_grad():
            kinds[title] = denoise_by(noisy, False).clamp(0, 1)
    save_picture(picture, {"noisy": noisy, **kinds, "clean": clean}, len(clean))
    return {
        "setting": {"pairs": FRAMEWORKS.pairs, "epochs": FRAMEWORKS.epochs, "rows": FIGURE},
        "images": in_json(kinds, clean),
    }


def make_images() -> dict[str, Any]:
    """Everything that the reports show of the shipped weights, as JSON."""
    noisy, clean = shown()
    target = clean.float() / 255
    kinds = {"noisy": noisy.float() / 255}
    for name in MODELS:
        kinds[name], _ = denoise(pretrained(name), noisy)
    for title, name in OTHERS.items():
        kinds[title] = load_denoiser(name)(noisy).float() / 255
    images = [
        {"clean": hexadecimal(one), **image} for one, image in zip(target, in_json(kinds, target))
    ]
    return {
        "size": clean.shape[-1],
        "weights": {name: digest(path) for name, path in WEIGHTS.items()},
        "images": images,
    }


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--json", type=command.output, help="file of the images (others/results)")
    other = result.add_mutually_exclusive_group()
    other.add_argument("--losses", type=Path, metavar="DIR", help="train with L2 and L1 instead")
    other.add_argument("--frameworks", type=Path, metavar="DIR", help="repeat the source's figure")
    picture = RESULTS / "ablations" / "frameworks.png"
    result.add_argument("--picture", type=command.output, default=picture, help="that figure")
    return result


def run(options: argparse.Namespace) -> None:
    """Make the images, save them, and print their PSNR."""
    if options.frameworks:
        name = "ablations/framework_pictures"
        result = by_framework(options.frameworks, options.picture)
    elif options.losses:
        name, result = "losses", by_loss(options.losses)
    else:
        name, result = "pictures", make_images()
    path = options.json or RESULTS / f"{name}.json"
    save_json(path, result)
    for number, image in zip(SHOWN, result["images"]):
        print(f"image {number}, PSNR in dB: {brief(image['psnr_per_image_db'])}")
    print(f"{path}: the images")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
