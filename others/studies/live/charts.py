"""The curves of live trainings, as the plain options that Apache ECharts takes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from others.studies.live.training import Report

SIDES = {"a": ("#3d85c6", "solid"), "b": ("#e08a00", "dashed")}  # colour and line of each run
CHARTS = {  # of fields of a report: title, and scale of the axis
    "loss": ("loss: mean squared error", "log"),
    "psnr": ("PSNR per image, in dB", "value"),
}
GREY = "#808080"  # of axes and their labels, readable on light and on dark ground


def chart(what: str, runs: Mapping[str, Sequence[Report]]) -> dict[str, Any]:
    """A chart over the steps with a curve for each run, as `curves`."""
    title, scale = CHARTS[what]
    steps = max((reports[-1].steps for reports in runs.values() if reports), default=None)
    axis = {
        "axisLabel": {"color": GREY, "hideOverlap": True},
        "nameTextStyle": {"color": GREY},
        "nameGap": 24,
        "splitLine": {"lineStyle": {"color": GREY, "opacity": 0.3}},
    }
    return {
        "title": {"text": title, "left": 0, "textStyle": {"color": GREY, "fontSize": 14}},
        "legend": {"right": 0, "top": 0, "textStyle": {"color": GREY}},
        "grid": {"left": 48, "right": 12, "top": 40, "bottom": 44},
        "xAxis": {"type": "value", "name": "step", "nameLocation": "middle", "max": steps, **axis},
        "yAxis": {"type": scale, "scale": True, **axis},
        "tooltip": {"trigger": "axis"},
        "animation": False,
        "series": curves(runs, what),
    }


def curves(runs: Mapping[str, Sequence[Report]], what: str) -> list[dict[str, Any]]:
    """A curve for each run, named as in SIDES, of the field `what` of its reports.

    Beside the PSNR of the runs stands that of the noisy images.
    """
    lines = {
        name: [[one.step, getattr(one, what)] for one in reports] for name, reports in runs.items()
    }
    ends = [reports[-1] for reports in runs.values() if reports]
    if what == "psnr" and ends:
        steps = max(one.steps for one in ends)
        lines["noisy"] = [[step, ends[0].noisy_psnr] for step in (0, steps)]
    return [_curve(name, points) for name, points in lines.items()]


def strips(runs: Mapping[str, Sequence[Report]]) -> dict[str, Tensor]:
    """The newest images (3, 32, 32 SHOWN) of each run, side by side, and "noisy" and "clean"."""
    found = {}
    for name, reports in runs.items():
        if reports:
            found["noisy"], found[name], found["clean"] = reports[-1].images
    return {name: torch.cat(list(images), 2) for name, images in found.items()}


def _curve(name: str, points: Sequence[Sequence[float]]) -> dict[str, Any]:
    colour, line = SIDES.get(name, (GREY, "dotted"))
    return {
        "name": f"run {name.upper()}" if name in SIDES else name,
        "type": "line",
        "data": [point for point in points if math.isfinite(point[1])],
        "showSymbol": False,
        "lineStyle": {"color": colour, "type": line, "width": 2.5},
        "itemStyle": {"color": colour},
    }
