"""Ablations: every row of a study at the same budget, over several seeds.

    python -m others.studies.submission.ablate second --data DIR [--seeds 3] [--only ROW ...]
        [--list]

DIR holds train_data.pkl, and the images that the rows are scored on: tune_data.pkl, or else
val_data.pkl. The results go to others/results/ablations/STUDY.json after every run, with the
configuration; what is there already is not run again, so that the command can be stopped and
repeated. A row is a mean and a standard deviation over seeds, of the PSNR per image.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

from others.data.course import TRAIN, VALIDATION, load_first, load_pair
from others.engine.metrics import psnr_per_image
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.studies.submission import ablation_frameworks as framework
from others.studies.submission import ablation_miniproject_1 as first
from others.studies.submission import ablation_miniproject_2 as second
from others.studies.submission.ablation import Denoiser, Study

STUDIES = {"first": first.STUDY, "second": second.STUDY, "framework": framework.STUDY}
FOLDER = RESULTS / "ablations"
TUNE = "tune_data.pkl"
Result = dict[str, Any]


def scored_on(folder: Path) -> Path:
    """The noisy and clean images of a folder: to choose settings on, or the validation set."""
    return folder / (TUNE if (folder / TUNE).is_file() else VALIDATION)


def configuration(study: Study, folder: Path) -> Result:
    """What every run of a study shares."""
    return {
        "title": study.title,
        "base": dict(study.base),
        "pairs": study.pairs,
        "epochs": study.epochs,
        "scored_on": scored_on(folder).name,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
    }


def load_results(path: Path, study: Study, folder: Path) -> Result:
    """The results so far; ValueError if they are of another base or budget or other images."""
    fresh = {**configuration(study, folder), "rows": {}}
    if not path.is_file():
        return fresh
    found = json.loads(path.read_text(encoding="utf-8"))
    differing = [
        f"{name} is {found.get(name)!r}, asked for {fresh[name]!r}"
        for name in ("base", "pairs", "epochs", "scored_on")
        if found.get(name) != fresh[name]
    ]
    if differing:
        raise ValueError(f"{path} is of another study: {'; '.join(differing)}")
    return found


def score(denoise: Denoiser, noisy: Tensor, clean: Tensor) -> dict[str, float]:
    """PSNR per image in dB, without and with self-ensemble, of uint8 images."""
    target = clean.float() / 255
    found = {}
    for name, ensemble in (("psnr_per_image_db", False), ("self_ensemble_psnr_per_image_db", True)):
        with torch.no_grad():
            parts = [denoise(part.float() / 255, ensemble).clamp(0, 1) for part in noisy.split(100)]
        found[name] = round(psnr_per_image(torch.cat(parts), target), 3)
    return found


def skipped(path: Path) -> bool:
    """Whether a row's data are missing, which only the training set may not be."""
    if path.is_file() or path.name == TRAIN:
        return False
    print(f"no {path}: a row is left out", file=sys.stderr)
    return True


def run(study: Study, names: list[str], folder: Path, seeds: int, path: Path) -> None:
    """Every missing run of the rows `names`, seed by seed, saved as soon as it is known."""
    results = load_results(path, study, folder)
    files = {study.rows[name].get("data", TRAIN) for name in names}
    data = {
        name: load_first(folder / name, study.pairs) for name in files if not skipped(folder / name)
    }
    noisy, clean = load_pair(scored_on(folder))
    for seed in range(seeds):
        for name in names:
            file = study.rows[name].get("data", TRAIN)
            if file not in data:
                continue
            row = results["rows"].setdefault(name, {"changes": study.rows[name], "seeds": {}})
            if row["changes"] != study.rows[name]:
                raise ValueError(f"{path}: {name!r} was run as {row['changes']}; remove it first")
            if str(seed) in row["seeds"]:
                continue
            start = time.perf_counter()
            denoise = study.train(study.settings(name), *data[file], study.epochs, seed)
            seconds = round(time.perf_counter() - start, 1)
            row["seeds"][str(seed)] = {**score(denoise, noisy, clean), "seconds": seconds}
            results["rows"] = in_order(results["rows"], study)
            save_json(path, results)
            print(f"{name}, seed {seed}: {row['seeds'][str(seed)]}", flush=True)


def in_order(rows: Result, study: Study) -> Result:
    """The rows in the order of the study, whenever they were run; others after them."""
    place = {name: number for number, name in enumerate(study.rows)}
    return dict(sorted(rows.items(), key=lambda row: place.get(row[0], len(place))))


def summary(results: Result) -> list[tuple[str, float, float, float]]:
    """For each row: name, mean and standard deviation of the single PSNR, mean with ensemble."""
    lines = []
    for name, row in results["rows"].items():
        single = [one["psnr_per_image_db"] for one in row["seeds"].values()]
        ensemble = [one["self_ensemble_psnr_per_image_db"] for one in row["seeds"].values()]
        spread = stdev(single) if len(single) > 1 else 0.0
        lines.append((name, mean(single), spread, mean(ensemble)))
    return lines


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.submission.ablate", description=__doc__
    )
    parser.add_argument("study", choices=sorted(STUDIES))
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the .pkl files")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each row (3)")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="rows to run (all)")
    parser.add_argument("--list", action="store_true", help="print the rows and stop")
    parser.add_argument("--json", type=Path, help="results (others/results/ablations/STUDY.json)")
    options = parser.parse_args()
    study = STUDIES[options.study]
    unknown = [name for name in options.only or [] if name not in study.rows]
    if unknown:
        sys.exit(f"{parser.prog}: unknown rows {unknown}; expected some of {list(study.rows)}")
    if options.list:
        print("\n".join(f"{name}: {changes}" for name, changes in study.rows.items()))
        return
    path = options.json or FOLDER / f"{options.study}.json"
    try:
        run(study, options.only or list(study.rows), options.data, options.seeds, path)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    for name, average, spread, ensemble in summary(json.loads(path.read_text(encoding="utf-8"))):
        print(f"{name:28} {average:6.2f} ± {spread:.2f} dB, self-ensemble {ensemble:6.2f} dB")


if __name__ == "__main__":
    main()
