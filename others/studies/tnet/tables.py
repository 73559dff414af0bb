"""The results of the TNet study as Markdown: tables.md, from the JSON files beside it.

A figure with ± is the mean over the seeds and the standard deviation of one run.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean, stdev
from typing import Any

from Miniproject_1.noise2noise.files import write_atomically
from others.records.json_files import read_json
from others.records.paths import RESULTS
from others.records.study import read_study
from others.studies.tnet.rows import BEST, LONG_NORMS, NORMS, ROWS, TABLE_1, TABLE_2, TRIED

FOLDER = RESULTS / "tnet"
FILE, STUDY, CLAIMS = "tables.md", "study.json", "claims.json"
Result = dict[str, Any]
REPORTED = {  # PSNR in dB, by the report
    "basenet": "6.95 ± 0.32",
    "unet": "25.24 ± 0.08",
    "tnet": "25.32 ± 0.01",
    "tnet_l1": "25.29 ± 0.01",
    "tnet_bn": "24.45 ± 0.05",
}
REPORTED_RATES = {"tnet_slow": "25.31 ± 0.01", "tnet": "25.33 ± 0.02", "tnet_fast": "25.32 ± 0.02"}


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


def spread(result: Result, name: str, digits: int = 2) -> str:
    """Mean ± standard deviation of an entry over the seeds; without ± for one seed."""
    values = [record[name] for record in result["seeds"].values()]
    return around(values, digits)


def around(values: list[float], digits: int = 2) -> str:
    """Mean ± standard deviation; without ± for one value."""
    deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{deviation}"


def markdown(header: list[str], lines: list[list[str]]) -> str:
    """A table, or nothing if it has no lines."""
    if not lines:
        return ""
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def chosen(results: dict[str, Result], names: tuple[str, ...]) -> dict[str, Result]:
    """Those of the rows that have been run."""
    return {name: results[name] for name in names if name in results}


def shown(configuration: Result) -> str:
    """What a row was trained on, in words."""
    epochs, teacher = configuration["epochs"], configuration.get("teacher")
    words = f"{configuration['pairs']:,} pairs × {epochs} epoch{'s' if epochs > 1 else ''}"
    return f"both images of {words}, targets by {teacher}" if teacher else words


def budget(results: dict[str, Result]) -> str:
    """The budgets of the rows of both tables, in words; one, unless they were mixed up."""
    rows = chosen(results, (*TABLE_1, *TABLE_2, *TRIED, *NORMS)).values()
    found = {
        f"{shown(c)}, batches of {c['batch_size']}, scored on {c['images']['validation']:,} images"
        for c in (row["configuration"] for row in rows)
    }
    return "; ".join(sorted(found))


def learning_rates(results: dict[str, Result]) -> str:
    """Table 1."""
    lines = [
        [
            f"{1000 * row['configuration']['learning_rate']:.1f}",
            spread(row, "psnr_per_image_db"),
            spread(row, "train_loss", 5),
            REPORTED_RATES[name],
        ]
        for name, row in chosen(results, TABLE_1).items()
    ]
    header = [
        "learning rate × 10³",
        "PSNR, dB",
        "training loss of the final weights (L2)",
        "report's PSNR, dB",
    ]
    return markdown(header, lines)


def models(results: dict[str, Result], names: tuple[str, ...]) -> str:
    """Table 2, or other rows in its columns."""
    lines = [
        [
            row["title"],
            f"{row['parameters']:,}",
            f"{row['multiply_adds'] / 1e6:.1f} M",
            f"{mean(seed['milliseconds_per_image'] for seed in row['seeds'].values()):.2f} ms",
            f"{mean(seed['images_per_second'] for seed in row['seeds'].values()):.0f}",
            spread(row, "psnr_per_image_db"),
            spread(row, "psnr_pooled_db"),
            REPORTED.get(name, ""),
        ]
        for name, row in chosen(results, names).items()
    ]
    header = ["model", "parameters", "multiply-adds per image", "denoises an image in"]
    header += ["trains images/s", "PSNR per image, dB", "PSNR pooled, dB", "report's PSNR, dB"]
    return markdown(header, lines)


def norm_modes(results: dict[str, Result], names: tuple[str, ...], without: str) -> str:
    """Networks with batch normalisation, by the layers that have it and how they are used.

    The last line is the row `without` normalisation.
    """
    rows = chosen(results, names)
    if not rows:
        return ""
    records = {name: list(row["seeds"].values()) for name, row in rows.items()}
    modes = next(iter(records.values()))[0]["evaluations"]
    lines = [
        [mode, *(around([one["evaluations"][mode] for one in seeds]) for seeds in records.values())]
        for mode in modes
    ]
    plain = results.get(without)
    if plain:
        lines.append(["without normalisation", *[spread(plain, "psnr_per_image_db")] * len(rows)])
    return markdown(["evaluated with", *(row["title"] for row in rows.values())], lines)


def long_heading(results: dict[str, Result]) -> str:
    """Of the same comparison after a longer training."""
    rows = chosen(results, LONG_NORMS).values()
    budgets = ", ".join(shown(row["configuration"]) for row in rows)
    return f"Batch normalisation after a longer training ({budgets}): PSNR per image, dB"


def best(results: dict[str, Result]) -> str:
    """The rows outside the budget, with their settings."""
    lines = []
    for name, row in chosen(results, BEST).items():
        c = row["configuration"]
        settings = (
            f"{shown(c)}, Adam {c['learning_rate']:g}, {c['schedule']}, "
            f"augmentation: {c['augmentation']}, average {c['average']:g}"
        )
        scores = [spread(row, key) for key in ("psnr_per_image_db", "psnr_pooled_db")]
        lines.append(
            [ROWS[name].title, settings, *scores, spread(row, "self_ensemble_psnr_per_image_db")]
        )
    header = ["model", "training", "PSNR per image, dB", "PSNR pooled, dB"]
    return markdown([*header, "per image, self-ensemble"], lines)


def figure(row: Result, digits: int = 3) -> str:
    """A mean over images with its 95 % confidence."""
    return f"{row['mean']:.{digits}f} ± {row['confidence']:.{digits}f}"


def smoothing(measured: Result) -> str:
    """A column's header."""
    setting = measured["smoothing"]
    return f"n = {setting['n']}, σ = {setting['sigma']:g}"


def noisy_pixels(claims: list[Result]) -> str:
    """The first claim: how the influence of a pixel on itself depends on its noise."""
    lines = []
    for name in claims[0]["rank correlation"]:
        lines.append([f"rank correlation of {name}"])
    for group, row in enumerate(claims[0]["pixels by their noise"]):
        noise = row["noise"]["mean"]
        lines.append([f"own weight, fifth {group + 1} by noise (mean {noise:.3f})"])
    for row in claims[0]["one pixel moved"]["rows"]:
        lines.append([f"own weight, moved by {row['step']:g}"])
        lines.append([f"weight of a neighbour, moved by {row['step']:g}"])
    for one in claims:
        moved = one["one pixel moved"]["rows"]
        column = [*one["rank correlation"].values()]
        column += [row["own weight"] for row in one["pixels by their noise"]]
        column += [row[key] for row in moved for key in ("own weight", "weight of a neighbour")]
        for line, row in zip(lines, column):
            line.append(figure(row))
    left = claims[0]["one pixel moved"]["rows"][1:]  # does not depend on the smoothing
    for row in left:
        line = [f"share left in the answer, moved by {row['step']:g}", figure(row["share left"])]
        lines.append(line + [""] * (len(claims) - 1))
    return markdown(["", *map(smoothing, claims)], lines)


def edges(claims: list[Result]) -> str:
    """The second claim: the weights around a pixel at an edge, by the contrast of the edge."""
    lines = []
    names = ("across", "along", "behind", "pixel itself", "two across", "two along")
    for one in claims:
        for row in one["edges"]["rows"]:
            low, high = row["contrast"]
            contrast = f"{low:g} and more" if high is None else f"{low:g} to {high:g}"
            places = f"{row['places']:,}"
            lines.append([smoothing(one), contrast, places, *(figure(row[key]) for key in names)])
    return markdown(["smoothing", "contrast", "places", *names], lines)


def verdicts(claims: list[Result]) -> str:
    """Differences that each claim says are positive, and whether they are."""
    lines = []
    for part in ("one pixel moved", "edges"):
        for claim in claims[0][part]:
            if claim != "rows":
                found = [one[part][claim] for one in claims]
                lines.append([claim, *(f"{figure(row)}: {row['verdict']}" for row in found)])
    return markdown(["claim", *map(smoothing, claims)], lines)


def render(folder: Path) -> str:
    """All tables of a folder of results."""
    results = read(folder)
    claims = results["claims"]["measured"] if "claims" in results else []
    parts = [
        ("TNet, measured", f"Mean ± standard deviation over seeds. Budget: {budget(results)}."),
        ("Table 1: learning rates of TNet", learning_rates(results)),
        ("Table 2: models", models(results, TABLE_2)),
        ("What the report tried without gain", models(results, TRIED)),
        ("Batch normalisation: PSNR per image, dB", norm_modes(results, NORMS, "tnet")),
        (long_heading(results), norm_modes(results, LONG_NORMS, "tnet_long")),
        ("In their best settings", best(results)),
    ]
    if claims:
        parts += [
            ("SmoothGrad: whether the claims hold", verdicts(claims)),
            ("A noisy pixel and its own denoised value", noisy_pixels(claims)),
            ("Weights around a pixel at an edge", edges(claims)),
        ]
    title, *sections = [(heading, text) for heading, text in parts if text]
    body = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in sections)
    return f"# {title[0]}\n\n{title[1]}\n\n{body}\n"


def write(folder: Path) -> None:
    """Write tables.md of a folder of results anew."""
    write_atomically(folder / FILE, lambda file: file.write(render(folder).encode()))
