"""How the figures of the reports are drawn: in greys, without a window, from plain values."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import FancyBboxPatch, Rectangle

MOST_RATIO = 2.5  # of the axis of speed: the range of a disturbed measurement may leave it
COLUMN, PAGE = 3.42, 7.08  # inches: of a column and of both
STYLE: dict[Any, Any] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "lines.markersize": 4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,  # TrueType, embedded
}
Data = Any
MARKS = ("o", "s", "^", "D", "v", "P")
GREYS = ("0.0", "0.35", "0.6")
SHADES = ("1.0", "0.85", "0.7", "0.55")


def panels(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure that no window shows, with `count` axes beside each other."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasPdf(figure)
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def draw_noise(data: Data) -> Figure:
    """The noise's density beside a normal one's; its standard deviation against contrast."""
    figure, (left, right) = panels(2, COLUMN, 1.3)
    bins = data["histogram"]
    middles = [
        bins["start"] + bins["step"] * (index + 0.5) for index in range(len(bins["density"]))
    ]
    normal = [math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) for x in middles]
    left.semilogy(middles, bins["density"], color="0", label="noise")
    left.semilogy(middles, normal, color="0.5", linestyle="--", label="normal")
    left.set(xlabel="noise / its std", ylabel="density", ylim=(1e-5, 3), xlim=(-7, 7))
    left.legend(loc="upper right", handlelength=1.2, borderaxespad=0)
    groups = data["by_contrast"]
    right.plot([g["contrast"] for g in groups], [g["std"] for g in groups], "o-", color="0")
    right.set(xlabel="contrast to neighbours", ylabel="std of the noise", xlim=0, ylim=0)
    return figure


class _Diagram:
    """Boxes, arrows and notes on axes without a frame."""

    half, tall = 0.42, 0.27  # of a box: half of its sides

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        axes.set_axis_off()

    def box(self, x: float, y: float, text: str, shade: str) -> None:
        """A box around a text, in the middle at (x, y)."""
        style = {"boxstyle": "square,pad=0", "facecolor": shade, "edgecolor": "0", "lw": 0.6}
        corner, sides = (x - self.half, y - self.tall), (2 * self.half, 2 * self.tall)
        self.axes.add_patch(FancyBboxPatch(corner, *sides, **style))
        self.axes.text(x, y, text, ha="center", va="center", fontsize=6.5)

    def link(self, *corners: tuple[float, float]) -> None:
        """An arrow along corners."""
        for start, stop in zip(corners[:-2], corners[1:-1]):
            self.axes.plot(*zip(start, stop), color="0", linewidth=0.7)
        arrow = {"arrowstyle": "-|>", "color": "0", "lw": 0.7, "shrinkA": 0, "shrinkB": 0}
        self.axes.annotate("", corners[-1], corners[-2], arrowprops={**arrow, "mutation_scale": 6})

    def note(self, x: float, y: float, text: str) -> None:
        """A small text above a place."""
        self.axes.text(x, y, text, fontsize=6, ha="center", va="bottom")


def draw_network(data: Data) -> Figure:
    """Boxes from left to right, the coarser the lower; sums where arrows meet."""
    widths, scales = data["widths"], len(data["widths"])
    figure, (axes,) = panels(1, COLUMN, 0.7 + 0.5 * (scales - 1))
    plan, end = _Diagram(axes), 2.0 * scales + 1  # where the last box is
    half, tall = plan.half, plan.tall
    plan.box(0, 0, f"conv\n3→{widths[0]}", "1")
    plan.box(end, 0, f"conv\n{widths[0]}→3", "1")
    plan.link((half, 0), (1.25 - half, 0))
    plan.link((end - 1.25 + half, 0), (end - half, 0))
    for scale, (width, count) in enumerate(zip(widths, data["encoder"])):
        x, before = (1.25 + 1.2 * (scale - lag) for lag in (0, 1))
        x = x if scale < scales - 1 else end / 2
        plan.box(x, -scale, f"{count} blocks\n{width} ch.", "0.9")
        if scale:
            plan.link((before, 1 - scale - tall), (before, -scale), (x - half, -scale))
            plan.note((before + x - half) / 2, 0.04 - scale, "down")
    for scale, count in enumerate(data["decoder"]):
        x, left = end - 1.25 - 1.2 * scale, 1.25 + 1.2 * scale
        below = end / 2 if scale == scales - 2 else x - 1.2
        plan.box(x, -scale, f"{count} blocks\n{widths[scale]} ch.", "0.9")
        plan.link((left + half, -scale), (x - half, -scale))
        plan.note((left + x) / 2, 0.04 - scale, "added")
        plan.link((below + half, -scale - 1), (x, -scale - 1), (x, -scale - tall))
        plan.note((below + half + x) / 2, 0.04 - scale - 1, "up")
    plan.link((0, tall), (0, 0.55), (end, 0.55), (end, tall))
    plan.note(end / 2, 0.58, "noisy image, added to the answer")
    axes.set(xlim=(-0.5, end + 0.5), ylim=(-scales + 1 - tall - 0.05, 0.8))
    return figure


def draw_comparison(data: Data) -> Figure:
    """PSNR against parameters, against the time for 1,000 images, and against training time."""
    figure, (by_size, by_time, by_training, by_epoch) = panels(4, PAGE, 1.38)
    ours, public = data["ours"], data["public"]
    for axis, name in ((by_size, "parameters"), (by_time, "seconds")):
        known = [row for row in public if name in row]
        scale = 1000 if name == "parameters" else 1
        x, y = [row[name] / scale for row in known], [row["psnr_per_image_db"] for row in known]
        axis.semilogx(x, y, "o", color="0.55", label="public")
        for row in known:
            if row.get("seconds_at_least") and name == "seconds":
                axis.annotate(
                    "",
                    (row[name] * 1.9, row["psnr_per_image_db"]),
                    (row[name], row["psnr_per_image_db"]),
                )
                axis.plot(row[name] * 1.5, row["psnr_per_image_db"], ">", color="0.55")
    size, best = ours["parameters"] / 1000, ours["self_ensemble_psnr_per_image_db"]
    hollow = {"color": "0", "markerfacecolor": "1"}
    by_size.semilogx(size, ours["psnr_per_image_db"], "D", color="0", label="ours")
    by_size.semilogx(size, best, "D", label="ours, ensemble", **hollow)
    by_time.semilogx(data["seconds"], best, "D", **hollow)
    by_size.set(xlabel="thousand parameters", ylabel="PSNR per image, dB")
    by_time.set(xlabel="seconds for 1,000 images")
    small = {"handletextpad": 0.1, "borderaxespad": 0, "labelspacing": 0.1, "fontsize": 6.5}
    by_time.legend(*by_size.get_legend_handles_labels(), loc="upper left", **small)
    plain_ticks(by_size)
    plain_ticks(by_time)
    draw_curve(by_training, data["curve"])
    draw_losses(by_epoch, data["losses"])
    return figure


def draw_losses(axis: Axes, curves: dict[str, list[float]]) -> None:
    """PSNR after each epoch of a training, a line for each loss."""
    for (name, values), mark, grey in zip(curves.items(), MARKS, GREYS):
        axis.plot(range(1, len(values) + 1), values, f"{mark}-", color=grey, label=name)
    axis.set(xlabel="epoch of one training")
    axis.legend(loc="lower right", borderaxespad=0)


def plain_ticks(axis: Axes) -> None:
    """A logarithmic x axis with ticks as one would write them: 1, 3, 10."""
    low, high = axis.get_xlim()
    digits = (1, 2, 5) if high < 30 * low else (1, 3)
    steps = [10.0**power * digit for power in range(-4, 7) for digit in digits]
    ticks = [tick for tick in steps if low <= tick <= high]
    axis.set_xticks(ticks, [f"{tick:,.10g}" for tick in ticks])
    axis.set_xticks([], minor=True)


def draw_curve(axis: Axes, curves: dict[str, list[list[float]]]) -> None:
    """PSNR against the processor time of a whole training, each point one training.

    Args:
        curves: minutes, dB and epochs of each point, by the label of the line; the last line, which
            is the lowest, gets the numbers of epochs.
    """
    for (label, points), face in zip(curves.items(), ("1", "0")):
        minutes, values, epochs = zip(*points)
        axis.semilogx(minutes, values, "D-", color="0", markerfacecolor=face, label=label)
    for x, low, number in zip(minutes, values, epochs):
        axis.annotate(f"{number:g}", (x, low), (4, -8), textcoords="offset points", ha="left")
    axis.margins(x=0.15, y=0.3)
    axis.set(xlabel="training, minutes (epochs)")
    plain_ticks(axis)
    axis.legend(loc="best", borderaxespad=0)


def pixels(text: str, size: int) -> np.ndarray[Any, Any]:
    """Hexadecimal RGB as an array (size, size, 3)."""
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(size, size, 3)


def draw_pictures(data: Data) -> Figure:
    """A line for each image: noisy, as each approach denoises it, clean; PSNR above."""
    figure = Figure(figsize=(PAGE, 1.08 * len(data["images"])), layout="constrained")
    FigureCanvasPdf(figure)
    for _, axis, title, score in draw_grid(figure, data):
        axis.set_title(f"{title} {score}".rstrip(), fontsize=7)
    return figure


def draw_strip(data: Data) -> Figure:
    """Generated images as wide as a column: the names above all images, the PSNR below each."""
    figure = Figure(figsize=(COLUMN, 1.7), layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.01))
    FigureCanvasPdf(figure)
    for row, axis, title, score in draw_grid(figure, data):
        axis.set_title("" if row else title, fontsize=6.5)
        axis.text(0.5, -0.05, score, transform=axis.transAxes, va="top", ha="center", size=6.5)
    return figure


def draw_grid(figure: Figure, data: Data) -> Iterator[tuple[int, Axes, str, str]]:
    """Draw a line for each image with a panel for each kind of it.

    Yields:
        Of each panel its line, its axes, the kind's title, and the PSNR in dB or an empty text.
    """
    images, kinds = data["images"], data["kinds"]
    grid = figure.subplots(len(images), len(kinds), squeeze=False)
    for row, (line, image) in enumerate(zip(grid, images)):
        for axis, (kind, title) in zip(line, kinds.items()):
            axis.set_axis_off()
            axis.imshow(pixels(image[kind], data["size"]), interpolation="nearest")
            score = image["psnr_per_image_db"].get(kind)
            yield row, axis, title, "" if score is None else f"{score:.1f}"


def draw_rates(data: Data) -> Figure:
    """A line for each batch and momentum."""
    figure, (axis,) = panels(1, COLUMN, 1.55)
    for (label, points), mark, grey in zip(data["curves"].items(), MARKS, GREYS * 2):
        rates, values, spreads = zip(*points)
        line = axis.errorbar(rates, values, spreads, marker=mark, color=grey, capsize=1.5)
        line.set_label(label)
        line[0].set_linestyle(":" if "plain" in label else "-")
    axis.set(xscale="log", xlabel="learning rate (peak)", ylabel="PSNR per image, dB")
    plain_ticks(axis)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def draw_speed(data: Data) -> Figure:
    """Groups of points with their 10-90 % ranges; 1 is torch's own time."""
    figure, (axis, by_training) = panels(2, COLUMN, 1.5)
    axis.axhline(1, color="0.6", linestyle="--", linewidth=0.7)
    batches = [point[0] for point in next(iter(data["kinds"].values()))]
    for index, ((kind, points), mark) in enumerate(zip(data["kinds"].items(), MARKS)):
        x = [place + 0.09 * (index - 1.5) for place in range(len(points))]
        ratio = [point[1] for point in points]
        spread = [[r - p[2] for r, p in zip(ratio, points)], [p[3] - p[1] for p in points]]
        axis.errorbar(x, ratio, spread, fmt=mark, color=GREYS[index % 3], label=kind, capsize=1.5)
    axis.set_xticks(range(len(batches)), [str(batch) for batch in batches])
    axis.set(xlabel="batch", ylabel="time / torch.nn's", ylim=(0, MOST_RATIO))
    figure.legend(loc="outside upper center", handletextpad=0.1, columnspacing=1, ncols=4)
    draw_curve(by_training, data["curve"])
    return figure


def draw_phases(data: Data) -> Figure:
    """Which weights meet in an output pixel: taps of one shade belong to one phase."""
    kernel, stride = data["kernel"], data["stride"]
    small = kernel // stride
    figure, (axes,) = panels(1, COLUMN, 1.0)

    def cell(x: float, y: float, phase: int, text: str) -> None:
        style = {"facecolor": SHADES[phase], "edgecolor": "0", "linewidth": 0.6}
        axes.add_patch(Rectangle((x, -y), 1, -1, **style))
        axes.text(x + 0.5, -y - 0.52, text, ha="center", va="center", fontsize=6.5)

    for row, column in product(range(kernel), range(kernel)):
        phase = stride * (row % stride) + column % stride
        cell(column, row, phase, f"{row}{column}")
        place = kernel + 2.5 + phase * (small + 0.6) + column // stride
        cell(place, row // stride + (kernel - small) / 2, phase, f"{row}{column}")
    axes.annotate(
        "",
        (kernel + 2.1, -kernel / 2),
        (kernel + 0.4, -kernel / 2),
        arrowprops={"arrowstyle": "-|>", "color": "0", "lw": 0.8},
    )
    axes.set_axis_off()
    axes.set(xlim=(-0.1, 2 * kernel + 8.6), ylim=(-kernel - 0.1, 0.1), aspect="equal")
    return figure
