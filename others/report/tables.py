"""The tables of the reports, as LaTeX that `numbers.tex` defines as macros.

Each function gives a tabular, or None where the measurement is missing. The bodies use booktabs.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import mean, stdev
from typing import Any

from others.report.measures import comparable, network_rows
from others.report.results import (
    Results,
    Row,
    base_of,
    decimals,
    power,
    seconds_of,
    side_by_side,
    signed,
    study_rows,
    tex,
    whole,
)
from others.studies.tnet.rows import TABLE_2
from others.studies.tnet.tables import REPORTED

Lines = list[list[str]]
SHORT = {  # names for the table of other noises, which has many columns
    "shipped": "ours",
    "new, plain": "plain",
    "points of the cells": "points of cells",
    "cells half as large": "cells × 0.5",
    "cells 1.5 times as large": "cells × 1.5",
    "Poisson, 30 photons": "Poisson, 30",
}
RULE = "MIDRULE"  # a line of a table that is a rule instead
NETWORK = {"net", "channels", "kernel", "nearest"}
LOSS = {"loss", "noise_floor"}
DATA = {"exchange", "symmetries", "gaussian", "impulses", "pairs", "data"}


def tabular(columns: str, header: list[str], lines: Lines) -> str:
    """A table with a rule under its header."""
    body = [r"\midrule" if line == [RULE] else " & ".join(line) + r"\\" for line in lines]
    parts = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", " & ".join(header) + r"\\"]
    return "\n".join([*parts, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"])


def bold(cells: list[str]) -> list[str]:
    """A line in bold."""
    return [rf"\textbf{{{cell}}}" if cell else "" for cell in cells]


def thousands(count: float) -> str:
    """A number of parameters, in thousands."""
    return rf"{whole(count / 1000)}\,k"


def first_scores(results: Results) -> str:
    """Miniproject 1 among public submissions."""
    rows = results.need("submission")["rows"]
    own, noisy = rows["Miniproject 1"], rows["noisy"]
    count = thousands(own["parameters"])
    lines = [
        (
            own["self_ensemble_psnr_per_image_db"],
            bold(["ours, self-ensemble", count, "", db(own["self_ensemble_psnr_per_image_db"])]),
        ),
        (own["psnr_per_image_db"], bold(["ours", count, "", db(own["psnr_per_image_db"])])),
    ]
    for row in results.need("public")["first"]:
        cells = [
            tex(row["network"]),
            thousands(row["parameters"]),
            db(row["reported_psnr_per_image_db"]),
        ]
        lines.append((row["psnr_per_image_db"], [*cells, db(row["psnr_per_image_db"])]))
    lines.sort(key=lambda pair: -pair[0])
    reported = results.need("public")["noisy"]["reported_psnr_per_image_db"]
    last = ["noisy input", "", db(reported), db(noisy["psnr_per_image_db"])]
    body = [cells for _, cells in lines] + [[RULE], last]
    return tabular("lrrr", ["network", "parameters", "stated", "here"], body)


def db(value: float) -> str:
    """A PSNR."""
    return decimals(value)


def second_scores(results: Results) -> str:
    """Miniproject 2 among public submissions."""
    rows = results.need("submission")["rows"]
    own = rows["Miniproject 2"]
    count = thousands(own["parameters"])
    ours = r"ours, \TwoFew-\TwoMany, k\TwoKernel, transposed"
    how = r"SGD, momentum \TwoMomentum, rate \TwoLearningRate, batch \TwoBatchSize"
    lines = [
        (
            own["self_ensemble_psnr_per_image_db"],
            bold(
                [f"{ours}, self-ensemble", how, count, db(own["self_ensemble_psnr_per_image_db"])]
            ),
        ),
        (own["psnr_per_image_db"], bold([ours, how, count, db(own["psnr_per_image_db"])])),
    ]
    for row in results.need("public")["second"]:
        mark = "" if row["prescribed"] else r"$^\ast$"
        cells = [tex(row["network"]) + mark, tex(row["optimizer"]), thousands(row["parameters"])]
        lines.append((row["psnr_per_image_db"], [*cells, db(row["psnr_per_image_db"])]))
    lines.sort(key=lambda pair: -pair[0])
    body = [cells for _, cells in lines]
    body += [[RULE], ["noisy input", "", "", db(rows["noisy"]["psnr_per_image_db"])]]
    return tabular("llrr", ["channels, kernels, upsampling", "trained by", "param.", "dB"], body)


def group_of(row: Row) -> int:
    """What a row changes: 0 nothing, 1 the network, 2 the loss, 3 the optimisation, 4 the data."""
    if not row.changes:
        return 0
    for group, names in ((1, NETWORK), (2, LOSS), (4, DATA)):
        if names & set(row.changes):
            return group
    return 3


def study_table(results: Results, name: str, blocks: int) -> str | None:
    """All rows of a study, in `blocks` blocks beside each other."""
    found = results.get(f"ablations/{name}")
    by_name = study_rows(found) if found else {}
    rows, base = list(by_name.values()), base_of(by_name)
    if len(rows) < 2 or base is None:
        return None
    rows.sort(key=group_of)  # stable: the study's own order inside a group
    lines = []
    for row in rows:
        spread = rf"\,$\pm$\,{decimals(row.spread)}" if row.seeds > 1 else ""
        gap = "" if row is base else signed(row.single - base.single)
        ensemble = decimals(row.ensemble)
        cells = [tex(row.name), f"{decimals(row.single)}{spread}", gap, ensemble]
        lines.append(bold(cells) if row is base else cells)
    height = -(-len(lines) // blocks)
    empty = ["", "", "", ""]
    columns = [lines[start : start + height] for start in range(0, len(lines), height)]
    body = [
        [cell for column in columns for cell in (column[i] if i < len(column) else empty)]
        for i in range(height)
    ]
    layout = r"@{\hspace{1.5em}}".join(["lrrr"] * len(columns))
    header = ["change", "single", "diff.", r"ens."] * len(columns)
    return tabular(rf"@{{}}{layout}@{{}}", header, body)


def short(name: str) -> str:
    """A name in the table of other noises."""
    return tex(SHORT.get(name, name))


def unseen(results: Results) -> str | None:
    """Other noises: what ours and public networks gain over their own noisy inputs."""
    found = results.get("unseen")
    if found is None:
        return None
    theirs = results.need("public")["unseen"]
    models = [name for name in next(iter(found["rows"].values())) if name != "noisy"]
    lines = []
    for name, row in found["rows"].items():
        other = theirs["rows"].get(name)
        public = [None] * len(theirs["networks"])
        if other is not None and comparable(row, other):
            public = [value - other["noisy"] for value in other["psnr_per_image_db"]]
        gains = [*(row[model] - row["noisy"] for model in models), *public]
        best = max(gain for gain in gains if gain is not None)
        cells = ["" if gain is None else signed(gain) for gain in gains]
        cells = [
            rf"\textbf{{{cell}}}" if gain == best else cell for cell, gain in zip(cells, gains)
        ]
        lines.append([short(name), db(row["noisy"]), *cells])
    header = ["noise", "input", *(short(model) for model in models)]
    header += [tex(name) for name in theirs["networks"]]
    return tabular("l" + "r" * (len(header) - 1), header, lines)


def exactness(results: Results) -> str | None:
    """The worst errors by layer and type."""
    found = results.get("bench/exactness")
    if found is None:
        return None
    lines = []
    for kind, types in found["worst"].items():
        for name, by in types.items():
            most = {who: max(parts.values()) for who, parts in by.items()}
            theirs = power(most["torch"]) if "torch" in most else "reference"
            lines.append([kind if name == "float64" else "", name, power(most["ours"]), theirs])
    return tabular("llrr", ["layer", "type", "ours", "torch"], lines)


def blocks(results: Results) -> str | None:
    """Time of each block over torch's: forward, backward, both."""
    found = results.get("bench/framework")
    if found is None:
        return None
    by_name: dict[str, dict[str, Any]] = {}
    for row in found["rows"]:
        if not row["name"].startswith("network"):
            by_name.setdefault(row["name"], {})[row["what"]] = row
    lines = []
    for name, parts in by_name.items():
        both = parts["both"]
        spread = f"{decimals(both['low'])}--{decimals(both['high'])}"
        ratios = [decimals(parts[what]["ratio"]) for what in ("forward", "backward", "both")]
        lines.append([tex(name), *ratios, spread])
    header = ["block", "forw.", "backw.", "both", r"10--90\,\%"]
    return tabular("@{}lrrrr@{}", header, lines)


def steps(results: Results) -> str | None:
    """Whole training steps by network and batch: time and peak memory over torch's."""
    found = results.get("bench/framework")
    if found is None:
        return None
    lines = []
    for kind, rows in network_rows(found).items():
        for batch, row in rows.items():
            memory = decimals(row["ours_mib"] / row["torch_mib"]) if row.get("torch_mib") else ""
            first = tex(kind) if batch == min(rows) else ""
            lines.append([first, str(batch), decimals(row["ratio"]), memory])
    return tabular("lrrr", ["network", "batch", "time", "memory"], lines)


def frameworks(results: Results) -> str | None:
    """The same training on both frameworks, side by side: PSNR, and time over torch.nn's."""
    found = results.get("ablations/frameworks")
    rows = study_rows(found) if found else {}
    lines = []
    for name, *both in side_by_side(rows):
        cells = [
            decimals(row.single) + (rf"\,$\pm$\,{decimals(row.spread)}" if row.seeds > 1 else "")
            for row in (rows[one] for one in both)
        ]
        seconds = [seconds_of(found["rows"][one]) / found["setting"]["epochs"] for one in both]
        cells += [decimals(seconds[0], 1), decimals(seconds[0] / seconds[1])]
        lines.append([tex(name), *cells])
    if not lines:
        return None
    header = ["settings", "ours", "torch.nn", "s/epoch", "ratio"]
    return tabular("@{}lrrrr@{}", header, lines)


def tnet(results: Results) -> str | None:
    """The report on TNet, repeated: its networks at one budget, beside what it states."""
    study = results.get("tnet/study")
    found = {name: study["rows"].get(name) for name in TABLE_2} if study else {}
    lines = []
    for name, row in found.items():
        if row is None or not row["seeds"]:
            continue
        scores = [one["psnr_per_image_db"] for one in row["seeds"].values()]
        spread = rf"\,$\pm$\,{decimals(stdev(scores))}" if len(scores) > 1 else ""
        cells = [tex(row["title"]), thousands(row["parameters"]), decimals(mean(scores)) + spread]
        lines.append([*cells, tex(REPORTED[name]).replace(" ± ", r"\,$\pm$\,")])
    if not lines:
        return None
    return tabular("lrrr", ["network", "parameters", "here", "stated"], lines)


TABLES: dict[str, Callable[[Results], str | None]] = {
    "TableFirstScores": first_scores,
    "TableSecondScores": second_scores,
    "TableFirst": lambda results: study_table(results, "miniproject_1", 2),
    "TableSecond": lambda results: study_table(results, "miniproject_2", 3),
    "TableUnseen": unseen,
    "TableTnet": tnet,
    "TableExact": exactness,
    "TableBlocks": blocks,
    "TableSteps": steps,
    "TableFramework": frameworks,
}
