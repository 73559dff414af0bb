"""The curves of live trainings, as the plain options that Apache ECharts takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from others.studies.live.training import Report

SIDES = {"a": ("#3d85c6", "solid"), "b": ("#e08a00", "dashed")}  # colour and line of each run
GREY = "#808080"  # of axes and their labels, readable on light and on dark ground


def empty_chart(title: str, scale: str) -> dict[str, Any]:
    """A chart over the steps, without curves; `scale` is "log" or "value"."""
    axis = {
        "axisLabel": {"color": GREY},
        "nameTextStyle": {"color": GREY},
        "nameGap": 24,
        "splitLine": {"lineStyle": {"color": GREY, "opacity": 0.3}},
    }
    return {
        "title": {"text": title, "left": 0, "textStyle": {"color": GREY, "fontSize": 14}},
        "legend": {"right": 0, "top": 0, "textStyle": {"color": GREY}},
        "grid": {"left": 48, "right": 12, "top": 40, "bottom": 44},
        "xAxis": {"type": "value", "name": "step", "nameLocation": "middle", **axis},
        "yAxis": {"type": scale, "scale": True, **axis},
        "tooltip": {"trigger": "axis"},
        "animation": False,
        "series": [],
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
