"""The trainings of the assignment: protocols, and the study that trains and scores each network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from Miniproject_1.noise2noise.surroundings import gpu_or_cpu
from others.data.seeds import global_seed
from others.engine.experiment import Experiment
from others.engine.options import TrainingOptions
from others.engine.schedules import SCHEDULES
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.catalogue import make_network
from others.records.json_files import save_file
from others.records.study import Row, Study
from others.records.weights import save_weights
from others.studies.assignment.dataset import NoisyBSDSDataset
from others.studies.assignment.figures import TrainingPlot
from others.studies.assignment.scores import (
    CONTESTANTS,
    NOISY,
    TEST_SIZE,
    Result,
    load_contestant,
    score,
    study_rows,
)

SIGMA = 30  # standard deviation of the noise, of 255
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
    # To train the two networks that question 23 compares with several seeds, in ten minutes.
    "early": Protocol(
        3, 100, 64, 4, 3e-3, "cosine", 0.98, "bfloat16", turned=True, test_crop=128, draws=3
    ),
    "quick": Protocol(
        4, 30, 64, 4, 3e-3, "cosine", 0.98, "bfloat16", turned=True, test_crop=192, draws=1
    ),
}
SHIPPED = ("full", "short")  # protocols whose networks are kept as pretrained ones


class AssignmentStudy:
    """The trainings of one protocol on one folder of images.

    Args:
        name: of the protocol.
        data: folder with train/ and test/.
        folder: where the protocol's folder is made, which holds the state of each training and its
            weights.
        results: the file of the results; else PROTOCOL.json in `folder`.
        pretrained: a folder where the weights of the trainings with seed 0 go too.

    Raises:
        ValueError: the results are of other settings or images.
    """

    def __init__(
        self,
        name: str,
        data: Path,
        folder: Path,
        results: Path | None = None,
        pretrained: Path | None = None,
    ) -> None:
        self.protocol, self.folder, self.pretrained = PROTOCOLS[name], folder / name, pretrained
        crop, test_crop = self.protocol.crop, self.protocol.test_crop
        make = partial(NoisyBSDSDataset, data, sigma=SIGMA)
        self.train_sets = {
            noisy: make("train", (crop, crop), noisy_targets=noisy, turned=self.protocol.turned)
            for noisy in (False, True)
        }
        self.test = make("test", (test_crop, test_crop), seed=0)
        self.device = gpu_or_cpu()
        setting = {"protocol": name, **self.protocol._asdict(), "sigma": SIGMA}
        path = results or self.folder.with_suffix(".json")
        self.study = Study(path, {**setting, "test": self.test.config}, study_rows())

    def run(
        self, names: Sequence[str], seeds: int = 1, say: Callable[[str], object] = print
    ) -> Result:
        """Train and score the rows that the results lack, and return the results."""
        return self.study.run(self.measure, [NOISY, *names], seeds, say)

    def measure(self, name: str, row: Row, seed: int) -> Result:
        """Train a row to the end and score it; the noisy images are only scored."""
        if name == NOISY:
            return score(nn.Identity(), self.test, self.protocol.draws)
        experiment = self.experiment(name, seed)
        history = self.train(experiment, name, seed)
        weights = self.save(experiment, name, seed)
        net = load_contestant(name, weights.parent).to(self.device)
        return {
            **score(net, self.test, self.protocol.draws),
            "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
            "configuration": experiment.setting(),
            "training_seconds": round(sum(entry["seconds"] for entry in history)),
            "history": [
                {"epoch": entry["epoch"], "train": rounded(entry["train"])} for entry in history
            ],
        }

    def experiment(self, name: str, seed: int) -> Experiment:
        """The training of a row, at the point where it was stopped."""
        contestant, protocol = CONTESTANTS[name], self.protocol
        with global_seed(seed, self.device):
            inner: Any = make_network(contestant.net)
        net = inner.net.to(self.device, memory_format=torch.channels_last)
        return Experiment(
            net,
            self.train_sets[contestant.noisy_targets],
            self.test,
            torch.optim.Adam(net.parameters(), protocol.learning_rate),
            DenoisingStatsManager(),
            self.folder / name / str(seed),
            protocol.batch_size,
            options=TrainingOptions(
                seed=seed,
                schedule=SCHEDULES[protocol.schedule],
                average=protocol.average,
                precision=protocol.precision,
                steps_per_epoch=protocol.steps_per_epoch,
                config={"row": name, "epochs": protocol.epochs},
            ),
        )

    def train(self, experiment: Experiment, name: str, seed: int) -> list[dict[str, Any]]:
        """Run a training to its end, with a picture every few epochs; its history."""
        plot = TrainingPlot(
            self.folder / name / str(seed) / "training.png",
            *self.test[SHOWN % len(self.test)],
            self.protocol.visu_rate,
        )
        return experiment.run(self.protocol.epochs, plot)

    def save(self, experiment: Experiment, name: str, seed: int) -> Path:
        """Write the weights beside the states of the trainings, and into `pretrained`."""
        path = self.folder / f"weights_{seed}" / f"{name}.pth"
        # With the values' range around it, as every network of the catalogue is saved.
        wrapped: Any = make_network(CONTESTANTS[name].net)
        wrapped.net.load_state_dict(experiment.denoiser.state_dict())
        save_weights(wrapped, path)
        if self.pretrained is not None and seed == 0:
            save_file(self.pretrained / f"{name}.pth", path.read_bytes())
        return path


def rounded(values: dict[str, float]) -> dict[str, float]:
    """To six digits after the point."""
    return {name: round(value, 6) for name, value in values.items()}
