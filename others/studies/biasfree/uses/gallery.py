"""A picture of what a model does: an image, noisy and denoised at several noise levels, and errors.

    python -m others.studies.biasfree.uses.gallery [--model NAME] [--images FOLDER] [--count 4]
        [--sigma 5 20 40 80] [--output FOLDER]

As in the examples of the library "blind image denoising" (N. Markou), an image is the 256x256
pixels in the middle of a photograph, and its noise is that of the models' trainings (truncated,
clipped and rounded). A row for each noise level has the noisy and the denoised image and the error
of both, the mean over the channels of its absolute value, in grey levels. Images are generated
unless a folder is named. --output gets MODEL_0.png and so on.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from others.analysis.scoring import LEVELS, Denoise, answers_of, squares, with_noise
from others.engine import command
from others.networks.pretrained import load_denoiser

SIDE = 256  # pixels along a side of an image
SIGMAS = [5, 20, 40, 80]  # grey levels


def draw(denoise: Denoise, clean: Tensor, sigmas: Sequence[float], path: Path, model: str) -> None:
    """A figure of one image (1, 3, H, W) in [0, 1]; error maps of a row share their scale."""
    from others.analysis.panels import add_scale, grid, save, show  # matplotlib is slow to import

    figure, axes = grid(len(sigmas), 5)
    figure.suptitle(f"{model}: normal, noisy and denoised, and the errors of both")
    for line, sigma in zip(axes, sigmas):
        noisy = with_noise(clean, sigma)
        show(line[0], ("normal", clean[0]))
        maps = []
        for axis, name, image in (
            (line[1], f"noisy, σ = {sigma:g}", noisy),
            (line[2], "denoised", answers_of(denoise, noisy)),
        ):
            error = LEVELS * (image - clean)[0].abs().mean(0)
            maps.append(error)
            show(axis, (f"{name}: error {float(error.mean()):.2f}", image[0].clamp(0, 1)))
        most = max(float(error.max()) for error in maps)
        for axis, name, error in zip(line[3:], ("noisy", "denoised"), maps):
            show(axis, (f"error, {name}", error))
            axis.images[-1].set_clim(0, most)
            add_scale(figure, axis, "grey levels")
    save(figure, path)


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--model", default="biasfree_12", metavar="NAME", help="of others.denoise")
    result.add_argument("--images", type=Path, metavar="FOLDER", help="images, else generated")
    result.add_argument("--count", type=command.whole(1), default=4, help="images")
    result.add_argument(
        "--sigma",
        type=command.number(0),
        nargs="+",
        default=SIGMAS,
        help="of the noise, in grey levels",
    )
    result.add_argument(
        "--output", type=command.folder, default="out/gallery", metavar="FOLDER", help="for files"
    )
    return result


@torch.no_grad()
def run(options: argparse.Namespace) -> None:
    """Draw a figure for each image."""
    denoise = load_denoiser(options.model)
    images = squares(options.images, SIDE, options.count)
    for number, image in enumerate(images.split(1)):
        path = options.output / f"{options.model}_{number}.png"
        draw(denoise, image, options.sigma, path, options.model)
        print(path, flush=True)


main = command.main_of(parser, run)


if __name__ == "__main__":
    main()
