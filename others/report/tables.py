"""The tables of the reports and of the README files, each described once.

A function gives a `Table`; where a report and a README show the same measurement, both draw on the
same function, and a report leaves out what its columns have no room for.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from Miniproject_2.model import CHANNELS
from others.records.formats import (
    decimals,
    plain,
    power,
    signed,
    spread,
    thousands,
    whole,
    with_digits,
)
from others.records.table import RULE, Bold, Column, Table
from others.report.figures import (
    ABLATE,
    EVALUATE,
    EXACTNESS,
    FIGURE_SOURCES,
    NOISE,
    TNET,
    UNSEEN,
    Source,
)
from others.report.macros import submission
from others.report.macros.measurements import comparable
from others.report.results import AblationRow, Results, framework_pairs, read_ablations
from others.report.wording import printed_gap, significant
from others.studies.tnet.tables import read as tnet_rows
from others.studies.tnet.tables import repeated

SHORT = {  # of noises and networks, in tables of the reports that have many columns
    "points of the cells": "points of cells",
    "cells half as large": "cells × 0.5",
    "cells 1.5 times as large": "cells × 1.5",
    "Poisson, 30 photons": "Poisson, 30",
    "DnCNN, 7 convolutions, self-ensemble": "DnCNN, self-ensemble",
    "Noise2Noise U-Net, flips, brightness": "U-Net, flips, brightness",
    "Noise2Noise U-Net, Gaussian noise on the input": "U-Net, Gaussian noise",
    "residual convolutions at full resolution": "residual, full resolution",
    "3 convolutions and 3 transposed": "no pooling",
}
SINGLE = ("PSNR per image, single pass", "difference")  # columns of ablations in a report
NOISES = {  # the measurements of the noise, by the images that they are of
    "course": "noise_course",
    "validation": "noise_photographs",
    "training": "noise_training",
}
# What a row of an ablation changes decides in which group it stands, the first that fits.
NETWORK = {"net", "widths", "encoder", "decoder", "channels", "kernel", "nearest"}
LOSS = {"loss", "noise_floor"}
DATA = {"exchange", "symmetries", "gaussian", "impulses", "pairs", "data"}


def bold(row: list[Any]) -> list[Any]:
    """A row in bold."""
    return [Bold(value) for value in row]


def scores(results: Results, file: str) -> Table:
    """Both shipped models on a set of images."""
    rows = []
    for name, row in results.read(file)["rows"].items():
        if "parameters" in row:
            ensemble = [row["self_ensemble_psnr_per_image_db"], row["self_ensemble_psnr_pooled_db"]]
            rows.append([name, row["parameters"], *ensemble, row["psnr_per_image_db"]])
        else:  # the noisy images, as they are
            rows.append([name, None, row["psnr_per_image_db"], row["psnr_pooled_db"], None])
    return Table(
        [
            Column(""),
            Column("parameters", whole),
            Column("PSNR per image", decimals, "dB"),
            Column("PSNR pooled", decimals, "dB"),
            Column("per image, no self-ensemble", decimals, "dB"),
        ],
        rows,
    )


def submissions_one(results: Results) -> Table:
    """Miniproject 1 among public submissions, the best above."""
    shipped, public = results.read("submission")["rows"], results.read("public")
    own, course = shipped["Miniproject 1"], results.read("course")["rows"]
    rows = []
    for name, key in (
        ("ours, self-ensemble", "self_ensemble_psnr_per_image_db"),
        ("ours", "psnr_per_image_db"),
    ):
        on_both = [course["Miniproject 1"][key], own[key]]
        rows.append(bold([name, own["parameters"], None, *on_both]))
    for row in public["miniproject_1"]:
        if "course_psnr_per_image_db" in row:  # the figure of the comparison has the others too
            keys = ("reported_psnr_per_image_db", "course_psnr_per_image_db", "psnr_per_image_db")
            name = SHORT.get(row["network"], row["network"])
            rows.append([name, row["parameters"], *(row[key] for key in keys)])
    noisy = [one["noisy"]["psnr_per_image_db"] for one in (course, shipped)]
    stated = public["noisy"]["reported_psnr_per_image_db"]
    columns = [
        Column("network"),
        Column("parameters", thousands, short="param."),
        Column("stated", decimals),
        Column("course", decimals),
        Column("photographs", decimals, short="photos"),
    ]
    return Table(columns, [*best_first(rows), RULE, ["noisy input", None, stated, *noisy]])


def submissions_two(results: Results) -> Table:
    """Miniproject 2 among public submissions, the best above."""
    shipped = results.read("submission")["rows"]
    own, count = shipped["Miniproject 2"], shipped["Miniproject 2"]["parameters"]
    training = submission.training_two(results)
    networks = submission.networks(results)
    kernels = f"k{networks['TwoOuterKernel']} and k{networks['TwoInnerKernel']}"
    ours = f"ours, {CHANNELS[0]}-{CHANNELS[1]}, {kernels}, transposed"
    how = (
        f"Muon, momentum {training['TwoMomentum']}, rate {training['TwoLearningRate']}, "
        f"batch {training['TwoBatchSize']}"
    )
    rows = [
        bold([f"{ours}, self-ensemble", how, count, None, own["self_ensemble_psnr_per_image_db"]]),
        bold([ours, how, count, None, own["psnr_per_image_db"]]),
    ]
    for row in results.read("public")["miniproject_2"]:
        name = row["network"] if row["prescribed"] else f"{row['network']}∗"
        stated = row.get("reported_psnr_per_image_db")
        rows.append([name, row["optimizer"], row["parameters"], stated, row["psnr_per_image_db"]])
    columns = [
        Column("channels, kernels, upsampling"),
        Column("trained by"),
        Column("param.", thousands),
        Column("stated", decimals),
        Column("photographs", decimals, short="photos"),
    ]
    noisy = [
        results.read("public")["noisy"]["reported_psnr_per_image_db"],
        shipped["noisy"]["psnr_per_image_db"],
    ]
    return Table(columns, [*best_first(rows), RULE, ["noisy input", None, None, *noisy]])


def best_first(rows: list[list[Any]]) -> list[list[Any]]:
    """The rows in the order of their last values, the highest first."""

    def score(row: list[Any]) -> float:
        return row[-1].value if isinstance(row[-1], Bold) else row[-1]

    return sorted(rows, key=score, reverse=True)


def group_of(row: AblationRow) -> int:
    """What a row changes: 0 nothing, 1 the network, 2 the loss, 3 the optimisation, 4 the data."""
    if not row.changes:
        return 0
    for group, names in ((1, NETWORK), (2, LOSS), (4, DATA)):
        if names & set(row.changes):
            return group
    return 3


def ablations(results: Results, name: str) -> Table:
    """The rows of a study of others/results/ablations, grouped by what they change.

    A star stands behind a difference that is significant among all that the table has.
    """
    study = read_ablations(results, name)
    base = study.unchanged()
    starred = significant(base, study.rows)
    rows = []
    for row in sorted(study.rows, key=group_of):  # stable: the study's own order inside a group
        difference = None if row is base else signed(printed_gap(row, base))
        difference = f"{difference}∗" if row in starred else difference
        cells = [row.name, row.single, difference, row.ensemble]
        rows.append(bold(cells) if row is base else cells)
    return Table(
        [
            Column("change"),
            Column("PSNR per image, single pass", spread, "dB", short="single"),
            Column("difference", plain, short="diff."),
            Column("self-ensemble", decimals, "dB", short="ens."),
        ],
        rows,
    )


def frameworks(results: Results, name: str = "frameworks") -> Table:
    """The same trainings on our framework and on torch.nn: PSNR, and seconds for an epoch.

    Args:
        name: of the study in others/results/ablations.
    """
    study = read_ablations(results, name)
    rows = []
    for settings, ours, theirs in framework_pairs(study):
        seconds = [study.seconds[row.name] / study.epochs for row in (ours, theirs)]
        rows.append([settings, ours.single, theirs.single, *seconds, seconds[0] / seconds[1]])
    return Table(
        [
            Column("settings"),
            Column("ours", spread, "dB"),
            Column("torch.nn", spread, "dB"),
            Column("ours, s/epoch", with_digits(decimals, 1), short="s/epoch"),
            Column("torch.nn, s/epoch", with_digits(decimals, 1)),
            Column("ratio", decimals),
        ],
        rows,
    )


def gains_on_other_noises(results: Results) -> Table:
    """What our and public networks gain over their own noisy inputs, the largest gain in bold."""
    found, public = results.read("unseen")["rows"], results.read("public")["unseen"]
    rows = []
    for noise, row in found.items():
        theirs, gains = public["rows"].get(noise), [row["shipped"] - row["noisy"]]
        if comparable(row, theirs):
            gains += [value - theirs["noisy"] for value in theirs["psnr_per_image_db"]]
        best = max(gains)
        cells = [Bold(gain) if gain == best else gain for gain in gains]
        empty = [None] * (1 + len(public["networks"]) - len(gains))
        rows.append([SHORT.get(noise, noise), row["noisy"], *cells, *empty])
    names = ["ours", *public["networks"]]
    columns = [Column("noise"), Column("input", decimals), *(Column(n, signed) for n in names)]
    return Table(columns, rows)


def noise_laws(results: Results) -> Table:
    """The noise of the course's images, and of photographs to validate and to train on."""
    rows = []
    for name, file in NOISES.items():
        found = results.read(file)
        groups, related = found["by_contrast"], found["correlations"]
        ends = [groups[0]["std"], groups[-1]["std"]]
        rows.append([name, found["images"], found["std"], *ends, found["kurtosis"]])
        rows[-1] += [related["right"], related["red and green"]]
    fine = with_digits(decimals, 3)
    return Table(
        [
            Column("images"),
            Column("number", whole),
            Column("std", fine),
            Column("flat", fine),
            Column("sharp", fine),
            Column("kurtosis", with_digits(decimals, 1), short="kurt."),
            Column("right", fine),
            Column("red, green", decimals, short="r,g"),
        ],
        rows,
    )


def exactness(results: Results, left_out: tuple[str, ...] = ()) -> Table:
    """The largest relative errors by layer and type of number, ours and torch's own.

    Layers without weights stay out: they add nothing up. So do the types that are `left_out`.
    """
    rows = []
    for kind, types in results.read("bench/exactness")["worst"].items():
        if "weight" not in types["float64"]["ours"]:
            continue
        for name, by in types.items():
            if name in left_out:
                continue
            ours = power(max(by["ours"].values()))
            theirs = power(max(by["torch"].values())) if "torch" in by else "reference"
            rows.append([kind if name == "float64" else None, name, ours, theirs])
    numbers = [Column("ours", plain), Column("torch", plain)]
    return Table([Column("layer"), Column("type"), *numbers], rows)


def quantiles(row: dict[str, Any]) -> str:
    """The 10 % and the 90 % quantile of the ratios of a comparison."""
    return f"{decimals(row['low'])}–{decimals(row['high'])}"


class ReportTable(NamedTuple):
    """A table of a report: how it is made, where it comes from, and what `latex` is told."""

    make: Callable[[Results], Table]
    source: Source
    layout: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it


def ablated(name: str) -> tuple[str, ...]:
    """The command that runs a study of ablations."""
    return (ABLATE.format(name),)


REPORT_TABLES: dict[str, ReportTable] = {
    "TableScoresOne": ReportTable(
        submissions_one,
        Source(1, "Miniproject 1 and public submissions, dB", (EVALUATE,)),
        {"tight": True},
    ),
    "TableScoresTwo": ReportTable(
        submissions_two, Source(2, "Miniproject 2 and public submissions, dB", (EVALUATE,))
    ),
    "TableAblationsOne": ReportTable(
        lambda results: ablations(results, "miniproject_1").select(["change", *SINGLE]),
        Source(1, "Ablations of Miniproject 1, PSNR per image in dB", ablated("miniproject_1")),
        {"blocks": 3, "tight": True},
    ),
    "TableAblationsTwo": ReportTable(
        lambda results: ablations(results, "miniproject_2").select(["change", *SINGLE]),
        Source(2, "Ablations of Miniproject 2, PSNR per image in dB", ablated("miniproject_2")),
        {"blocks": 3, "tight": True},
    ),
    "TableNoise": ReportTable(
        noise_laws, Source(1, "The noise of three sets of images", (NOISE,)), {"tight": True}
    ),
    "TableUnseen": ReportTable(
        gains_on_other_noises,
        Source(1, "Other noises: input and gains, dB per image", (UNSEEN,)),
        {"tight": True},
    ),
    "TableTnet": ReportTable(
        lambda results: repeated(tnet_rows(results.folder / "tnet")),
        Source(1, "The networks of the TNet report, PSNR per image in dB", (TNET,)),
    ),
    "TableExact": ReportTable(
        partial(exactness, left_out=("bfloat16",)),  # which others/results/bench has
        Source(2, "Largest relative errors of output and gradients", (EXACTNESS,)),
    ),
    "TableFramework": ReportTable(
        lambda results: frameworks(results).select(["settings", "ours", "torch.nn", "ratio"]),
        Source(2, "The same training by both frameworks, dB per image", ablated("frameworks")),
        {"tight": True},
    ),
}

SOURCES: dict[str, Source] = {  # of everything that both reports show
    **{f"figure-{name}": source for name, source in FIGURE_SOURCES.items()},
    **{f"table-{name}": table.source for name, table in REPORT_TABLES.items()},
}
