"""The assignment's figures: questions 3, 6, 8, 11, 12 and 22.

Images are (3, H, W) in [-1, 1] and are clipped to it where they are drawn. Every figure is a PNG,
made without a screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from others.analysis.panels import save
from others.networks.regressor import evaluating
from others.studies.assignment.initialisation import Response

Titled = tuple[Tensor, str]
INCHES = 2.6  # along a side of an image
DETAIL = 96  # pixels along a side of the details that are shown large


def psnr(image: Tensor, clean: Tensor) -> float:
    """10 log10(4 / MSE) of images in [-1, 1], in dB: question 9's, which clips nothing.

    The PSNRs of engine.metrics are of images in [0, 1], as files have them.
    """
    return float(10 * torch.log10(4 / (image - clean).square().mean()))


def denoise(net: nn.Module, noisy: Tensor) -> Tensor:
    """(3, H, W) in [-1, 1] to the same; the network is left in the mode that it was in."""
    with evaluating(net):
        return net(noisy[None].to(next(net.parameters()).device))[0].cpu()


def detail(image: Tensor, top: int, left: int) -> Tensor:
    """A square of DETAIL pixels a side of an image (3, H, W), as far as the image goes."""
    return image[:, top : top + DETAIL, left : left + DETAIL]


def show(axes: Axes, image: Tensor, title: str) -> None:
    """One image, its pixels not smoothed."""
    pixels = ((image.clamp(-1, 1) + 1) / 2).permute(1, 2, 0).contiguous()
    axes.imshow(pixels.numpy(), interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


def grid(path: Path, rows: Sequence[Sequence[Titled]]) -> None:
    """Images with their titles, in rows of equal length."""
    columns = len(rows[0])
    figure = Figure(figsize=(INCHES * columns, 1.1 * INCHES * len(rows)))
    places = figure.subplots(len(rows), columns, squeeze=False)
    for row, titled in enumerate(rows):
        for column, (image, title) in enumerate(titled):
            show(places[row, column], image, title)
    top = 1 - 0.08 / len(rows)  # room for the title of the first row
    figure.subplots_adjust(0.005, 0.005, 0.995, top, wspace=0.03, hspace=0.1)
    save(figure, path, dpi=100)


def sample(path: Path, noisy: Tensor, clean: Tensor) -> None:
    """Question 3: a test image beside its noisy version."""
    grid(path, [[(clean, "clean"), (noisy, f"noisy, {psnr(noisy, clean):.2f} dB")]])


def initial(path: Path, noisy: Tensor, answers: dict[int, Response]) -> None:
    """Questions 6 and 8: x, y and x − y of untrained networks, a row for each depth."""
    rows = [
        [
            (noisy, "x"),
            (answer.output[0], f"y, D = {depth}"),
            (noisy - answer.output[0], f"x − y, std {answer.added:.2g}"),
        ]
        for depth, answer in answers.items()
    ]
    grid(path, rows)


def training(
    path: Path, noisy: Tensor, clean: Tensor, denoised: Tensor, history: list[dict[str, Any]]
) -> None:
    """Question 11: an image and how it is denoised now; loss and PSNR of the epochs so far."""
    figure = Figure(figsize=(7, 6.4), layout="constrained")
    places = figure.subplots(2, 2)
    show(places[0, 0], noisy, f"noisy, {psnr(noisy, clean):.2f} dB")
    show(places[0, 1], denoised, f"denoised, {psnr(denoised, clean):.2f} dB")
    epochs = [entry["epoch"] for entry in history]
    for axes, name, label in zip(
        places[1], ("loss", "PSNR"), ("training loss", "training PSNR, dB")
    ):
        axes.plot(epochs, [entry["train"][name] for entry in history])
        axes.set(xlabel="epoch", ylabel=label)
    places[1, 0].set_yscale("log")
    save(figure, path, dpi=100)


class TrainingPlot:
    """The `plot` of an `Experiment.run`: writes `training` to `path` every `visu_rate` epochs."""

    def __init__(self, path: Path, noisy: Tensor, clean: Tensor, visu_rate: int = 2) -> None:
        self.path, self.noisy, self.clean, self.visu_rate = path, noisy, clean, visu_rate

    def __call__(self, experiment: Any) -> None:
        if experiment.epoch and experiment.epoch % self.visu_rate == 0:
            denoised = denoise(experiment.denoiser, self.noisy)
            training(self.path, self.noisy, self.clean, denoised, experiment.history)


def comparison(
    path: Path, nets: dict[str, nn.Module], pairs: Sequence[tuple[Tensor, Tensor]]
) -> None:
    """Questions 12 and 22: noisy, denoised by each network, clean; below each a detail of it."""
    rows = []
    for noisy, clean in pairs:
        images = {"noisy": noisy}
        for name, net in nets.items():
            images[name] = denoise(net, noisy)
        titled = [(image, f"{name}, {psnr(image, clean):.2f} dB") for name, image in images.items()]
        rows.append([*titled, (clean, "clean")])
        top, left = liveliest(clean)
        rows.append([(detail(image, top, left), "") for image, _ in rows[-1]])
    grid(path, rows)


def liveliest(clean: Tensor, size: int = DETAIL) -> tuple[int, int]:
    """Top and left of the square whose neighbouring pixels differ most: there is most to lose."""
    grey = clean.mean(0)
    changes = (grey[1:, 1:] - grey[:-1, 1:]).abs() + (grey[1:, 1:] - grey[1:, :-1]).abs()
    size = min(size, *changes.shape)
    sums = nn.functional.avg_pool2d(changes[None, None], size, stride=8)[0, 0]
    best = int(sums.argmax())
    return 8 * (best // sums.shape[1]), 8 * (best % sums.shape[1])
