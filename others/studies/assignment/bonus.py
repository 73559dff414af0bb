"""The assignment's bonus: depth, learning rate, batch and noise changed, one at a time.

Each row trains DnCNN for a few steps only, on crops of 64x64 pixels, so the order of the rows is
that of early learning. It is scored once on crops of the test images, with the row's own noise.
`python -m others.studies.assignment.study --bonus` runs what its results lack.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from others.data.seeds import global_seed
from others.engine.experiment import Experiment
from others.engine.options import TrainingOptions
from others.engine.schedules import cosine
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.dncnn import DnCNN
from others.networks.receptive_field import parameters_of
from others.records.formats import decimals, spread, spread_of, whole
from others.records.paths import RESULTS
from others.records.study import Row, Study, read_study, values
from others.records.table import Column, Table, markdown
from others.studies.assignment.dataset import NoisyBSDSDataset
from others.studies.assignment.scores import score

FILE = RESULTS / "assignment" / "bonus.json"
BASE = {
    "depth": 6,
    "learning_rate": 3e-3,  # the peak of a cosine
    "batch_size": 4,
    "sigma": 30,  # of 255
    "crop": 64,  # pixels along a side
    "test_crop": 96,
    "steps": 100,
}
ROWS: dict[str, Row] = {
    "base": Row(),
    "D = 2": Row({"depth": 2}),
    "D = 10": Row({"depth": 10}),
    "rate 0.0003": Row({"learning_rate": 3e-4}),
    "rate 0.03": Row({"learning_rate": 3e-2}),
    "batch 1": Row({"batch_size": 1}),
    "batch 16": Row({"batch_size": 16}),
    "σ = 15": Row({"sigma": 15}),
    "σ = 50": Row({"sigma": 50}),
}


def images_of(use: dict[str, Any], data: Path) -> tuple[NoisyBSDSDataset, NoisyBSDSDataset]:
    """The images to train and to test on, with the noise of a row."""
    crop, test_crop = ((use[name], use[name]) for name in ("crop", "test_crop"))
    train = NoisyBSDSDataset(data, "train", crop, use["sigma"], turned=True)
    return train, NoisyBSDSDataset(data, "test", test_crop, use["sigma"], seed=0)


def trained(use: dict[str, Any], data: Path, seed: int) -> tuple[Experiment, NoisyBSDSDataset]:
    """The training of a row, done, and its test images."""
    train, test = images_of(use, data)
    with global_seed(seed):
        net = DnCNN(use["depth"])
    optimizer = torch.optim.Adam(net.parameters(), use["learning_rate"])
    options = TrainingOptions(
        seed=seed, schedule=cosine, steps_per_epoch=use["steps"], progress=False
    )
    experiment = Experiment(
        net,
        train,
        test,
        optimizer,
        DenoisingStatsManager(),
        None,
        use["batch_size"],
        False,
        options,
    )
    experiment.run(1)
    return experiment, test


def measure(data: Path, _: str, row: Row, seed: int) -> dict[str, Any]:
    """Train and score a row."""
    experiment, test = trained({**BASE, **row.changes}, data, seed)
    before = score(nn.Identity(), test, draws=1)["psnr_unclipped_db"]
    after = score(experiment.denoiser, test, draws=1)["psnr_unclipped_db"]
    return {
        "noisy_psnr_unclipped_db": before,
        "psnr_unclipped_db": after,
        "parameters": parameters_of(experiment.denoiser).total,
        "seconds": experiment.history[-1]["seconds"],
    }


def run_bonus(data: Path, seeds: int, path: Path) -> dict[str, Any]:
    """The results in a file, after the runs that it lacks; `data` has train/ and test/.

    Raises:
        ValueError: the file's results are of other settings or images.
    """
    train, test = images_of(BASE, data)
    setting = {**BASE, "train": train.config, "test": test.config}
    return Study(path, setting, ROWS).run(partial(measure, data), seeds=seeds)


def bonus_table(results: dict[str, Any]) -> Table:
    """What has been run of the rows; a row that has not been has no figures."""
    columns = [
        Column("change"),
        Column("parameters", whole),
        Column("noisy", decimals, "dB"),
        Column("PSNR", spread, "dB"),
        Column("trainings", whole),
    ]
    rows = []
    for name in ROWS:
        found = results["rows"].get(name, {"seeds": {}})
        if not found["seeds"]:
            rows.append([name, None, None, None, 0])
            continue
        first = found["seeds"]["0"]
        psnr = spread_of(values(found, "psnr_unclipped_db"))
        noisy = first["noisy_psnr_unclipped_db"]
        rows.append([name, first["parameters"], noisy, psnr, len(found["seeds"])])
    return Table(columns, rows)


def bonus_section(path: Path = FILE) -> str:
    """The table with a sentence on how it came about, or a sentence that says how to make it."""
    if not path.is_file():
        return (
            "Not run: `python -m others.studies.assignment.study --bonus --data BSDS --install` "
            "runs it."
        )
    results = read_study(path)
    steps = results["setting"]["steps"]
    return f"""After {steps} steps each: early learning, not what the networks can reach.

{markdown(bonus_table(results))}"""
