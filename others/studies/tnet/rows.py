"""The rows of the TNet study: which networks are trained, and with which settings.

The study repeats a student report, "Training a Noise2Noise Denoising Autoencoder with PyTorch"
(Salvi, Van Den Heuvel and Lhotka, EPFL, 2022), whose settings are the defaults here. The report
trained on 50,000 pairs for 50 epochs. Here the number of pairs and epochs is an option of the
command, and it is the same for all rows except those that bring epochs of their own.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Callable

import torch
from torch import nn

from others.networks.tnet import STAGES, BaseNet, TNet
from others.networks.unet import UNet

CLASSES: dict[str, Callable[..., nn.Module]] = {"BaseNet": BaseNet, "TNet": TNet, "UNet": UNet}
SEEDS = 5  # runs of a row
LONG = 16  # epochs of the rows that ask what a longer training changes
DESCRIPTIVE = ("title", "seeds", "pretrained")  # fields that do not change what a training gives


@dataclass(frozen=True)
class TNetRow:
    """One row of the study: a network and the settings of its training, the same for each seed."""

    title: str
    net: str = "TNet"  # a key of CLASSES
    options: dict[str, Any] = field(default_factory=dict)  # arguments of the network's constructor
    loss: str = "l2"
    learning_rate: float = 5e-4  # of Adam
    beta2: float = 0.999  # Adam's decay of the squared gradients
    schedule: str = "constant"
    batch_size: int = 32
    augmentation: str = "none"
    teacher: str | None = None  # the miniproject whose answers are the targets; None: noisy targets
    average: float | None = None  # decay of a moving average of the weights
    clip: float | None = None  # the norm to which larger gradients are scaled down
    epochs: int | None = None  # None: as many as the whole study trains for
    seeds: int = SEEDS  # the most runs that the row gets
    pretrained: str | None = None  # the weights of its first run are kept under this name

    def make(self) -> nn.Module:
        """A new network, whose random weights come from torch's global generator."""
        return CLASSES[self.net](**self.options).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def settings(self) -> dict[str, Any]:
        """Everything that decides what a training gives besides its length, images and seed."""
        left_out = (*DESCRIPTIVE, "epochs")
        return {name: value for name, value in asdict(self).items() if name not in left_out}

    def changes(self) -> dict[str, Any]:
        """The settings, and the epochs, in which this row differs from the study's own."""
        own = TNetRow("").settings()
        found = {name: value for name, value in self.settings().items() if value != own[name]}
        return found if self.epochs is None else {**found, "epochs": self.epochs}


def _normalised(stages: list[int]) -> dict[str, Any]:
    return {"batch_norm": stages}


RECIPE: dict[str, Any] = {  # what the rows in their best settings share
    "beta2": 0.99,
    "schedule": "cosine",
    "augmentation": "exchange",
    "average": 0.998,
    "clip": 1.0,
}

TAUGHT: dict[str, Any] = {**RECIPE, "teacher": "miniproject_1", "augmentation": "turn"}

ROWS: dict[str, TNetRow] = {
    # Tables 1 and 2 of the report
    "basenet": TNetRow("BaseNet", net="BaseNet"),
    "unet": TNetRow("UNet", net="UNet", learning_rate=1e-3),
    "tnet": TNetRow("TNet"),
    "tnet_l1": TNetRow("TNet+L1", loss="l1"),
    "tnet_bn": TNetRow("TNet+BN", options=_normalised(list(STAGES))),
    "tnet_slow": TNetRow("TNet, 0.1", learning_rate=1e-4),
    "tnet_fast": TNetRow("TNet, 0.9", learning_rate=9e-4),
    # The rest of the grid in the report's code, whose table shows the three above alone
    "tnet_rate_1.625": TNetRow("TNet, 1.625", learning_rate=1.625e-3),
    "tnet_rate_2.75": TNetRow("TNet, 2.75", learning_rate=2.75e-3),
    "tnet_rate_3.875": TNetRow("TNet, 3.875", learning_rate=3.875e-3),
    "tnet_rate_5": TNetRow("TNet, 5", learning_rate=5e-3),
    # What the report tried without a gain
    "tnet_dropout": TNetRow("TNet, dropout 0.1", options={"dropout": 0.1}),
    "tnet_hdr": TNetRow("TNet, HDR loss", loss="hdr"),
    "tnet_wide": TNetRow("TNet, latent of 64", options={"latent": 64}),
    # Batch normalisation in one part of the network at a time: which part costs how much?
    "tnet_bn_fine": TNetRow("stages 0 and 1 down", options=_normalised([0, 1]), seeds=3),
    "tnet_bn_latent": TNetRow("stage 2, the latent", options=_normalised([2]), seeds=3),
    "tnet_bn_up": TNetRow("stages 3 and 4, up", options=_normalised([3, 4]), seeds=3),
    "tnet_bn_output": TNetRow("stage 5, the output", options=_normalised([5]), seeds=3),
    # Does the cost of batch normalisation vanish in a longer training? All else is the report's.
    "tnet_long": TNetRow("TNet", epochs=LONG, seeds=3),
    "tnet_bn_long": TNetRow("TNet+BN", options=_normalised(list(STAGES)), epochs=LONG, seeds=3),
    # TNet and UNet in their best settings, trained for about the same processor time
    "tnet_best": TNetRow("TNet, best", learning_rate=8e-3, **RECIPE, epochs=60, seeds=1),
    "unet_best": TNetRow("UNet, best", net="UNet", learning_rate=2e-3, **RECIPE, epochs=4, seeds=1),
    # Targets from Miniproject 1, which was trained on noisy pairs only: they have hardly any noise
    "tnet_taught": TNetRow(
        "TNet, taught",
        learning_rate=4e-3,
        batch_size=16,
        **TAUGHT,
        epochs=64,
        seeds=1,
        pretrained="tnet",
    ),
    "unet_taught": TNetRow(
        "UNet, taught",
        net="UNet",
        learning_rate=2e-3,
        **TAUGHT,
        epochs=2,
        seeds=1,
        pretrained="unet",
    ),
}
GRID = ("tnet_rate_1.625", "tnet_rate_2.75", "tnet_rate_3.875", "tnet_rate_5")
TABLE_1 = ("tnet_slow", "tnet", "tnet_fast", *GRID)
TABLE_2 = ("basenet", "unet", "tnet", "tnet_l1", "tnet_bn")
TRIED = ("tnet_dropout", "tnet_hdr", "tnet_wide")
NORMS = ("tnet_bn", "tnet_bn_fine", "tnet_bn_latent", "tnet_bn_up", "tnet_bn_output")
LONG_NORMS = ("tnet_bn_long",)
BEST = ("tnet_best", "unet_best", "tnet_taught", "unet_taught")
