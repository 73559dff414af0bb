"""The same training on our framework and on torch.nn, with good settings and with published ones.

The two rows of each pair share the training loop, the initial weights, the batches and the
settings. They differ only in who computes the forward and backward passes.

The published settings are those of a student report of 2022 (Brown, Briand, de Schoulepnikoff,
EE-559): 32 and 64 channels, nearest-neighbour upsampling with 3x3 convolutions, and plain SGD
without augmentation. After 8 epochs it states 20.6 dB with its own framework, 20.4 dB with
torch.nn, and 21.4 dB with torch.nn and transposed convolutions. It does not state its batch size.

The shipped settings are tried on half of the shipped channels and in float32, so that any two
cores can afford it.
"""

from __future__ import annotations

from typing import Any

from others.records.study import Row
from others.studies.submission.ablation import Ablation
from others.studies.submission.ablation_miniproject_2 import train

PUBLISHED: dict[str, Any] = {
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
SETTINGS: dict[str, dict[str, Any]] = {
    "shipped settings": {},
    "shipped settings, published network": {"channels": [32, 64], "nearest": 3},
    "the same, rate 0.5": {"channels": [32, 64], "nearest": 3, "learning_rate": 0.5},
    "published": {**PUBLISHED, "nearest": 3},
    "published, batch 4": {**PUBLISHED, "nearest": 3, "batch_size": 4},
    "published, transposed": PUBLISHED,
}
ROWS: dict[str, Row] = {
    f"{name}: {framework}": Row({**changes, "framework": framework})
    for name, changes in SETTINGS.items()
    for framework in ("ours", "torch.nn")
}

BASE = {"channels": [64, 192], "bfloat16": False}
ABLATION = Ablation(ROWS, BASE, pairs=2_500, epochs=8, train=train)
