"""Trains the assignment's networks, scores them on the test images, keeps weights and results.

    python -m others.studies.assignment.study --protocol short --data BSDS [--only NAME ...]
        [--install]

BSDS holds train/ and test/. The protocols are rows of PROTOCOLS: full is the assignment's and wants
a GPU, short is for one core with bfloat16, quick is a trial. The rows are the three networks
trained towards clean images and, by the names ending in _n2n, without any: towards a second noisy
copy of each crop (Noise2Noise).

Stopped, the same command continues. Each row has a folder in out/assignment/PROTOCOL with its
checkpoint and a picture of the training, and its weights beside it; the results are in
out/assignment/PROTOCOL.json. With --install weights go to others/pretrained/NAME.pth and results to
others/results/assignment/ as well.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
from functools import partial
from pathlib import Path
from typing import Any, Callable, NamedTuple

import torch

from Miniproject_1.noise2noise.files import write_atomically
from others.data.seeds import global_seed
from others.engine.experiment import Experiment
from others.engine.options import TrainingOptions
from others.engine.schedules import SCHEDULES
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.catalogue import make_network
from others.records.json_files import save_json
from others.records.paths import PRETRAINED, RESULTS
from others.records.weights import save_weights
from others.studies.assignment.dataset import NoisyBSDSDataset
from others.studies.assignment.evaluate import (
    ROWS,
    TEST_SIZE,
    Row,
    check_rows,
    contestant_row,
    load,
    score,
    table,
)
from others.studies.assignment.figures import TrainingPlot

FOLDER = RESULTS / "assignment"
SIGMA = 30
SHOWN = 73  # the test image that the pictures of the trainings show


class Protocol(NamedTuple):
    """How to train and to score, one line a setting."""

    epochs: int
    steps_per_epoch: int | None  # batches; None: as many as show every image once
    crop: int  # pixels along a side
    batch_size: int
    learning_rate: float  # the peak
    schedule: str
    average: float | None = None  # decay of the moving average of the weights
    precision: str = "float32"
    turned: bool = False  # crops in all eight symmetries of the square
    visu_rate: int = 2  # epochs between two pictures
    test_crop: int = TEST_SIZE
    draws: int = 5


PROTOCOLS = {
    "full": Protocol(200, None, 180, 4, 1e-3, "constant"),  # the assignment's
    "short": Protocol(24, 250, 64, 4, 3e-3, "cosine", 0.998, "bfloat16", turned=True, visu_rate=10),
    "quick": Protocol(
        4, 30, 64, 4, 3e-3, "cosine", 0.98, "bfloat16", turned=True, test_crop=192, draws=1
    ),
}


class Study:
    """The trainings of one protocol on one folder of images.

    Args:
        data: folder with train/ and test/.
        folder: where each row's folder and PROTOCOL.json are made.
        installed: where weights and results go too, if anywhere.
    """

    def __init__(
        self,
        name: str,
        data: Path,
        folder: Path,
        seed: int = 0,
        installed: tuple[Path, Path] | None = None,
    ) -> None:
        self.name, self.protocol, self.seed = name, PROTOCOLS[name], seed
        self.folder, self.installed = folder / name, installed
        crop, test_crop = self.protocol.crop, self.protocol.test_crop
        make = partial(NoisyBSDSDataset, data, sigma=SIGMA)
        self.train_sets = {
            noisy: make("train", (crop, crop), noisy_targets=noisy, turned=self.protocol.turned)
            for noisy in {row.noisy_targets for row in ROWS.values()}
        }
        self.test = make("test", (test_crop, test_crop), seed=seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def experiment(self, name: str) -> Experiment:
        """The training of a row, at the point where it was stopped."""
        row, protocol = ROWS[name], self.protocol
        with global_seed(self.seed, self.device):
            inner: Any = make_network(row.net)
        net = inner.net.to(self.device, memory_format=torch.channels_last)
        return Experiment(
            net,
            self.train_sets[row.noisy_targets],
            self.test,
            torch.optim.Adam(net.parameters(), protocol.learning_rate),
            DenoisingStatsManager(),
            self.folder / name,
            protocol.batch_size,
            options=TrainingOptions(
                seed=self.seed,
                schedule=SCHEDULES[protocol.schedule],
                average=protocol.average,
                precision=protocol.precision,
                steps_per_epoch=protocol.steps_per_epoch,
                config={"row": name, "epochs": protocol.epochs},
            ),
        )

    def train(self, name: str) -> tuple[Path, Row]:
        """Train a row to the end; where its weights are, and its part of the results."""
        experiment = self.experiment(name)
        plot = TrainingPlot(
            self.folder / name / "training.png",
            *self.test[SHOWN % len(self.test)],
            self.protocol.visu_rate,
        )
        history = experiment.run(self.protocol.epochs, plot)
        path = self.folder / f"{name}.pth"
        wrapped: Any = make_network(ROWS[name].net)
        wrapped.net.load_state_dict(experiment.denoiser.state_dict())
        save_weights(wrapped, path)
        return path, {
            "configuration": experiment.setting(),
            "training_seconds": round(sum(entry["seconds"] for entry in history)),
            "history": [
                {"epoch": entry["epoch"], "train": rounded(entry["train"])} for entry in history
            ],
        }

    def run(self, names: list[str], say: Callable[[str], object] = print) -> dict[str, Any]:
        """Train and score the rows that the results lack, and return the results."""
        results = self._results()
        for name in check_rows(names):
            weights, trained = self.train(name)
            digest = hashlib.sha256(weights.read_bytes()).hexdigest()
            row = results["rows"].get(name, {})
            if row.get("sha256") != digest:
                net = load(name, self.folder).to(self.device)
                row = contestant_row(name, net, self.test, self.protocol.draws)
                results["rows"][name] = {**row, "sha256": digest, **trained}
            self._save(results, name, weights)
            say(f"{name}: {row['psnr_unclipped_db']:.2f} ± {row['psnr_unclipped_std_db']:.2f} dB")
        return results

    def _results(self) -> dict[str, Any]:
        """The results so far, those of other images or settings left out."""
        heading = {
            "protocol": self.name,
            **self.protocol._asdict(),
            "sigma": SIGMA,
            "seed": self.seed,
            "test": self.test.config,
        }
        path = self.folder.with_suffix(".json")
        if path.is_file():
            results = json.loads(path.read_text(encoding="utf-8"))
            if all(results.get(key) == value for key, value in heading.items()):
                return results
        versions = {"torch": torch.__version__, "python": platform.python_version()}
        noisy = score(torch.nn.Identity(), self.test, self.protocol.draws)
        return {**heading, **versions, "device": self.device.type, "noisy": noisy, "rows": {}}

    def _save(self, results: dict[str, Any], name: str, weights: Path) -> None:
        save_json(self.folder.with_suffix(".json"), results)
        if self.installed is not None:
            pretrained, folder = self.installed
            pretrained.mkdir(parents=True, exist_ok=True)
            content = weights.read_bytes()
            write_atomically(pretrained / f"{name}.pth", lambda file: file.write(content))
            save_json(folder / f"{self.name}.json", results)


def rounded(values: dict[str, float]) -> dict[str, float]:
    """To six digits after the point."""
    return {name: round(value, 6) for name, value in values.items()}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.assignment.study", description=__doc__
    )
    parser.add_argument("--protocol", choices=PROTOCOLS, default="short", help="(short)")
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and test/")
    parser.add_argument("--only", nargs="+", default=list(ROWS), metavar="NAME", help="rows (all)")
    parser.add_argument("--output", type=Path, default=Path("out/assignment"))
    parser.add_argument("--seed", type=int, default=0, help="of weights, crops and noise (0)")
    parser.add_argument("--install", action="store_true", help="into others/")
    options = parser.parse_args()
    installed = (PRETRAINED, FOLDER) if options.install else None
    try:
        check_rows(options.only)
        study = Study(options.protocol, options.data, options.output, options.seed, installed)
        results = study.run(options.only)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    print(table({"noisy": results["noisy"], **results["rows"]}))


if __name__ == "__main__":
    main()
