"""Miniproject 2, a setting at a time, and the learning rate against the batch and the momentum.

The loss is a mean over all 3,072 elements of an image, so its gradient is that much smaller than
that of a sum, and the rate has to make up for it. Momentum m sums the last 1 / (1 - m) gradients:
plain SGD wants that much more.

So that every row can be run three times, the base has a quarter of the shipped network's channels;
the shipped ones are a row. All rows compute in float32, whatever the processor has.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from Miniproject_2 import framework as f
from Miniproject_2.framework.symmetries import self_ensemble
from Miniproject_2.framework.training import Settings, Trainer
from Miniproject_2.model import CHANNELS
from others.networks.prescribed import prescribed
from others.studies.submission.ablation import Denoiser, Row, Study

NETWORK = ("channels", "kernel", "nearest")  # these are the network's, the others settings


BASE: Row = {"channels": [32, 96], "bfloat16": False}


def rows() -> dict[str, Row]:
    """Name and changes of every row, the base first."""
    table: dict[str, Row] = {"base": {}}
    for kernel in (2, 3, 6):
        table[f"kernel {kernel}"] = {"kernel": kernel}
    for few, many in ((16, 48), (64, 64), (64, 192), CHANNELS):
        table[f"channels {few}, {many}"] = {"channels": [few, many]}
    for size in (3, 5):
        table[f"nearest, {size}x{size}"] = {"nearest": size}
        table[f"nearest, {size}x{size}, rate 0.5"] = {"nearest": size, "learning_rate": 0.5}
    for rate in (0.01, 0.1, 0.5, 1.0, 4.0, 8.0):
        table[f"rate {rate:g}"] = {"learning_rate": rate}
    for batch, rates in ((8, (0.5, 1.0, 2.0)), (128, (2.0, 4.0, 8.0))):
        for rate in rates:
            table[f"batch {batch}, rate {rate:g}"] = {"batch_size": batch, "learning_rate": rate}
    for rate in (0.01, 0.1, 1.0, 5.0, 10.0, 20.0):
        table[f"no momentum, rate {rate:g}"] = {"momentum": 0.0, "learning_rate": rate}
    for rate in (3e-4, 1e-3, 3e-3, 1e-2):
        table[f"Adam, rate {rate:g}"] = {"optimizer": "adam", "learning_rate": rate}
    table["constant rate"] = {"final_rate": 1.0}
    table["no average of weights"] = {"average": 0.0}
    table["no symmetries"] = {"symmetries": False}
    table["no exchange"] = {"exchange": False}
    table["no augmentation"] = {"exchange": False, "symmetries": False}
    return table


def train(row: Row, first: Tensor, second: Tensor, epochs: int, seed: int) -> Denoiser:
    """Train a row from scratch on uint8 pairs; the answer denoises in float32."""
    torch.manual_seed(seed)
    network = prescribed(**{name: row[name] for name in NETWORK if name in row})
    changed = {k: v for k, v in row.items() if k not in (*NETWORK, "optimizer")}
    trainer = Trainer(network, first, second, epochs, settings=Settings(seed=seed, **changed))
    if row.get("optimizer") == "adam":
        adam: Any = f.Adam(network, trainer.peak)
        trainer.optimizer = adam
    trainer.run()
    return denoiser(network)


def denoiser(network: f.Module) -> Denoiser:
    """A trained network on our framework's interface as a function of images in [0, 1]."""

    def denoise(images: Tensor, ensemble: bool) -> Tensor:
        forward = network.forward
        return self_ensemble(forward, images) if ensemble else forward(images)

    return denoise


STUDY = Study("Miniproject 2", 5_000, 2, rows(), train, BASE)
