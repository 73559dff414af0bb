"""The figures of the reports: what each shows, from the JSON results.

A figure is two functions: `…_data` gives plain values, or None where nothing was measured, and one
of `drawing.py` turns them into a vector PDF with embedded fonts.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from statistics import mean
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from Miniproject_1.noise2noise.files import write_atomically
from Miniproject_1.noise2noise.network import ResidualUNet
from others.report import drawing
from others.report.measures import network_rows
from others.report.results import Results, curve_points, study_rows

Data = Any


def noise_data(results: Results) -> Data | None:
    """The histogram of the noise, and its size by the contrast around a pixel."""
    found = results.get("noise")
    if found is None:
        return None
    return {name: found[name] for name in ("histogram", "by_contrast")}


def network_data(_: Results) -> Data:
    """Channels and blocks of Miniproject 1's network, from the code."""
    net = ResidualUNet()
    return {
        "widths": [int(stage[0].first.in_channels) for stage in net.encoder],  # type: ignore[index]
        "encoder": [len(stage) for stage in net.encoder],  # type: ignore[arg-type]
        "decoder": [len(stage) for stage in net.decoder],  # type: ignore[arg-type]
    }


def curve(results: Results, number: int) -> list[dict[str, Any]] | None:
    """Points of a curve of training time, means over seeds; None for fewer than two."""
    found = results.get(f"curve/miniproject_{number}")
    by_epochs: dict[int, list[dict[str, Any]]] = {}
    for point in curve_points(found) if found else []:
        by_epochs.setdefault(point["epochs"], []).append(point)
    points = [
        {
            "epochs": epochs,
            "minutes": mean(one["cpu_seconds"] for one in same) / 60,
            "single": mean(one["psnr_per_image_db"] for one in same),
            "ensemble": mean(one["self_ensemble_psnr_per_image_db"] for one in same),
        }
        for epochs, same in sorted(by_epochs.items())
    ]
    return points if len(points) > 1 else None


def comparison_data(results: Results) -> Data:
    """Miniproject 1 and public submissions: PSNR, parameters, time; and the curve of training."""
    row = results.need("submission")["rows"]["Miniproject 1"]
    limits = results.get("limits/miniproject_1")
    return {
        "public": results.need("public")["first"],
        "ours": {
            name: row[name]
            for name in ("parameters", "self_ensemble_psnr_per_image_db", "psnr_per_image_db")
        },
        "seconds": limits and limits["times"]["seconds_1000_images"],
        "curve": curve(results, 1),
    }


def pictures_data(results: Results) -> Data | None:
    """The generated images and the masks."""
    return results.get("pictures")


def rates_data(results: Results) -> Data | None:
    """PSNR against the learning rate, for batches and momenta; first tries where no study is."""
    study = results.get("ablations/miniproject_2")
    curves: dict[str, list[list[float]]] = {}
    if study:
        settings = results.need("training/miniproject_2")["settings"]
        for row in study_rows(study).values():
            if set(row.changes) - {"learning_rate", "batch_size", "momentum"}:
                continue
            one = {**settings, **row.changes}
            kind = f"momentum {one['momentum']:g}" if one["momentum"] else "plain"
            point = [one["learning_rate"], row.single, row.spread]
            curves.setdefault(f"batch {one['batch_size']}, {kind}", []).append(point)
        curves = {label: sorted(points) for label, points in curves.items() if len(points) > 1}
    tried = results.get("exploration")
    if not curves and tried:
        points = [
            [row["learning_rate"], row["psnr_per_image_db"], 0.0] for row in tried["miniproject_2"]
        ]
        curves = {"momentum 0.9, first tries": sorted(points)}
    return {"curves": curves} if curves else None


def speed_data(results: Results) -> Data | None:
    """Time of a whole training step over torch's, by network and batch; with the curve if any."""
    found = results.get("bench/framework")
    if found is None:
        return None
    kinds = network_rows(found)
    return {
        "kinds": {
            kind: [[batch, row["ratio"], row["low"], row["high"]] for batch, row in rows.items()]
            for kind, rows in kinds.items()
        },
        "curve": curve(results, 2),
    }


def phases_data(_: Results) -> Data:
    """A 4x4 kernel with a stride of 2: the picture does not depend on measurements."""
    return {"kernel": 4, "stride": 2}


FIGURES: dict[str, tuple[Callable[[Results], Data | None], Callable[[Data], Figure]]] = {
    "noise": (noise_data, drawing.draw_noise),
    "network": (network_data, drawing.draw_network),
    "comparison": (comparison_data, drawing.draw_comparison),
    "pictures": (pictures_data, drawing.draw_pictures),
    "strip": (pictures_data, drawing.draw_strip),
    "rates": (rates_data, drawing.draw_rates),
    "speed": (speed_data, drawing.draw_speed),
    "phases": (phases_data, drawing.draw_phases),
}


def save(name: str, data: Data, folder: Path) -> Path:
    """Draw a figure into `folder`/NAME.pdf; the same data give the same bytes."""
    with rc_context(drawing.STYLE):
        figure = FIGURES[name][1](data)
        content = BytesIO()
        figure.savefig(content, format="pdf", metadata={"CreationDate": None})
    path = folder / f"{name}.pdf"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(content.getvalue()))
    return path
