"""The figures of the reports: what each shows, from the JSON results.

A figure is two functions: `…_data` gives plain values, and one of `drawing.py` turns them
into a vector PDF with embedded fonts. FIGURE_SOURCES says where each comes from, by the commands of
others/README.md; tables.py has its own.
"""

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.figure import Figure

from Miniproject_1.noise2noise.network import ResidualUNet
from others.records.formats import enumeration
from others.records.json_files import save_file
from others.records.paths import RESULTS
from others.records.weights import digest
from others.report import drawing
from others.report.results import Results, curve_points, network_steps, read_ablations
from others.studies.submission.models import WEIGHTS


class Source(NamedTuple):
    """Where a figure or a table comes from."""

    report: int  # 1 or 2
    title: str
    commands: tuple[str, ...]  # none where what is shown follows from the code alone


NOISE = "python -m others.analysis.measure_noise_law --data DIR"
EVALUATE = "python -m others.evaluate --data DIR"
IMAGES = "python -m others.studies.submission.report_images"
BENCH = "python -m others.studies.bench.framework"
CURVE = "python -m others.studies.submission.curve {} --epochs 0.25 0.5 1 2 --data DIR"
EXACTNESS = "python -m others.studies.bench.exactness"
TNET = "python -m others.studies.tnet --data DIR --pairs 16000"
UNSEEN = "python -m others.studies.submission.unseen --photographs FOLDER"
LIMITS = "python -m others.studies.submission.course_limits 1 --data DIR"
ABLATE = "python -m others.studies.submission.ablate {} --data DIR"

FIGURE_SOURCES: dict[str, Source] = {
    "noise": Source(
        1, "The noise: its density beside a normal one's, and its size by contrast", (NOISE,)
    ),
    "network": Source(1, "The residual U-Net of Miniproject 1", ()),
    "pictures": Source(
        1,
        "Generated images by approach: noisy, five answers, clean",
        (IMAGES, f"{IMAGES} --losses DIR"),
    ),
    "comparison": Source(
        1,
        "PSNR per image against parameters, time and training",
        (EVALUATE, LIMITS, CURVE.format(1), f"{IMAGES} --losses DIR"),
    ),
    "phases": Source(2, "The four phases of a 4×4 kernel with stride 2", ()),
    "speed": Source(
        2,
        "Training steps over torch.nn's time; PSNR against training time, by Muon and by SGD",
        (BENCH, CURVE.format(2), CURVE.format("2 --sgd")),
    ),
    "rates": Source(
        2,
        "PSNR per image against the learning rate: the climb and the cliff",
        (ABLATE.format("miniproject_2_sgd"),),
    ),
    "strip": Source(
        2,
        "Generated images by approach: noisy, a published training, Miniproject 2, clean",
        (IMAGES, f"{IMAGES} --frameworks DIR"),
    ),
}

Data = Any
# What the reports show of an image, with the titles of the panels.
APPROACHES_ONE = {name: name for name in ("noisy", "L1", "L2", "TNet", "U-Net")}
APPROACHES_ONE |= {"Miniproject 1": "ours", "clean": "clean"}
APPROACHES_TWO = {
    "noisy": "noisy",
    "ours, nearest": "published,\nour passes",
    "torch.nn, nearest": "published,\ntorch.nn",
    "ours, transposed": "published,\ntransposed",
    "Miniproject 2": "shipped",
    "clean": "clean",
}
LARGE = (0, 3)  # the images that are shown by approach


def noise_data(results: Results) -> Data:
    """The histogram of the noise, and its size by the contrast around a pixel."""
    found = results.read("noise_training")
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
    points = curve_points(results, "miniproject_1")
    return {
        "public": results.read("public")["miniproject_1"],
        "ours": {
            name: row[name]
            for name in ("parameters", "self_ensemble_psnr_per_image_db", "psnr_per_image_db")
        },
        "seconds": limits["times"]["seconds_1000_images"],
        "curve": {
            "self-ensemble": [[point.minutes, point.ensemble, point.epochs] for point in points],
            "single": [[point.minutes, point.single, point.epochs] for point in points],
        },
        "losses": results.read("losses")["psnr_per_image_db"],
    }


def shipped_pictures(results: Results) -> Data:
    """The generated images, as the shipped models and other networks denoise them.

    Raises:
        ValueError: the shipped weights are other ones now.
    """
    found = results.read("pictures")
    stale = [name for name, path in WEIGHTS.items() if digest(path) != found["weights"][name]]
    if stale and results.folder == RESULTS:
        raise ValueError(
            f"pictures.json shows other weights of {enumeration(stale)} than those shipped: "
            "run `python -m others.studies.submission.report_images`"
        )
    return found


def approaches(results: Results, other: str, kinds: dict[str, str]) -> Data:
    """Two of the generated images as each approach denoises them, those of the file `other` too."""
    found = shipped_pictures(results)
    images = []
    for image, beside in zip(found["images"], results.read(other)["images"]):
        scores = {**image["psnr_per_image_db"], **beside["psnr_per_image_db"]}
        images.append({**image, **beside, "psnr_per_image_db": scores})
    return {"size": found["size"], "kinds": kinds, "images": [images[n] for n in LARGE]}


def pictures_data(results: Results) -> Data:
    """Two images by approach: two losses, other networks, Miniproject 1."""
    return approaches(results, "losses", APPROACHES_ONE)


def strip_data(results: Results) -> Data:
    """Two images by approach: a published training by both frameworks, Miniproject 2."""
    return approaches(results, "ablations/framework_pictures", APPROACHES_TWO)


def rates_data(results: Results) -> Data:
    """PSNR of Miniproject 2 against the rate of SGD: a line for each batch and momentum."""
    study = read_ablations(results, "miniproject_2_sgd")
    curves: dict[str, list[list[float]]] = {}
    for row in study.rows:
        if set(row.changes) - {"learning_rate", "batch_size", "momentum", "least_warm_up"}:
            continue
        one = {**study.base, **row.changes}
        kind = f"momentum {one['momentum']:g}" if one["momentum"] else "plain"
        point = [one["learning_rate"], row.single.mean, row.single.std or 0.0]
        curves.setdefault(f"batch {one['batch_size']}, {kind}", []).append(point)
    return {"curves": {name: sorted(points) for name, points in curves.items() if len(points) > 1}}


def speed_data(results: Results) -> Data:
    """Time of a whole training step over torch's, by network and batch; and both curves."""
    return {
        "kinds": {
            kind: [[batch, row["ratio"], row["low"], row["high"]] for batch, row in rows.items()]
            for kind, rows in network_steps(results).items()
        },
        "curve": {
            label: [[p.minutes, p.ensemble, p.epochs] for p in curve_points(results, name)]
            for label, name in (("Muon", "miniproject_2"), ("SGD", "miniproject_2_sgd"))
        },
    }


def phases_data(_: Results) -> Data:
    """A 4x4 kernel with a stride of 2: the picture does not depend on measurements."""
    return {"kernel": 4, "stride": 2}


FIGURES: dict[str, tuple[Callable[[Results], Data], Callable[[Data], Figure]]] = {
    "noise": (noise_data, drawing.draw_noise),
    "network": (network_data, drawing.draw_network),
    "comparison": (comparison_data, drawing.draw_comparison),
    "pictures": (pictures_data, drawing.draw_pictures),
    "strip": (strip_data, drawing.draw_strip),
    "rates": (rates_data, drawing.draw_rates),
    "speed": (speed_data, drawing.draw_speed),
    "phases": (phases_data, drawing.draw_phases),
}


DRAWING = Lock()  # settings of matplotlib belong to the whole process


def drawn(name: str, data: Data, kind: str, metadata: dict[str, Any]) -> bytes:
    """A figure as a file of matplotlib's kind "pdf" or "svg".

    matplotlib's settings belong to the whole process: one thread at a time may call this.
    """
    with rc_context(drawing.STYLE):
        content = BytesIO()
        FIGURES[name][1](data).savefig(content, format=kind, metadata=metadata)
    return content.getvalue()


@lru_cache(maxsize=None)
def svg(name: str) -> bytes:
    """A figure as SVG, from the results as they are when it is first asked for, by any thread."""
    with DRAWING:
        return drawn(name, FIGURES[name][0](Results()), "svg", {"Date": None})


def save(name: str, data: Data, folder: Path) -> Path:
    """Draw a figure into `folder`/NAME.pdf; the same data give the same bytes."""
    path = folder / f"{name}.pdf"
    save_file(path, drawn(name, data, "pdf", {"CreationDate": None}))
    return path
