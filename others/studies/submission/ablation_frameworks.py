"""The same training on our framework and on torch.nn, with good settings and with published ones.

Row by row the two share the training loop, the initial weights, the batches and the settings;
what differs is who computes the passes. The published settings are those of an EE-559 report of
2022 (Brown, Briand, de Schoulepnikoff: 32 and 64 channels, nearest upsampling and 3x3
convolutions, plain SGD without augmentation), which has 20.6 dB with its own framework, 20.4 dB
with torch.nn and 21.4 dB with torch.nn and transposed convolutions, after 8 epochs. The batch size
is not stated there.

The shipped settings are tried on half the shipped channels and in float32, to be affordable on any
two cores.
"""

from __future__ import annotations

import torch
from torch import Tensor

from Miniproject_2.framework.training import Settings, Trainer
from others.networks.autograd import Autograd
from others.networks.prescribed import prescribed, torch_twin
from others.studies.submission.ablation import Denoiser, Row, Study
from others.studies.submission.ablation_miniproject_2 import NETWORK, denoiser

PLAIN: Row = {
    "momentum": 0.0,
    "warm_up": 0.0,
    "least_warm_up": 0,
    "final_rate": 1.0,
    "average": 0.0,
    "exchange": False,
    "symmetries": False,
    "channels": [32, 64],
    "learning_rate": 0.05,
}
SETTINGS: dict[str, Row] = {
    "shipped settings": {},
    "shipped settings, published network": {"channels": [32, 64], "nearest": 3},
    "the same, rate 0.5": {"channels": [32, 64], "nearest": 3, "learning_rate": 0.5},
    "published": {**PLAIN, "nearest": 3},
    "published, batch 4": {**PLAIN, "nearest": 3, "batch_size": 4},
    "published, transposed": PLAIN,
}
BASE: Row = {"channels": [64, 192], "bfloat16": False}


def rows() -> dict[str, Row]:
    """Every settings twice, one after the other."""
    return {
        f"{name}: {who}": {**row, "framework": who}
        for name, row in SETTINGS.items()
        for who in ("ours", "torch.nn")
    }


def train(row: Row, first: Tensor, second: Tensor, epochs: int, seed: int) -> Denoiser:
    """Train a row from scratch on uint8 pairs, with our passes or with torch's."""
    torch.manual_seed(seed)
    network = prescribed(**{name: row[name] for name in NETWORK if name in row})
    settings = {k: v for k, v in row.items() if k not in (*NETWORK, "framework")}
    module = network if row["framework"] == "ours" else Autograd(torch_twin(network))
    Trainer(module, first, second, epochs, settings=Settings(seed=seed, **settings)).run()
    return denoiser(module)


STUDY = Study("Our framework and torch.nn", 2_500, 8, rows(), train, BASE)
