"""The report's pictures: denoised images (figure 2) and smoothed gradients (figure 3).

    python -m others.studies.tnet.figures [--data data] [--output DIR] [--n 50] [--sigma 0.15]

OUTPUT/figure_2.png has noisy, denoised and clean images. OUTPUT/figure_3.png has, for one image,
the gradients of the loss and of the output, over the whole image and at one pixel; the pixel is at
the image's sharpest edge unless --pixel gives its row and column. OUTPUT/smoothing.png shows what
n and sigma do to two of them. Networks are the pretrained TNet and, if it is there, UNet.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn

from others.analysis.influence import MARGIN
from others.analysis.panels import close_up, grid, magnitude, save, show
from others.analysis.smooth_grad import loss_score, output_score, smooth_grad
from others.data.course import VALIDATION, load_pair
from others.engine.metrics import psnr_per_image
from others.networks.pretrained import load_network
from others.records.paths import PRETRAINED

COUNT = 6  # images in figure 2
COPIES, SIGMAS = (1, 8, 50), (0.0, 0.05, 0.15, 0.4)  # of smoothing.png


def sharpest_edge(clean: Tensor) -> Tensor:
    """Row and column, away from the border, where (3, H, W) changes most within two pixels."""
    grey = clean.mean(0)
    slope = torch.zeros_like(grey)
    slope[1:-1] += (grey[2:] - grey[:-2]).square()
    slope[:, 1:-1] += (grey[:, 2:] - grey[:, :-2]).square()
    inside = torch.zeros_like(slope)
    inside[MARGIN:-MARGIN, MARGIN:-MARGIN] = 1
    return torch.stack(torch.unravel_index((slope * inside).argmax(), grey.shape))


def denoised_images(networks: dict[str, nn.Module], noisy: Tensor, clean: Tensor) -> Any:
    """Figure 2: a row for each image; the PSNR of each over it."""
    answers = {"noisy": noisy}
    with torch.no_grad():
        answers.update({name: net(noisy).clamp(0, 1) for name, net in networks.items()})
    figure, axes = grid(len(noisy), len(answers) + 1)
    for row in range(len(noisy)):
        true = clean[row : row + 1]
        for column, (name, images) in enumerate(answers.items()):
            one = images[row : row + 1]
            score = f"{name}, {psnr_per_image(one, true):.2f} dB"
            show(axes[row][column], (score, one[0]))
        show(axes[row][-1], ("clean", true[0]))
    return figure


def gradients(
    net: nn.Module, noisy: Tensor, clean: Tensor, pixel: Tensor, n: int, sigma: float
) -> Any:
    """Figure 3: one image (1, 3, H, W) and both scores' gradients, whole and at one pixel."""
    with torch.no_grad():
        answer = net(noisy).clamp(0, 1)
    scores = {
        "loss, whole image": loss_score(net, clean),
        "output, whole image": output_score(net),
        "loss at the pixel": loss_score(net, clean, pixel),
        "output at the pixel": output_score(net, pixel),
    }
    found = {
        name: smooth_grad(score, noisy, n, sigma, Generator().manual_seed(0))
        for name, score in scores.items()
    }
    figure, axes = grid(2, 4)
    names = ("noisy", "denoised", "clean")
    for axis, name, image in zip(axes[0], names, (noisy, answer, clean)):
        show(axis, (name, image[0]), pixel)
    for axis, (name, gradient) in zip(axes[1], found.items()):
        show(axis, (f"gradient of the {name}", magnitude(gradient)), pixel)
    close_up(axes[0][3], "weights around the pixel, signed", found["output at the pixel"], pixel)
    figure.suptitle(f"SmoothGrad, n = {n}, σ = {sigma:g} of the image's range", fontsize=9)
    return figure


def smoothing(net: nn.Module, noisy: Tensor, clean: Tensor, pixel: Tensor) -> Any:
    """What n and sigma do to the gradients of the loss and of one pixel: image (1, 3, H, W)."""
    figure, axes = grid(2 * len(COPIES), len(SIGMAS))
    for number, n in enumerate(COPIES):
        for column, sigma in enumerate(SIGMAS):
            loss, output = (
                smooth_grad(score, noisy, n, sigma, Generator().manual_seed(0))
                for score in (loss_score(net, clean), output_score(net, pixel))
            )
            setting = f"n = {n}, σ = {sigma:g}"
            show(axes[number][column], (f"loss, {setting}", magnitude(loss)), pixel)
            close_up(axes[len(COPIES) + number][column], f"weights, {setting}", output, pixel)
    return figure


def draw(networks: dict[str, nn.Module], images: tuple[Tensor, Tensor], asked: Any) -> None:
    """All pictures of noisy and clean images (N, 3, H, W) in [0, 1], into a folder."""
    noisy, clean = images
    if not 0 <= asked.image < len(noisy):
        raise ValueError(f"--image is {asked.image}; expected 0 to {len(noisy) - 1}")
    chosen = slice(asked.image, asked.image + 1)
    edge = sharpest_edge(clean[asked.image])
    pixel = edge if asked.pixel is None else torch.tensor(asked.pixel)
    net = networks["TNet"]
    pictures = {
        "figure_2": denoised_images(networks, noisy[:COUNT], clean[:COUNT]),
        "figure_3": gradients(net, noisy[chosen], clean[chosen], pixel, asked.n, asked.sigma),
        "smoothing": smoothing(net, noisy[chosen], clean[chosen], pixel),
    }
    for name, figure in pictures.items():
        save(figure, asked.output / f"{name}.png")
        print(asked.output / f"{name}.png")


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.tnet.figures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of val_data.pkl")
    parser.add_argument("--output", type=Path, default=Path("out/tnet_figures"))
    parser.add_argument("--weights", type=Path, default=PRETRAINED, help="tnet.pth, unet.pth")
    parser.add_argument("--image", type=int, default=0, help="number of that of figure 3 (0)")
    parser.add_argument("--pixel", type=int, nargs=2, metavar=("ROW", "COLUMN"))
    parser.add_argument("--n", type=int, default=50, help="noisy copies (50)")
    parser.add_argument("--sigma", type=float, default=0.15, help="share of the range (0.15)")
    return parser


def main() -> None:
    """Draw what is asked for."""
    parser = options()
    asked = parser.parse_args()
    try:
        networks = {"TNet": load_network("tnet", asked.weights / "tnet.pth")}
        if (asked.weights / "unet.pth").is_file():
            networks["UNet"] = load_network("unet", asked.weights / "unet.pth")
        noisy, clean = (part.float() / 255 for part in load_pair(asked.data / VALIDATION))
        draw(networks, (noisy, clean), asked)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
