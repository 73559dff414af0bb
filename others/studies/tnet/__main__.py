"""The report on TNet, reproduced: every row, over several seeds, and its tables as Markdown.

    python -m others.studies.tnet --data DIR [--only ROW ...] [--seeds 5] [--epochs 1]
    python -m others.studies.tnet --quick

DIR holds train_data.pkl and val_data.pkl. Every run keeps its state in OUTPUT/ROW/SEED after each
epoch, and its result goes to RESULTS/ROW.json; the same command goes on where it was stopped and
runs nothing twice. RESULTS/tables.md is rendered from those files after each run. The row `claims`
measures what the report says about the influence of pixels, on the weights of tnet_taught. --quick
runs everything on a few generated images, prints the tables, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from others.analysis.influence import Smoothing, measure
from others.data.course import check_whole, make_data
from others.data.sets import checksum
from others.networks.receptive_field import multiply_adds, parameters_of
from others.records.checkpoints import LAST
from others.records.configuration import differences
from others.records.json_files import save_json
from others.records.paths import PRETRAINED
from others.records.weights import load_weights, save_weights
from others.studies.tnet import tables
from others.studies.tnet.rows import ROWS, SEEDS, Row
from others.studies.tnet.runs import Budget, Images, epochs_of, run

CLAIMS, CLAIMED = "claims", "tnet_taught"  # the measurement, and the row that it is made on
SMOOTHINGS = (Smoothing(1, 0.0), Smoothing(8, 0.1), Smoothing(8, 0.3))
QUICK = {"pairs": 96, "validation": 24}
SIDE = 32  # of the images that multiply-adds are counted for


def identity(row: Row, budget: Budget, images: Images) -> dict[str, Any]:
    """What all runs of a row share; only runs with the same may stand in one file."""
    epochs = epochs_of(row, budget)
    return {
        "configuration": {**row.configuration(), **asdict(budget), "epochs": epochs},
        "images": {
            "validation": len(images.clean),
            "checksums": [checksum(part) for part in vars(images).values()],
        },
    }


def load_result(path: Path, row: Row, budget: Budget, images: Images) -> dict[str, Any]:
    """The row's file, or a new one without seeds; ValueError if it is of other settings."""
    shared = json.loads(json.dumps(identity(row, budget, images)))
    if path.is_file():
        result = json.loads(path.read_text(encoding="utf-8"))
        lines = differences({name: result[name] for name in shared}, shared)
        if lines:
            raise ValueError(
                f"{path} was measured with other settings (saved -> asked for); remove it, or give "
                "other folders with --results and --output:\n  " + "\n  ".join(lines)
            )
        return result
    net = row.make()
    counts = {
        "parameters": parameters_of(net).total,
        "multiply_adds": multiply_adds(net, SIDE, SIDE),
    }
    machine = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    return {"title": row.title, **shared, **counts, **machine, "seeds": {}}


class Study:
    """All runs with one budget and the same images, in two folders: their states, their results."""

    def __init__(self, budget: Budget, images: Images, output: Path, results: Path) -> None:
        self.budget, self.images, self.output, self.results = budget, images, output, results

    def run(self, name: str, row: Row, seed: int, install: Path | None = None) -> None:
        """One run, unless its result is there; then the tables anew.

        Args:
            install: folder for the weights of rows that are meant to be kept.
        """
        path = self.results / f"{name}.json"
        result = load_result(path, row, self.budget, self.images)
        if str(seed) in result["seeds"]:
            return
        folder = self.output / name / str(seed)
        record, net = run(row, seed, self.budget, self.images, folder)
        if row.pretrained and install is not None:
            save_weights(net, install / f"{row.pretrained}.pth")
        result["seeds"][str(seed)] = record
        save_json(path, result)
        tables.write(self.results)
        print(f"{name}, seed {seed}: {record['psnr_per_image_db']:.2f} dB", flush=True)

    def measure_claims(self, limit: int = 1000) -> None:
        """The report's two claims on the first `limit` validation images, by SMOOTHINGS."""
        weights = self.output / CLAIMED / "0" / LAST
        if not weights.is_file():
            weights = PRETRAINED / f"{ROWS[CLAIMED].pretrained}.pth"
        net = ROWS[CLAIMED].make().eval()
        load_weights(net, weights)
        noisy, clean = (
            part[:limit].float() / 255 for part in (self.images.noisy, self.images.clean)
        )
        found = [measure(net, noisy, clean, smoothing) for smoothing in SMOOTHINGS]
        save_json(self.results / f"{CLAIMS}.json", {"row": CLAIMED, "measured": found})
        tables.write(self.results)


def run_all(study: Study, rows: dict[str, Row], seeds: int, install: Path | None) -> None:
    """Seed after seed, so that a study that is stopped has all rows with a few seeds."""
    for seed in range(seeds):
        for name, row in rows.items():
            if seed < row.seeds:
                study.run(name, row, seed, install)


def quick() -> None:
    """Everything once, on generated images; the numbers only show that it runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        make_data(path, QUICK["pairs"], QUICK["validation"])
        budget = Budget(QUICK["pairs"], epochs=1)
        images = Images.read(path, budget.pairs)
        study = Study(budget, images, path / "runs", path / "results")
        rows = {name: replace(row, epochs=None) for name, row in ROWS.items()}
        run_all(study, rows, 1, path / "weights")
        study.measure_claims()
        print((path / "results" / tables.FILE).read_text(encoding="utf-8"))


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.tnet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    budget = Budget()
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the .pkl files")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="rows to run (all)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"runs of a row ({SEEDS})")
    parser.add_argument("--pairs", type=int, default=budget.pairs, help=f"({budget.pairs})")
    parser.add_argument("--epochs", type=int, default=budget.epochs, help=f"({budget.epochs})")
    parser.add_argument("--output", type=Path, default=Path("out/tnet_study"), help="states")
    parser.add_argument("--results", type=Path, default=tables.RESULTS, help="JSON and tables")
    parser.add_argument("--install", action="store_true", help="keep weights in others/pretrained")
    parser.add_argument("--list", action="store_true", help="print the rows and stop")
    parser.add_argument("--quick", action="store_true", help="a smoke test of everything")
    return parser


def main() -> None:
    """Run what is asked for."""
    parser = options()
    asked = parser.parse_args()
    names = asked.only or [*ROWS, CLAIMS]
    unknown = [name for name in names if name not in (*ROWS, CLAIMS)]
    if unknown:
        sys.exit(f"{parser.prog}: unknown rows {unknown}; expected some of {[*ROWS, CLAIMS]}")
    try:
        if asked.list:
            print("\n".join(f"{name}: {row.configuration()}" for name, row in ROWS.items()))
        elif asked.quick:
            quick()
        else:
            for name in ("pairs", "epochs", "seeds"):
                check_whole(f"--{name}", getattr(asked, name), 1)
            budget = Budget(asked.pairs, asked.epochs)
            images = Images.read(asked.data, budget.pairs)
            study = Study(budget, images, asked.output, asked.results)
            rows = {name: row for name, row in ROWS.items() if name in names}
            run_all(study, rows, asked.seeds, PRETRAINED if asked.install else None)
            if CLAIMS in names:
                study.measure_claims()
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
