"""The tables of README.md and others/README.md, from the JSON files that hold the measurements.

    python -m others.report.readme           # rewrites what stands between the markers
    python -m others.report.readme --check   # status 1 if it would

A table stands between `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import Any, Callable

from Miniproject_1.noise2noise.files import write_atomically
from others.records.paths import RESULTS, ROOT
from others.report.results import base_of, curve_points, seconds_of, side_by_side, study_rows
from others.studies.assignment.evaluate import table as assignment_table
from others.studies.biasfree import ablation
from others.studies.biasfree import noise_table as biasfree
from others.studies.biasfree.generalisation import TWINS
from others.studies.submission.models import table

Tables = dict[str, Callable[[], str]]

GENERALISATIONS = {  # the same study of several networks
    "chain": "generalisation_chain",
    "plain": "generalisation_plain",
    "plain, 12 blocks": "generalisation_plain_deep",
    "normalised": "generalisation",
    "normalised, 12 blocks": "generalisation_deep",
}


def read(name: str) -> Any:
    """A JSON file of others/results."""
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def submission(file: str) -> str:
    """Both shipped models on a set of images."""
    result = read(file)
    lines = [
        "| | parameters | PSNR per image | PSNR pooled | per image, no self-ensemble |",
        "|---|---|---|---|---|",
    ]
    for name, row in result["rows"].items():
        count = f"{row['parameters']:,}" if "parameters" in row else ""
        by = "self_ensemble_" if "parameters" in row else ""  # the noisy images are as they are
        single = f"{row['psnr_per_image_db']:.2f} dB" if by else ""
        cells = (row[f"{by}{name}"] for name in ("psnr_per_image_db", "psnr_pooled_db"))
        scores = " | ".join(f"{cell:.2f} dB" for cell in cells)
        lines.append(f"| {name} | {count} | {scores} | {single} |")
    return "\n".join(lines)


def generated() -> str:
    """What `make run` printed for generated images."""
    result = read("generated.json")
    first = f"data/val_data.pkl: {result['images']} images of 32x32"
    last = "out/denoised.png: noisy, denoised by each model, clean"
    return "\n".join(["```", first, table(result["rows"]), last, "```"])


def framework() -> str:
    """The framework against torch.nn, whole training steps and blocks."""
    result = read("bench/framework.json")
    chosen = [row for row in result["rows"] if row["what"] not in ("forward", "backward")]
    lines = [
        "| ours over torch.nn | time | 10 %–90 % | peak memory |",
        "|---|---|---|---|",
    ]
    for row in chosen:
        what = "forward and backward" if row["what"] == "both" else row["what"]
        memory = f"{row['ours_mib'] / row['torch_mib']:.2f}" if row.get("torch_mib") else ""
        spread = f"{row['low']:.2f}–{row['high']:.2f}"
        lines.append(f"| {row['name']}, {what} | {row['ratio']:.2f} | {spread} | {memory} |")
    return "\n".join(lines)


def assignment() -> str:
    """The networks of the DnCNN assignment on the test images."""
    results = read("assignment/short.json")
    return assignment_table({"noisy": results["noisy"], **results["rows"]})


def ablations(name: str) -> str:
    """A study of others/results/ablations: mean ± std over seeds."""
    rows = study_rows(read(f"ablations/{name}.json"))
    base = base_of(rows)
    lines = [
        "| change | PSNR per image, single pass | difference | self-ensemble |",
        "|---|---|---|---|",
    ]
    for row in rows.values():
        difference = "" if base is None or row is base else f"{row.single - base.single:+.2f}"
        shown = f"{row.single:.2f} ± {row.spread:.2f} dB"
        lines.append(f"| {row.name} | {shown} | {difference} | {row.ensemble:.2f} dB |")
    return "\n".join(lines)


def frameworks() -> str:
    """The same trainings on our framework and on torch.nn: PSNR, and seconds for an epoch."""
    found = read("ablations/frameworks.json")
    rows = study_rows(found)
    lines = [
        "| settings | ours | torch.nn | ours, s/epoch | torch.nn, s/epoch | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for name, *both in side_by_side(rows):
        scores = [f"{rows[one].single:.2f} ± {rows[one].spread:.2f} dB" for one in both]
        seconds = [seconds_of(found["rows"][one]) / found["setting"]["epochs"] for one in both]
        times = [f"{seconds[0]:.1f}", f"{seconds[1]:.1f}", f"{seconds[0] / seconds[1]:.2f}"]
        lines.append(f"| {' | '.join([name, *scores, *times])} |")
    return "\n".join(lines)


def curve(number: int) -> str:
    """PSNR against the length of a training from scratch."""
    found = read(f"curve/miniproject_{number}.json")
    lines = [
        "| epochs | seconds of processor time | PSNR per image | no self-ensemble |",
        "|---|---|---|---|",
    ]
    for point in curve_points(found):
        scores = [f"{point[by + 'psnr_per_image_db']:.2f} dB" for by in ("self_ensemble_", "")]
        lines.append(f"| {point['epochs']} | {point['cpu_seconds']:.0f} | {' | '.join(scores)} |")
    return "\n".join(lines)


def unseen() -> str:
    """Miniproject 1 on noises that the course's pairs do not have."""
    rows = read("unseen.json")["rows"]
    names = list(next(iter(rows.values())))
    lines = [f"| PSNR per image, dB | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for noise, row in rows.items():
        lines.append(f"| {noise} | {' | '.join(f'{row[name]:.2f}' for name in names)} |")
    return "\n".join(lines)


def generalisation() -> str:
    """Bias-free networks and their twins, trained on little noise: a pair of rows for each."""
    studies = {title: read(f"biasfree/{name}.json") for title, name in GENERALISATIONS.items()}
    noisy = next(iter(studies.values()))["rows"]["noisy"]
    rows = {"noisy": [f"{cell['psnr_per_image_db']:.2f}" for cell in noisy.values()]}
    for title, found in studies.items():
        for kind in TWINS:
            rows[f"{title}, {kind.replace('_', ' ')}"] = [
                f"{cell['psnr_per_image_db']:.2f}"
                + (f" ± {cell['psnr_per_image_std_db']:.2f}" if found["seeds"] > 1 else "")
                for cell in found["rows"][kind].values()
            ]
    lines = [f"| {name} | {' | '.join(shown)} |" for name, shown in rows.items()]
    return "\n".join([f"| σ | {' | '.join(noisy)} |", "|---" * (len(noisy) + 1) + "|", *lines])


def masks() -> str:
    """The Jacobian of the bias-free network and of Miniproject 1's: means over images."""
    lines = [
        "| | σ | sum of a mask | its area, pixels | own weight | dimension | bias, grey levels |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ("biasfree_12", "miniproject_1"):
        for sigma, row in read(f"biasfree/jacobian_{name}.json")["rows"].items():
            figures = ("sum", "area", "own", "dimension", "bias")
            shown = (f"{row[one]['mean']:.2f} ± {row[one]['std']:.2f}" for one in figures)
            lines.append(f"| {name} | {sigma} | {' | '.join(shown)} |")
    return "\n".join(lines)


ROOT_TABLES: Tables = {
    "submission": lambda: submission("submission.json"),
    "course": lambda: submission("course.json"),
    "generated": generated,
    "framework": framework,
}
OTHERS_TABLES: Tables = {
    "assignment": assignment,
    "ablations of miniproject 2": lambda: ablations("miniproject_2"),
    "both frameworks": frameworks,
    "curve of miniproject 1": lambda: curve(1),
    "curve of miniproject 2": lambda: curve(2),
    "ablations of miniproject 1": lambda: ablations("miniproject_1"),
    "unseen": unseen,
    "bias-free": lambda: biasfree.markdown(read("biasfree/table.json")["rows"]),
    "generalisation": generalisation,
    "masks": masks,
    "advice": lambda: ablation.markdown(read("biasfree/ablation.json")["judged"]),
}
PAGES = {ROOT / "README.md": ROOT_TABLES, ROOT / "others" / "README.md": OTHERS_TABLES}


def rendered(text: str, tables: Tables) -> str:
    """The text with every table as the results have it; ValueError for a missing marker."""
    for name, make in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"there are no markers for the table {name!r}")
        text = pattern.sub(lambda found, make=make: f"{found[1]}{make()}\n{found[2]}", text)
    return text


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m others.report.readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args()
    for path, tables in PAGES.items():
        text = path.read_text(encoding="utf-8")
        fresh = rendered(text, tables)
        if fresh == text:
            continue
        if options.check:
            sys.exit(f"{path} differs from others/results")
        write_atomically(path, lambda file, fresh=fresh: file.write(fresh.encode()))


if __name__ == "__main__":
    main()
