"""What an ablation is, and how it is run: rows that share a budget, each with several seeds."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor

from Miniproject_1.noise2noise.tensor import checksum
from others.data.course import TRAIN, VALIDATION, load_first, load_pair
from others.engine.metrics import psnr_per_image
from others.records.study import Row, Study

TUNE = "tune_data.pkl"  # noisy and clean images that settings may be chosen on
BATCH = 100  # images that are denoised at once
Denoiser = Callable[[Tensor, bool], Tensor]  # (N, 3, H, W) in [0, 1]; whether by self-ensemble
Train = Callable[[dict[str, Any], Tensor, Tensor, int, int], Denoiser]


@dataclass(frozen=True)
class Ablation:
    """Rows that each change something of a training, and what they share."""

    rows: Mapping[str, Row]
    base: Mapping[str, Any]  # what all rows change of the shipped network and settings
    pairs: int  # how many of the training set are trained on, from its beginning
    epochs: int  # passes over them
    # train(changes, train_input, train_target, epochs, seed) trains a row from scratch on uint8
    # pairs (N, 3, H, W); `changes` are those of the base and of the row together.
    train: Train

    def changes(self, name: str) -> dict[str, Any]:
        """Everything in which the row `name` differs from what is shipped."""
        return {**self.base, **self.rows[name].changes}


def to_score_on(folder: Path) -> Path:
    """The file of noisy and clean images that an ablation scores its rows on."""
    return folder / (TUNE if (folder / TUNE).is_file() else VALIDATION)


def run_ablation(
    ablation: Ablation, names: Sequence[str], folder: Path, seeds: int, path: Path
) -> dict[str, Any]:
    """Train and score what the file `path` lacks of the rows `names`; all results in the file.

    A row whose training pairs are not in `folder` is left out, and stderr says so; the training set
    itself must be there. Checksums of what is trained and scored on are among the results, so that
    rows of other data are never mixed with them.

    Raises:
        FileNotFoundError: no training set, or no images to score on.
        ValueError: too few pairs, a damaged file, or results of another setting in `path`.
    """
    scored_on = to_score_on(folder)
    noisy, clean = load_pair(scored_on)
    shared = load_first(folder / TRAIN, ablation.pairs)
    setting = {
        "base": ablation.base,
        "pairs": ablation.pairs,
        "epochs": ablation.epochs,
        "scored_on": scored_on.name,
        "checksums": {TRAIN: checksum(shared), scored_on.name: checksum((noisy, clean))},
    }
    study = Study(path, setting, ablation.rows)
    files = {name: ablation.rows[name].changes.get("data", TRAIN) for name in names}
    others = set(files.values()) - {TRAIN}
    pairs = {file: training_pairs(folder / file, ablation.pairs) for file in others}
    pairs[TRAIN] = shared

    def measure(name: str, _: Row, seed: int) -> dict[str, Any]:
        loaded = pairs[files[name]]
        assert loaded is not None  # the rows without data are not among those that are run
        start = time.perf_counter()
        denoise = ablation.train(ablation.changes(name), *loaded, ablation.epochs, seed)
        seconds = round(time.perf_counter() - start, 1)
        return {**scores(denoise, noisy, clean), "seconds": seconds}

    complete = [name for name in names if pairs[files[name]] is not None]
    return study.run(measure, complete, seeds, say=partial(print, flush=True))


def training_pairs(path: Path, count: int) -> tuple[Tensor, Tensor] | None:
    """The first pairs of a file; None if it is missing."""
    if path.is_file():
        return load_first(path, count)
    print(f"no {path}: the rows that train on it are left out", file=sys.stderr)
    return None


def scores(denoise: Denoiser, noisy: Tensor, clean: Tensor) -> dict[str, float]:
    """PSNR per image in dB, without and with self-ensemble, of uint8 images (N, 3, H, W)."""
    target = clean.float() / 255
    found = {}
    for key, ensemble in (("psnr_per_image_db", False), ("self_ensemble_psnr_per_image_db", True)):
        with torch.no_grad():
            parts = [denoise(part.float() / 255, ensemble) for part in noisy.split(BATCH)]
        found[key] = round(psnr_per_image(torch.cat(parts).clamp(0, 1), target), 3)
    return found
