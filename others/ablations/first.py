"""Miniproject 1: architecture, width, loss, augmentation, schedule, averaging, pairs and targets.

Every row trains with the settings of `Miniproject_1.others.training`, but for what it changes.
"""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch import Tensor, nn

from Miniproject_1.others.network import ResidualUNet
from Miniproject_1.others.symmetries import self_ensemble
from Miniproject_1.others.training import Batch, Settings, Trainer
from others.ablations import CLEAN, Denoiser, Row, Study
from others.nets import make_network

OWN = ("net", "loss", "pairs", "data")  # not settings of the training
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": lambda error, weight: (error.abs().mean((1, 2, 3)) * weight).mean(),
    "charbonnier": lambda error, weight: (
        ((error.square() + 1e-6).sqrt()).mean((1, 2, 3)) * weight
    ).mean(),
}


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
    """Name and changes of every row, the shipped configuration first."""
    table: dict[str, Row] = {"shipped": {}}
    for few, many in ((16, 32), (32, 64), (48, 96)):
        table[f"widths {few}, {many}"] = {"net": {"widths": [few, many]}}
    table["three scales, 32 to 128"] = {
        "net": {"widths": [32, 64, 128], "encoder": [1, 1, 2], "decoder": [1, 1]}
    }
    table["one scale, 4 blocks of 64"] = {"net": {"widths": [64], "encoder": [4], "decoder": []}}
    table["half the blocks"] = {"net": {"encoder": [1, 2], "decoder": [1]}}
    for name in ("unet", "dncnn", "tnet"):
        table[name] = {"net": name, "learning_rate": 1e-3}
    table["plain L2"] = {"noise_floor": 1e6}
    table["L1"] = {"loss": "l1"}
    table["Charbonnier"] = {"loss": "charbonnier"}
    for rate in (5e-4, 1e-3, 4e-3):
        table[f"rate {rate:g}"] = {"learning_rate": rate}
    for batch in (8, 128):
        table[f"batch {batch}"] = {"batch_size": batch}
    table["constant rate"] = {"final_rate": 1.0}
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
    """The shipped network with a row's arguments, or another one by its name."""
    asked = row.get("net", {})
    return make_network(asked) if isinstance(asked, str) else ResidualUNet(**asked)


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
        return (self_ensemble(network, images) if ensemble else network(images)).cpu()

    return denoise


STUDY = Study("Miniproject 1", 10_000, 2, rows(), train)
