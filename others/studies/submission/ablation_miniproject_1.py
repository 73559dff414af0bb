"""Miniproject 1: architecture, width, loss, augmentation, schedule, averaging, pairs and targets.

Every row trains with the settings of `Miniproject_1.noise2noise.training`, but for what it
changes. So that every row can be run three times, the base has a quarter of the shipped network's
channels.
"""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch import Tensor, nn

from Miniproject_1.model import ROTATIONS
from Miniproject_1.noise2noise.network import ResidualUNet
from Miniproject_1.noise2noise.symmetries import self_ensemble
from Miniproject_1.noise2noise.training import Batch, Settings, Trainer
from others.data.course import CLEAN
from others.networks.catalogue import make_network
from others.studies.submission.ablation import Denoiser, Row, Study

NETWORK = ("widths", "encoder", "decoder")  # these are the network's,
OWN = (*NETWORK, "net", "loss", "pairs", "data")  # and these no settings of the training either
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": lambda error, weight: (error.abs().mean((1, 2, 3)) * weight).mean(),
    "charbonnier": lambda error, weight: (
        ((error.square() + 1e-6).sqrt()).mean((1, 2, 3)) * weight
    ).mean(),
}
BASE: Row = {"widths": [16, 32]}


class Ablated(Trainer):
    """The shipped training with another loss."""

    loss = ""

    def _loss(self, network: nn.Module, batch: Batch) -> Tensor:
        if not self.loss:
            return super()._loss(network, batch)
        noisy, target = batch
        prediction = network(noisy)
        return LOSSES[self.loss](prediction - target, torch.ones_like(noisy[:, 0, 0, 0]))


def rows() -> dict[str, Row]:
    """Name and changes of every row, the base first."""
    table: dict[str, Row] = {"base": {}}
    for few, many in ((8, 16), (24, 48), (32, 64)):
        table[f"widths {few}, {many}"] = {"widths": [few, many]}
    table["widths 16, 32, 64"] = {
        "widths": [16, 32, 64], "encoder": [1, 1, 2], "decoder": [1, 1]
    }  # fmt: skip
    table["one scale, 5 blocks of 16"] = {"widths": [16], "encoder": [5], "decoder": []}
    table["half the blocks"] = {"encoder": [1, 2], "decoder": [1]}
    table["twice the blocks"] = {"encoder": [4, 6], "decoder": [4]}
    for name in ("unet", "tnet"):
        table[name] = {"net": name, "learning_rate": 1e-3}
    table["plain L2"] = {"noise_floor": 1e6}
    table["L1"] = {"loss": "l1"}
    table["Charbonnier"] = {"loss": "charbonnier"}
    for rate in (5e-4, 1e-3, 4e-3, 8e-3):
        table[f"rate {rate:g}"] = {"learning_rate": rate}
    for batch in (8, 128):
        table[f"batch {batch}"] = {"batch_size": batch}
    table["constant rate"] = {"final_rate": 1.0}
    table["constant, no average"] = {"final_rate": 1.0, "average": 0.0}
    table["no average of weights"] = {"average": 0.0}
    table["no symmetries"] = {"symmetries": False}
    table["no exchange"] = {"exchange": False}
    table["no augmentation"] = {"exchange": False, "symmetries": False}
    table["no other noises"] = {"gaussian": 0.0, "impulses": 0.0}
    for share in (0.1, 0.3):
        table[f"{share:.0%} of the pairs"] = {"pairs": share}
    table["no exchange, clean targets"] = {"data": CLEAN, "exchange": False}
    return table


def network_of(row: Row) -> nn.Module:
    """The shipped kind of network with a row's arguments, or another one by its name."""
    if "net" in row:
        return make_network(row["net"])
    return ResidualUNet(**{name: row[name] for name in NETWORK if name in row})


def train(row: Row, first: Tensor, second: Tensor, epochs: int, seed: int) -> Denoiser:
    """Train a row from scratch on uint8 pairs; the answer denoises in float32."""
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = network_of(row).to(device)
    count = round(row.get("pairs", 1) * len(first))
    settings: dict[str, Any] = {k: v for k, v in row.items() if k not in OWN}
    repeats = round(epochs * len(first) / count)
    pairs = first[:count], second[:count]
    trainer = Ablated(network, *pairs, repeats, settings=Settings(seed=seed, **settings))
    trainer.loss = row.get("loss", "")
    trainer.run()
    network.eval()

    def denoise(images: Tensor, ensemble: bool) -> Tensor:
        images = images.to(device)
        return (self_ensemble(network, images, ROTATIONS) if ensemble else network(images)).cpu()

    return denoise


STUDY = Study("Miniproject 1", 5_000, 2, rows(), train, BASE)
