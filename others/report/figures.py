"""The figures of the reports: what each shows, from the JSON results.

A figure is two functions: `…_data` gives plain values, and one of `drawing.py` turns them
into a vector PDF with embedded fonts.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from Miniproject_1.noise2noise.files import write_atomically
from Miniproject_1.noise2noise.network import ResidualUNet
from others.report import drawing
from others.report.results import Results, curve_points, network_steps, read_ablations

Data = Any


def noise_data(results: Results) -> Data:
    """The histogram of the noise, and its size by the contrast around a pixel."""
    found = results.read("noise")
    return {name: found[name] for name in ("histogram", "by_contrast")}


def network_data(_: Results) -> Data:
    """Channels and blocks of Miniproject 1's network, from the code."""
    net = ResidualUNet()
    return {
        "widths": [int(stage[0].first.in_channels) for stage in net.encoder],  # type: ignore[index]
        "encoder": [len(stage) for stage in net.encoder],  # type: ignore[arg-type]
        "decoder": [len(stage) for stage in net.decoder],  # type: ignore[arg-type]
    }


def comparison_data(results: Results) -> Data:
    """Miniproject 1 and public submissions: PSNR, parameters, time; and the curve of training."""
    row = results.read("submission")["rows"]["Miniproject 1"]
    limits = results.read("limits/miniproject_1")
    return {
        "public": results.read("public")["miniproject_1"],
        "ours": {
            name: row[name]
            for name in ("parameters", "self_ensemble_psnr_per_image_db", "psnr_per_image_db")
        },
        "seconds": limits["times"]["seconds_1000_images"],
        "curve": [point._asdict() for point in curve_points(results, 1)],
    }


def pictures_data(results: Results) -> Data:
    """The generated images and the masks."""
    return results.read("pictures")


def rates_data(results: Results) -> Data:
    """PSNR of Miniproject 2 against the learning rate: a line for each batch and momentum."""
    settings = results.read("training/miniproject_2")["settings"]
    curves: dict[str, list[list[float]]] = {}
    for row in read_ablations(results, "miniproject_2").rows:
        if set(row.changes) - {"learning_rate", "batch_size", "momentum"}:
            continue
        one = {**settings, **row.changes}
        kind = f"momentum {one['momentum']:g}" if one["momentum"] else "plain"
        point = [one["learning_rate"], row.single.mean, row.single.std or 0.0]
        curves.setdefault(f"batch {one['batch_size']}, {kind}", []).append(point)
    return {"curves": {name: sorted(points) for name, points in curves.items() if len(points) > 1}}


def speed_data(results: Results) -> Data:
    """Time of a whole training step over torch's, by network and batch; and the curve."""
    return {
        "kinds": {
            kind: [[batch, row["ratio"], row["low"], row["high"]] for batch, row in rows.items()]
            for kind, rows in network_steps(results).items()
        },
        "curve": [point._asdict() for point in curve_points(results, 2)],
    }


def phases_data(_: Results) -> Data:
    """A 4x4 kernel with a stride of 2: the picture does not depend on measurements."""
    return {"kernel": 4, "stride": 2}


FIGURES: dict[str, tuple[Callable[[Results], Data], Callable[[Data], Figure]]] = {
    "noise": (noise_data, drawing.draw_noise),
    "network": (network_data, drawing.draw_network),
    "comparison": (comparison_data, drawing.draw_comparison),
    "pictures": (pictures_data, drawing.draw_pictures),
    "strip": (pictures_data, drawing.draw_strip),
    "rates": (rates_data, drawing.draw_rates),
    "speed": (speed_data, drawing.draw_speed),
    "phases": (phases_data, drawing.draw_phases),
}


def drawn(name: str, data: Data, kind: str, metadata: dict[str, Any]) -> bytes:
    """A figure as a file of matplotlib's kind "pdf" or "svg".

    matplotlib's settings belong to the whole process: one thread at a time may call this.
    """
    with rc_context(drawing.STYLE):
        content = BytesIO()
        FIGURES[name][1](data).savefig(content, format=kind, metadata=metadata)
    return content.getvalue()


def save(name: str, data: Data, folder: Path) -> Path:
    """Draw a figure into `folder`/NAME.pdf; the same data give the same bytes."""
    content = drawn(name, data, "pdf", {"CreationDate": None})
    path = folder / f"{name}.pdf"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(content))
    return path
