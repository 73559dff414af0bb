"""Several processes compute what one does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from others.data.course import TRAIN, VALIDATION, save_pair
from others.records.checkpoints import BEST, CONFIG, HISTORY, LAST
from others.records.paths import ROOT
from others.train import main
from tests.helpers.experiments import same
from tests.helpers.images import pixels


def figures(output: Path) -> list[dict[str, Any]]:
    """Losses and PSNRs of each epoch."""
    history = json.loads((output / HISTORY).read_text())["epochs"]
    return [{**entry["train"], **entry["validation"]} for entry in history]


def test_two_processes(tmp_path: Path) -> None:
    """torchrun with two processes gives the weights, averages and figures of one, within 1e-6.

    17 pairs in batches of 8 make parts of 4 and 4, and at the end of 1 and none; 5 to validate on
    make parts of 3 and 2. The network has no batch normalisation: that sees a process's part alone.
    """
    for name, count in ((TRAIN, 17), (VALIDATION, 5)):
        save_pair(tmp_path / name, pixels(count, 8, 8), pixels(count, 8, 8, seed=1))
    options = [
        "--net",
        "tnet",
        "--data",
        str(tmp_path),
        "--batch-size",
        "8",
        "--clip",
        "1",
    ]
    options += ["--epochs", "2", "--ema", "0.5", "--schedule", "cosine", "--augment", "exchange"]
    main([*options, "--output", str(tmp_path / "one")])
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*launch, "-m", "others.train", *options, "--output", str(tmp_path / "two")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0] == "start from epoch 1"
    assert len(result.stdout.splitlines()) == 4  # of the first process only
    one, two = tmp_path / "one", tmp_path / "two"
    assert (one / CONFIG).read_bytes() == (two / CONFIG).read_bytes()
    for first, second in zip(figures(one), figures(two)):
        assert first.keys() == second.keys()
        for name, value in first.items():
            assert abs(value - second[name]) < (1e-6 if name == "loss" else 1e-4), name
    for name in (BEST, LAST):
        first, second = (torch.load(output / name) for output in (one, two))
        for part in ("net", "average") if name == LAST else (None,):
            weights = (first, second) if part is None else (first[part], second[part])
            torch.testing.assert_close(*weights, rtol=0, atol=1e-6)
    assert not same(*(torch.load(one / LAST)[part] for part in ("net", "average")))
