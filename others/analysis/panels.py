"""Images and maps side by side in one figure."""

import base64
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from Miniproject_1.noise2noise.files import write_atomically
from others.files.image_file import bytes_of
from others.files.kinds import Picture

WINDOW = 5  # pixels on each side of the chosen one in the close-up
Panel = tuple[str, Tensor]  # title; (3, H, W) in [0, 1] or a map (H, W)


def magnitude(gradient: Tensor) -> Tensor:
    """The mean of the channels' absolute values: (1, 3, H, W) to (H, W)."""
    return gradient.abs().mean(1).squeeze(0)


def grid(rows: int, columns: int) -> tuple[Any, Any]:
    """A figure for a file, without a window, and its axes [row][column], which have no ticks."""
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
    """Draw an image or a map, with a square around `pixel` (row, column) if there is one.

    A map goes from 0 in black to its largest value, or if it is signed from blue for the largest
    weight over white for 0 to red for the most negative.
    """
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


def coloured(values: Tensor, most: float, signed: bool = False) -> Tensor:
    """A map (H, W) in colours that colour-blind people tell apart: uint8 (3, H, W).

    From 0 in the dark end of viridis to `most` and above in its light end; if it is signed, from
    −`most` in red over 0 in white to `most` in blue.
    """
    from matplotlib import colormaps  # matplotlib is slow to import

    share = values / max(most, 1e-12)
    share = (share + 1) / 2 if signed else share
    colours = colormaps["RdBu" if signed else "viridis"](share.clamp(0, 1).numpy(), bytes=True)
    return torch.from_numpy(colours)[..., :3].permute(2, 0, 1)


def data_url(image: Tensor) -> str:
    """An image (3, H, W), uint8 or float in [0, 1] and clipped to that, as a PNG in a URL."""
    if image.is_floating_point():
        image = (255 * image.clamp(0, 1)).round()
    content = bytes_of(Path("image.png"), Picture(image.int(), None, 255))
    return "data:image/png;base64," + base64.b64encode(content).decode()


def add_scale(figure: Any, axis: Any, label: str) -> None:
    """Put a colour bar with a label beside the map that an axis shows."""
    bar = figure.colorbar(axis.images[-1], ax=axis, shrink=0.8)
    bar.set_label(label, fontsize=7)
    bar.ax.tick_params(labelsize=6)


def close_up(axis: Any, title: str, gradient: Tensor, pixel: Tensor) -> None:
    """Draw the weights (`analysis.influence`) near a pixel: what lighter neighbours do to it."""
    (top, left), at = (pixel - WINDOW).clamp_min(0).tolist(), pixel.clamp_max(WINDOW)
    weights = gradient.sum(1)[0] / 3
    near = weights[top : top + 2 * WINDOW + 1, left : left + 2 * WINDOW + 1]
    show(axis, (title, near), at, signed=True)


def save(figure: Any, path: Path, dpi: int = 150) -> None:
    """Write a figure as a PNG, whole or not at all; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=dpi))
