"""The report's pictures: denoised images (figure 2) and smoothed gradients (figure 3).

    python -m others.tnet_study.figures [--data data] [--output DIR] [--n 50] [--sigma 0.15]

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

from Miniproject_1.noise2noise.files import write_atomically
from others.data import VALIDATION, load_pair
from others.influence import MARGIN
from others.interpret import loss_score, output_score, smooth_grad
from others.metrics import psnr_per_image
from others.nets import PRETRAINED, load_network

COUNT = 6  # images in figure 2
COPIES, SIGMAS = (1, 8, 50), (0.0, 0.05, 0.15, 0.4)  # of smoothing.png
WINDOW = 5  # pixels on each side of the chosen one in the close-up
Panel = tuple[str, Tensor]  # title; (3, H, W) in [0, 1] or a map (H, W)


def magnitude(gradient: Tensor) -> Tensor:
    """The mean of the channels' absolute values: (1, 3, H, W) to (H, W)."""
    return gradient.abs().mean(1).squeeze(0)


def sharpest_edge(clean: Tensor) -> Tensor:
    """Row and column, away from the border, where (3, H, W) changes most within two pixels."""
    grey = clean.mean(0)
    slope = torch.zeros_like(grey)
    slope[1:-1] += (grey[2:] - grey[:-2]).square()
    slope[:, 1:-1] += (grey[:, 2:] - grey[:, :-2]).square()
    inside = torch.zeros_like(slope)
    inside[MARGIN:-MARGIN, MARGIN:-MARGIN] = 1
    return torch.stack(torch.unravel_index((slope * inside).argmax(), grey.shape))


def grid(rows: int, columns: int) -> tuple[Any, Any]:
    """A figure that no window shows, and its axes [row][column] without ticks."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.1 * columns, 2.35 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    return figure, axes


def show(axis: Any, panel: Panel, pixel: Tensor | None = None, signed: bool = False) -> None:
    """Draw an image, or a map: from 0 in black, or if it is signed with 0 in white."""
    title, values = panel
    axis.set_title(title, fontsize=8)
    if values.dim() == 3:
        axis.imshow(values.permute(1, 2, 0).numpy())
    else:
        most = max(float(values.abs().max()), 1e-12)
        colours = {"cmap": "RdBu", "vmin": -most} if signed else {"cmap": "magma", "vmin": 0}
        axis.imshow(values.numpy(), vmax=most, **colours)
    if pixel is not None:
        row, column = pixel.tolist()
        axis.plot(column, row, "s", markersize=7, fillstyle="none", color="lime")


def close_up(axis: Any, title: str, gradient: Tensor, pixel: Tensor) -> None:
    """Draw the weights (others.influence) near a pixel: what lighter neighbours do to it."""
    (top, left), at = (pixel - WINDOW).clamp_min(0).tolist(), pixel.clamp_max(WINDOW)
    weights = gradient.sum(1)[0] / 3
    near = weights[top : top + 2 * WINDOW + 1, left : left + 2 * WINDOW + 1]
    show(axis, (title, near), at, signed=True)


def save(figure: Any, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=150))


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
        prog="python -m others.tnet_study.figures",
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
