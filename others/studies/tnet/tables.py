"""The results of the TNet study as a page of Markdown, README.md, from the JSON files beside it.

A figure with ± is the mean over the seeds and the standard deviation of one run; in the tables on
SmoothGrad it is the mean over images and its 95 % confidence.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from others.records.formats import (
    Spread,
    decimals,
    plain,
    spread,
    spread_of,
    thousands,
    whole,
    with_digits,
)
from others.records.json_files import blaming, read_json, save_file
from others.records.page import filled, marked, names_of
from others.records.paths import RESULTS
from others.records.study import read_study, values
from others.records.table import Column, Table, markdown
from others.studies.tnet.rows import BEST, LONG_NORMS, NORMS, ROWS, TABLE_1, TABLE_2, TRIED

FOLDER = RESULTS / "tnet"
FILE, STUDY, CLAIMS = "README.md", "study.json", "claims.json"
Result = dict[str, Any]
REPORTED = {  # PSNR in dB, by the report
    "basenet": "6.95 ± 0.32",
    "unet": "25.24 ± 0.08",
    "tnet": "25.32 ± 0.01",
    "tnet_l1": "25.29 ± 0.01",
    "tnet_bn": "24.45 ± 0.05",
}
REPORTED_RATES = {"tnet_slow": "25.31 ± 0.01", "tnet": "25.33 ± 0.02", "tnet_fast": "25.32 ± 0.02"}
REPORTED_LOSSES = {
    "tnet_slow": "0.70896 ± 0.00035",
    "tnet": "0.70859 ± 0.00056",
    "tnet_fast": "0.70869 ± 0.00083",
}
# The report's code adds up the mean squared errors of an epoch's batches and divides by their size.
REPORTED_SCALE = math.ceil(50_000 / 32) / 32


def read(folder: Path) -> dict[str, Result]:
    """The rows of a folder's study by their names, each with all its settings, and the claims."""
    results: dict[str, Result] = {}
    if (folder / STUDY).is_file():
        study = read_study(folder / STUDY)
        for name, row in study["rows"].items():
            results[name] = {**row, "configuration": {**study["setting"], **row["changes"]}}
    if (folder / CLAIMS).is_file():
        results["claims"] = read_json(folder / CLAIMS)
    return results


def over_seeds(row: Result, key: str) -> Spread:
    """Mean and standard deviation of a quantity over the seeds of a row."""
    return spread_of(values(row, key))


def chosen(results: dict[str, Result], names: Sequence[str]) -> dict[str, Result]:
    """The rows with these names, as far as they have been run."""
    return {name: results[name] for name in names if name in results}


def trained_on(configuration: Result) -> str:
    """What a row was trained on, in words."""
    epochs, teacher = configuration["epochs"], configuration.get("teacher")
    words = f"{whole(configuration['pairs'])} pairs × {epochs} epoch{'s' if epochs > 1 else ''}"
    return f"both images of {words}, targets by {teacher}" if teacher else words


def budget(results: dict[str, Result]) -> str:
    """The budgets of the rows of both tables, in words; one, unless they were mixed up."""
    rows = chosen(results, (*TABLE_1, *TABLE_2, *TRIED, *NORMS)).values()
    found = {
        f"{trained_on(c)}, batches of {c['batch_size']}, scored on "
        f"{whole(c['images']['validation'])} images"
        for c in (row["configuration"] for row in rows)
    }
    return f"Budget: {'; '.join(sorted(found))}."


def learning_rates(results: dict[str, Result]) -> Table:
    """Table 1 of the report."""
    columns = [
        Column("learning rate × 10³", with_digits(decimals, 3)),
        Column("PSNR per image, dB", spread),
        Column("training loss of the final weights (L2)", with_digits(spread, 5)),
        Column("on the report's scale", with_digits(spread, 3)),
        Column("report's loss", plain),
        Column("report's PSNR, dB", plain),
    ]
    rows = []
    for name, row in chosen(results, TABLE_1).items():
        rate, loss = row["configuration"]["learning_rate"], over_seeds(row, "train_loss")
        scaled = spread_of([REPORTED_SCALE * value for value in values(row, "train_loss")])
        psnr = over_seeds(row, "psnr_per_image_db")
        reported = [REPORTED_LOSSES.get(name), REPORTED_RATES.get(name)]
        rows.append([1000 * rate, psnr, loss, scaled, *reported])
    return Table(columns, rows)


def models(results: dict[str, Result], names: Sequence[str]) -> Table:
    """Table 2 of the report, or other rows in its columns."""
    columns = [
        Column("model"),
        Column("parameters", whole),
        Column("multiply-adds per image", with_digits(decimals, 1), "M"),
        Column("denoises an image in", decimals, "ms"),
        Column("trains images/s", with_digits(decimals, 0)),
        Column("PSNR per image, dB", spread),
        Column("PSNR pooled, dB", spread),
        Column("report's PSNR, dB", plain),
    ]
    rows = [
        [
            row["title"],
            row["parameters"],
            row["multiply_adds"] / 1e6,
            mean(values(row, "milliseconds_per_image")),
            mean(values(row, "images_per_second")),
            over_seeds(row, "psnr_per_image_db"),
            over_seeds(row, "psnr_pooled_db"),
            REPORTED.get(name),
        ]
        for name, row in chosen(results, names).items()
    ]
    return Table(columns, rows)


def repeated(results: dict[str, Result]) -> Table:
    """Table 2 as a page of a report has room for it: parameters, PSNR here and there."""
    columns = [
        Column("network"),
        Column("parameters", thousands),
        Column("here", spread),
        Column("stated", plain),
    ]
    rows = [
        [row["title"], row["parameters"], over_seeds(row, "psnr_per_image_db"), REPORTED[name]]
        for name, row in chosen(results, TABLE_2).items()
    ]
    return Table(columns, rows)


def norm_modes(results: dict[str, Result], names: Sequence[str], without: str) -> Table:
    """Networks with batch normalisation, by the layers that have it and how they are used.

    The last line is the row `without` normalisation.
    """
    rows = chosen(results, names)
    modes = list(next(iter(rows.values()))["seeds"]["0"]["evaluations"]) if rows else []
    lines = [
        [mode]
        + [
            spread_of([run["evaluations"][mode] for run in row["seeds"].values()])
            for row in rows.values()
        ]
        for mode in modes
    ]
    if rows and without in results:
        plain_row = over_seeds(results[without], "psnr_per_image_db")
        lines.append(["without normalisation", *[plain_row] * len(rows)])
    titles = [Column(row["title"], spread) for row in rows.values()]
    return Table([Column("evaluated with"), *titles], lines)


def best(results: dict[str, Result]) -> Table:
    """The rows outside the budget, with their settings."""
    columns = [
        Column("model"),
        Column("training"),
        Column("PSNR per image, dB", spread),
        Column("PSNR pooled, dB", spread),
        Column("per image, self-ensemble", spread),
    ]
    keys = ("psnr_per_image_db", "psnr_pooled_db", "self_ensemble_psnr_per_image_db")
    rows = []
    for name, row in chosen(results, BEST).items():
        c = row["configuration"]
        settings = (
            f"{trained_on(c)}, Adam {plain(c['learning_rate'])}, {c['schedule']}, "
            f"augmentation: {c['augmentation']}, average {plain(c['average'])}"
        )
        rows.append([ROWS[name].title, settings, *(over_seeds(row, key) for key in keys)])
    return Table(columns, rows)


def estimate(row: Result) -> str:
    """A mean over images with its 95 % confidence."""
    return spread(Spread(row["mean"], row["confidence"]), 3)


def measured_with(measured: Result) -> str:
    """Copies and noise of a SmoothGrad, the header of its column."""
    setting = measured["smoothing"]
    return f"n = {setting['n']}, σ = {plain(setting['sigma'])}"


def by_smoothing(header: str, claims: Sequence[Result], rows: list[list[Any]]) -> Table:
    """A table with a column for each smoothing; its cells are estimates."""
    columns = [Column(measured_with(one), estimate) for one in claims]
    return Table([Column(header), *columns], rows)


def noisy_pixels(claims: Sequence[Result]) -> Table:
    """The first claim: how the influence of a pixel on itself depends on its noise."""
    rows: list[list[Any]] = []
    for name in claims[0]["rank correlation"]:
        rows.append([f"rank correlation of {name}", *(c["rank correlation"][name] for c in claims)])
    for group, fifth in enumerate(claims[0]["pixels by their noise"]):
        title = f"own weight, fifth {group + 1} by noise (mean {fifth['noise']['mean']:.3f})"
        found = [one["pixels by their noise"][group]["own weight"] for one in claims]
        rows.append([title, *found])
    moves = [one["one pixel moved"]["rows"] for one in claims]
    for place, row in enumerate(moves[0]):
        for key in ("own weight", "weight of a neighbour"):
            found = [rows_of[place][key] for rows_of in moves]
            rows.append([f"{key}, moved by {plain(row['step'])}", *found])
    for row in moves[0][1:]:  # what is left of a move does not depend on the smoothing
        title = f"share left in the answer, moved by {plain(row['step'])}"
        rows.append([title, row["share left"], *[None] * (len(claims) - 1)])
    return by_smoothing("", claims, rows)


def edges(claims: Sequence[Result]) -> Table:
    """The second claim: the weights around a pixel at an edge, by the contrast of the edge."""
    names = ("across", "along", "behind", "pixel itself", "two across", "two along")
    rows = []
    for one in claims:
        for row in one["edges"]["rows"]:
            low, high = row["contrast"]
            contrast = f"{low:g} and more" if high is None else f"{low:g} to {high:g}"
            found = [row[name] for name in names]
            rows.append([measured_with(one), contrast, row["places"], *found])
    columns = [Column("smoothing"), Column("contrast"), Column("places", whole)]
    return Table([*columns, *(Column(name, estimate) for name in names)], rows)


def verdicts(claims: Sequence[Result]) -> Table:
    """Differences that each claim says are positive, and whether they are."""
    rows = []
    for part in ("one pixel moved", "edges"):
        for claim in claims[0][part]:
            if claim != "rows":
                rows.append([claim, *(one[part][claim] for one in claims)])

    def judged(row: Result) -> str:
        return f"{estimate(row)}: {row['verdict']}"

    return Table([Column("claim"), *(Column(measured_with(one), judged) for one in claims)], rows)


def parts(folder: Path) -> dict[str, tuple[str, str]]:
    """Heading and content of each part of the page that the results of a folder allow.

    ValueError that names the files for results that are damaged.
    """
    with blaming([folder / STUDY, folder / CLAIMS]):
        return parts_of(read(folder))


def parts_of(results: dict[str, Result]) -> dict[str, tuple[str, str]]:
    """Heading and content of each part of the page that these rows and claims allow."""
    claims = results["claims"]["measured"] if "claims" in results else []
    smooth_grad: dict[str, tuple[str, Callable[[Sequence[Result]], Table]]] = {
        "claims": ("SmoothGrad: whether the claims hold", verdicts),
        "noisy pixels": ("A noisy pixel and its own denoised value", noisy_pixels),
        "edges": ("Weights around a pixel at an edge", edges),
    }
    norms = norm_modes(results, NORMS, "tnet")
    long_norms = norm_modes(results, LONG_NORMS, "tnet_long")
    tables = {
        "learning rates": (
            "Table 1, early learning: learning rates of TNet",
            learning_rates(results),
        ),
        "models": ("Table 2, early learning: models", models(results, TABLE_2)),
        "tried": ("What the report tried without gain, early learning", models(results, TRIED)),
        "norms": ("Batch normalisation, early learning: PSNR per image, dB", norms),
        "long norms": (
            "Batch normalisation after a longer training: PSNR per image, dB",
            long_norms,
        ),
        "best": ("In their best settings", best(results)),
    }
    if claims:
        tables |= {name: (title, make(claims)) for name, (title, make) in smooth_grad.items()}
    found = {
        name: (title, markdown(table)) for name, (title, table) in tables.items() if table.rows
    }
    if "long norms" in found:
        title, text = found["long norms"]
        rows = chosen(results, LONG_NORMS).values()
        budgets = [trained_on(row["configuration"]) for row in rows]
        found["long norms"] = title, f"Trained on {', '.join(budgets)}.\n\n{text}"
    return {"budget": ("Budget", budget(results)), **found}


def page_tables(folder: Path) -> dict[str, str]:
    """What stands between the markers of the page of a folder of results."""
    return {name: content for name, (_, content) in parts(folder).items()}


def render(folder: Path, page: str = "# The TNet study\n") -> str:
    """A page with the tables of a folder's results.

    A part that `page` has no place for gets one at its end, under a heading of its own.
    """
    for name, (heading, content) in parts(folder).items():
        if name not in names_of(page):
            page += f"\n## {heading}\n\n{marked(name, content)}\n"
    return filled(page, page_tables(folder))


def write(folder: Path) -> None:
    """Write the page of a folder of results; what is written by hand on one that is there stays."""
    path = folder / FILE
    text = render(folder, path.read_text(encoding="utf-8")) if path.is_file() else render(folder)
    save_file(path, text)
