"""Draw the figures of the report on TNet: denoised images and smoothed gradients.

    python -m others.studies.tnet.figures [--data data] [--output DIR] [--n 50] [--sigma 0.15]

OUTPUT/figure_1.png is a diagram of TNet, drawn from the network: a box for each convolution, with
its channels and the size of its maps. OUTPUT/figure_2.png has noisy, denoised and clean images.
OUTPUT/figure_3.png has, for one image, the gradients of the loss and of the output, over the whole
image and at one pixel. The pixel is at the sharpest edge of the image, unless --pixel gives its row
and column. OUTPUT/smoothing.png shows how two of these gradients depend on n and sigma. The
networks are the pretrained TNet and, if its weights are there, UNet.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from others.analysis.influence.weights import MARGIN
from others.analysis.panels import add_scale, close_up, grid, magnitude, save, show
from others.analysis.smooth_grad import loss_score, output_score, smooth_grad
from others.data.course import VALIDATION, load_pair
from others.data.seeds import seeded
from others.engine import command
from others.engine.metrics import psnr_per_image
from others.networks.pretrained import load_network
from others.networks.tnet import POOLS, TNet
from others.records.paths import PRETRAINED

COUNT = 6  # images in figure 2
SIDE = 32  # pixels along a side of the image that figure 1 is about
COPIES, SIGMAS = (1, 8, 50), (0.0, 0.05, 0.15, 0.4)  # the values of n and sigma in smoothing.png


def sharpest_edge(clean: Tensor) -> Tensor:
    """Row and column of the pixel of (3, H, W), away from the border, with the steepest slope.

    The slope at a pixel compares its neighbours above and below, and those left and right.
    """
    grey = clean.mean(0)
    slope = torch.zeros_like(grey)
    slope[1:-1] += (grey[2:] - grey[:-2]).square()
    slope[:, 1:-1] += (grey[:, 2:] - grey[:, :-2]).square()
    inside = torch.zeros_like(slope)
    inside[MARGIN:-MARGIN, MARGIN:-MARGIN] = 1
    return torch.stack(torch.unravel_index((slope * inside).argmax(), grey.shape))


def denoised_images(networks: dict[str, nn.Module], noisy: Tensor, clean: Tensor) -> Any:
    """Figure 2: a row for each image of (N, 3, H, W), and above each panel its PSNR."""
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
    """Figure 3: one image (1, 3, H, W), and the gradients of the loss and of the output."""
    with torch.no_grad():
        answer = net(noisy).clamp(0, 1)
    scores = {
        "loss, whole image": loss_score(net, clean),
        "output, whole image": output_score(net),
        "loss at the pixel": loss_score(net, clean, pixel),
        "output at the pixel": output_score(net, pixel),
    }
    found = {name: smooth_grad(score, noisy, n, sigma, seeded(0)) for name, score in scores.items()}
    figure, axes = grid(2, 4)
    names = ("noisy", "denoised", "clean")
    for axis, name, image in zip(axes[0], names, (noisy, answer, clean)):
        show(axis, (name, image[0]), pixel)
    for axis, (name, gradient) in zip(axes[1], found.items()):
        show(axis, (name, magnitude(gradient)), pixel)
        add_scale(figure, axis, "mean |gradient|")
    close_up(axes[0][3], "weights around the pixel", found["output at the pixel"], pixel)
    add_scale(figure, axes[0][3], "weight")
    figure.suptitle(
        f"SmoothGrad, n = {n}, σ = {sigma:g} of the image's range; each map has its own scale\n"
        "below: gradients, bright means large; "
        "above: blue, where a lighter pixel lightens the answer",
        fontsize=8,
    )
    return figure


def diagram(net: TNet) -> Any:
    """Figure 1: the convolutions of TNet from left to right, the smaller their maps the lower.

    What is drawn is what a forward pass on an image of SIDE x SIDE pixels meets.
    """
    met: list[tuple[str, int]] = []  # channels and side of the maps of each convolution

    def note(conv: Any, _: Any, output: Tensor) -> None:
        met.append((f"{conv.in_channels}→{conv.out_channels}", output.shape[-1]))

    hooks = [m.register_forward_hook(note) for m in net.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        net(torch.zeros(1, 3, SIDE, SIDE))
    for hook in hooks:
        hook.remove()
    down = len(net.down)
    latent = met[down - 1][1] // POOLS[-1]
    image = ("image", SIDE)
    boxes = [image, *met[:down], ("latent", latent), *met[down:]]
    figure, ((axis,),) = grid(1, 1)
    figure.set_size_inches(9, 3.2)
    axis.set_axis_off()
    places = [(float(x), math.log2(side)) for x, (_, side) in enumerate(boxes)]
    for (text, side), place in zip(boxes, places):
        box = {"boxstyle": "square,pad=0.5", "facecolor": "0.92"}
        axis.text(*place, f"{text}\n{side}×{side}", ha="center", va="center", fontsize=8, bbox=box)
    for one, other, before, after in zip(places, places[1:], boxes, boxes[1:]):
        _arrow(axis, one, other, _change(before[1], after[1]), "0")
    for skip in range(down + 1):  # the image to the last convolution, then stage after stage
        one, other = places[skip], places[-1 - skip]
        _arrow(axis, one, other, "put beside it", "0.4", bend=-0.15)
    axis.set(xlim=(-0.7, len(boxes) - 0.3), ylim=(-0.8, math.log2(SIDE) + 2))
    return figure


def _change(before: int, after: int) -> str:
    """What lies between two maps of these sides."""
    if before == after:
        return ""
    return f"pool {before // after}" if before > after else f"repeat {after // before}"


def _arrow(axis: Any, one: Any, other: Any, text: str, grey: str, bend: float = 0.0) -> None:
    """An arrow between two places, with a text at its middle; a bent one runs above."""
    style = {"arrowstyle": "-|>", "color": grey, "shrinkA": 20, "shrinkB": 20}
    style["connectionstyle"] = f"arc3,rad={bend}"
    axis.annotate("", other, one, arrowprops=style)
    (x, y), (u, v) = one, other
    height = 0.2 * (u - x) if bend else -0.3  # about the height of a bent arrow on these axes
    side = 0.0 if bend else 0.35 if v > y else -0.35  # a straight arrow has room at its outer side
    place = (x + u) / 2 + side, (y + v) / 2 + height
    axis.text(*place, text, fontsize=7, color=grey, ha="center")


def smoothing(net: nn.Module, noisy: Tensor, clean: Tensor, pixel: Tensor) -> Any:
    """Gradients of the loss and of one output pixel of (1, 3, H, W), for each n and each sigma."""
    figure, axes = grid(2 * len(COPIES), len(SIGMAS))
    for number, n in enumerate(COPIES):
        for column, sigma in enumerate(SIGMAS):
            loss, output = (
                smooth_grad(score, noisy, n, sigma, seeded(0))
                for score in (loss_score(net, clean), output_score(net, pixel))
            )
            setting = f"n = {n}, σ = {sigma:g}"
            show(axes[number][column], (f"loss, {setting}", magnitude(loss)), pixel)
            close_up(axes[len(COPIES) + number][column], f"weights, {setting}", output, pixel)
    return figure


def draw(
    networks: dict[str, nn.Module], noisy: Tensor, clean: Tensor, options: argparse.Namespace
) -> dict[str, Any]:
    """The figures by their names, of noisy and clean images (N, 3, H, W) in [0, 1].

    Raises:
        UsageError: the options name an image that there is not.
        ValueError: they name a pixel outside the image.
    """
    if options.image >= len(noisy):
        raise command.UsageError(f"--image is {options.image}; expected 0 to {len(noisy) - 1}")
    chosen = slice(options.image, options.image + 1)
    edge = sharpest_edge(clean[options.image])
    pixel = edge if options.pixel is None else torch.tensor(options.pixel)
    net, n, sigma = networks["TNet"], options.n, options.sigma
    return {
        "figure_1": diagram(TNet()),
        "figure_2": denoised_images(networks, noisy[:COUNT], clean[:COUNT]),
        "figure_3": gradients(net, noisy[chosen], clean[chosen], pixel, n, sigma),
        "smoothing": smoothing(net, noisy[chosen], clean[chosen], pixel),
    }


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    command.add_data(result)
    output, number = "out/tnet_figures", command.whole(0)
    result.add_argument("--output", type=command.folder, default=output, help="for the figures")
    result.add_argument("--weights", type=Path, default=PRETRAINED, help="folder of tnet.pth")
    result.add_argument("--image", type=number, default=0, help="number of figure 3's image")
    result.add_argument(
        "--pixel", type=number, nargs=2, metavar=("ROW", "COLUMN"), help="(at the sharpest edge)"
    )
    result.add_argument("--n", type=command.whole(1), default=50, help="noisy copies in figure 3")
    result.add_argument(
        "--sigma", type=command.number(0), default=0.15, help="their noise, 1 is black to white"
    )
    return result


def run(options: argparse.Namespace) -> None:
    """Draw the figures and save them."""
    networks = {"TNet": load_network("tnet", options.weights / "tnet.pth")}
    if (options.weights / "unet.pth").is_file():
        networks["UNet"] = load_network("unet", options.weights / "unet.pth")
    noisy, clean = (part.float() / 255 for part in load_pair(options.data / VALIDATION))
    for name, figure in draw(networks, noisy, clean, options).items():
        path = options.output / f"{name}.png"
        save(figure, path)
        print(path)


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
