"""The rows of the study: what is trained, with the report's settings as defaults.

"The report" is "Training a Noise2Noise Denoising Autoencoder with PyTorch" (Salvi, Van Den Heuvel
and Lhotka, EPFL). Its budget was 50,000 pairs for 50 epochs; here the budget is a parameter, and
the same for all rows but those that ask for the best that a network can do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Callable

import torch
from torch import nn

from others.networks.tnet import STAGES, BaseNet, TNet
from others.networks.unet import UNet

CLASSES: dict[str, Callable[..., nn.Module]] = {"BaseNet": BaseNet, "TNet": TNet, "UNet": UNet}
SEEDS = 5  # runs of a row
LONG = 16  # epochs of the rows that ask what a longer training changes


@dataclass(frozen=True)
class Row:
    """One line of a table: a network and how it is trained, the same for each seed."""

    title: str
    net: str = "TNet"  # one of CLASSES
    options: dict[str, Any] = field(default_factory=dict)  # of its constructor
    loss: str = "l2"
    learning_rate: float = 5e-4  # Adam's
    beta2: float = 0.999  # Adam's second
    schedule: str = "constant"
    batch_size: int = 32
    augmentation: str = "none"
    teacher: str | None = None  # a model of the project whose answers are the targets
    average: float | None = None  # decay of a moving average of the weights
    clip: float | None = None  # the most that the norm of the gradient may be
    epochs: int | None = None  # instead of the study's
    seeds: int = SEEDS  # runs at most
    pretrained: str | None = None  # name of the weights that the first seed gives

    def make(self) -> nn.Module:
        """A new network; its random weights come from torch's global generator."""
        return CLASSES[self.net](**self.options).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def configuration(self) -> dict[str, Any]:
        """All that the outcome depends on besides budget, images and seed, as JSON."""
        about = ("title", "epochs", "seeds", "pretrained")
        if self.teacher is None:  # as it was before there were teachers
            about += ("teacher",)
        return {name: value for name, value in asdict(self).items() if name not in about}


def _normalised(stages: list[int]) -> dict[str, Any]:
    return {"batch_norm": stages}


RECIPE: dict[str, Any] = {  # of the long rows: everything but net, rate and length
    "beta2": 0.99,
    "schedule": "cosine",
    "augmentation": "exchange",
    "average": 0.998,
    "clip": 1.0,
}

TAUGHT: dict[str, Any] = {**RECIPE, "teacher": "miniproject_1", "augmentation": "turn"}

ROWS: dict[str, Row] = {
    # Tables 1 and 2
    "basenet": Row("BaseNet", net="BaseNet"),
    "unet": Row("UNet", net="UNet", learning_rate=1e-3),
    "tnet": Row("TNet"),
    "tnet_l1": Row("TNet+L1", loss="l1"),
    "tnet_bn": Row("TNet+BN", options=_normalised(list(STAGES))),
    "tnet_slow": Row("TNet, 0.1", learning_rate=1e-4),
    "tnet_fast": Row("TNet, 0.9", learning_rate=9e-4),
    # Tried by the report without gain
    "tnet_dropout": Row("TNet, dropout 0.1", options={"dropout": 0.1}),
    "tnet_hdr": Row("TNet, HDR loss", loss="hdr"),
    "tnet_wide": Row("TNet, latent of 64", options={"latent": 64}),
    # Which batch normalisation costs what
    "tnet_bn_fine": Row("stages 0 and 1 down", options=_normalised([0, 1]), seeds=3),
    "tnet_bn_latent": Row("stage 2, the latent", options=_normalised([2]), seeds=3),
    "tnet_bn_up": Row("stages 3 and 4, up", options=_normalised([3, 4]), seeds=3),
    "tnet_bn_output": Row("stage 5, the output", options=_normalised([5]), seeds=3),
    # Does its cost show once the training is long? Sixteen times the budget, all else the report's
    "tnet_long": Row("TNet", epochs=LONG, seeds=3),
    "tnet_bn_long": Row("TNet+BN", options=_normalised(list(STAGES)), epochs=LONG, seeds=3),
    # The best of TNet and of UNet on noisy pairs, in about the same processor time
    "tnet_best": Row("TNet, best", learning_rate=8e-3, **RECIPE, epochs=60, seeds=1),
    "unet_best": Row("UNet, best", net="UNet", learning_rate=2e-3, **RECIPE, epochs=4, seeds=1),
    # Taught by Miniproject 1, which saw noisy pairs only: these targets have hardly any noise
    "tnet_taught": Row(
        "TNet, taught",
        learning_rate=4e-3,
        batch_size=16,
        **TAUGHT,
        epochs=64,
        seeds=1,
        pretrained="tnet",
    ),
    "unet_taught": Row(
        "UNet, taught",
        net="UNet",
        learning_rate=2e-3,
        **TAUGHT,
        epochs=2,
        seeds=1,
        pretrained="unet",
    ),
}
TABLE_1 = ("tnet_slow", "tnet", "tnet_fast")
TABLE_2 = ("basenet", "unet", "tnet", "tnet_l1", "tnet_bn")
TRIED = ("tnet_dropout", "tnet_hdr", "tnet_wide")
NORMS = ("tnet_bn", "tnet_bn_fine", "tnet_bn_latent", "tnet_bn_up", "tnet_bn_output")
LONG_NORMS = ("tnet_bn_long",)
BEST = ("tnet_best", "unet_best", "tnet_taught", "unet_taught")
