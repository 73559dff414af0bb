"""Miniproject 1: what its network, its loss, its training and its data each contribute.

Every row trains with the settings of `Miniproject_1.noise2noise.training`, except those that it
or the base changes. All rows start from a network with a quarter of the channels that are shipped,
so that each can be trained three times, and are trained by Adam but where they name another
optimizer.

A second ablation, FULL, compares optimizers with the channels of a new model and one epoch of as
many pairs as the course's, in the precision that the processor is fastest in.
"""

from functools import partial
from typing import Any, Callable

import torch
from torch import Tensor, nn

from Miniproject_1.model import WIDTHS
from Miniproject_1.noise2noise.network import ResidualUNet
from Miniproject_1.noise2noise.progress import Progress
from Miniproject_1.noise2noise.surroundings import gpu_or_cpu
from Miniproject_1.noise2noise.symmetries import ROTATIONS, self_ensemble
from Miniproject_1.noise2noise.training import Batch, Settings, Trainer
from others.data.course import CLEAN
from others.networks.catalogue import make_network
from others.records.study import Row
from others.studies.submission.ablations.study import Ablation, Denoiser

NETWORK = ("widths", "encoder", "decoder")  # changes that are arguments of the network
NO_SETTINGS = (*NETWORK, "net", "loss", "optimizer", "pairs", "data")  # all others are settings
LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "l1": lambda error: error.abs().mean(),
    "charbonnier": lambda error: (error.square() + 1e-6).sqrt().mean(),
}
OTHER_OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "adam": partial(torch.optim.Adam, betas=(0.9, 0.99)),
    "sgd": partial(torch.optim.SGD, lr=0.0, momentum=0.9, nesterov=True),
}

ROWS: dict[str, Row] = {
    "base": Row(),
    # The network: its channels at each scale, its scales, and its blocks at each scale
    "widths 8, 16": Row({"widths": [8, 16]}),
    "widths 24, 48": Row({"widths": [24, 48]}),
    "widths 32, 64": Row({"widths": [32, 64]}),
    "widths 16, 32, 64": Row({"widths": [16, 32, 64], "encoder": [1, 1, 2], "decoder": [1, 1]}),
    "one scale, 5 blocks of 16": Row({"widths": [16], "encoder": [5], "decoder": []}),
    "half the blocks": Row({"encoder": [1, 2], "decoder": [1]}),
    "twice the blocks": Row({"encoder": [4, 6], "decoder": [4]}),
    # Other networks, at half the learning rate of the base
    "unet": Row({"net": "unet", "learning_rate": 1e-3}),
    "tnet": Row({"net": "tnet", "learning_rate": 1e-3}),
    # The loss. With this floor under the noise of an image, all images have the same weight.
    "plain L2": Row({"noise_floor": 1e6}),
    "L1": Row({"loss": "l1"}),
    "Charbonnier": Row({"loss": "charbonnier"}),
    # The optimisation
    "rate 0.0005": Row({"learning_rate": 5e-4}),
    "rate 0.001": Row({"learning_rate": 1e-3}),
    "rate 0.004": Row({"learning_rate": 4e-3}),
    "rate 0.008": Row({"learning_rate": 8e-3}),
    "batch 8": Row({"batch_size": 8}),
    # The 78 steps of this training would end within the base's warm-up of 100, a third of its own.
    "batch 128, warm-up 25": Row({"batch_size": 128, "least_warm_up": 25}),
    # Other optimizers than Adam; their rates are not Adam's
    "SGD, rate 0.1": Row({"optimizer": "sgd", "learning_rate": 0.1}),
    "SGD, rate 0.3": Row({"optimizer": "sgd", "learning_rate": 0.3}),
    "SGD, rate 1": Row({"optimizer": "sgd", "learning_rate": 1.0}),
    "Muon, rate 0.01": Row({"optimizer": "muon", "learning_rate": 0.01}),
    "Muon, rate 0.02": Row({"optimizer": "muon", "learning_rate": 0.02}),
    "constant rate": Row({"final_rate": 1.0}),
    "constant, no average": Row({"final_rate": 1.0, "average": 0.0}),
    "no average of weights": Row({"average": 0.0}),
    # The augmentation
    "no symmetries": Row({"symmetries": False}),
    "no exchange": Row({"exchange": False}),
    "no augmentation": Row({"exchange": False, "symmetries": False}),
    "no other noises": Row({"gaussian": 0.0, "impulses": 0.0}),
    # Fewer pairs, for as many steps: the share of the pairs that are left
    "10% of the pairs": Row({"pairs": 0.1}),
    "30% of the pairs": Row({"pairs": 0.3}),
    # What noisy targets cost. Pixels cannot be exchanged with a clean image.
    "no exchange, clean targets": Row({"data": CLEAN, "exchange": False}),
}


class AblatedTrainer(Trainer):
    """The shipped training, with one of LOSSES in the place of its own loss."""

    other_loss = ""  # a key of LOSSES; empty for the shipped loss
    followed: Callable[[nn.Module], object] | None = None  # see `train`

    def _epoch(self, progress: Progress) -> None:
        """An epoch, after which `followed` is called with the average of the weights."""
        super()._epoch(progress)
        if self.followed is not None:
            self.followed(self.average)

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """One of LOSSES, or the shipped loss."""
        if not self.other_loss:
            return super().loss(network, batch)
        noisy, target = batch
        return LOSSES[self.other_loss](network(noisy).float() - target)


def network_of(changes: dict[str, Any]) -> nn.Module:
    """A new network of the shipped kind with a row's arguments, or another kind by its name."""
    if "net" in changes:
        return make_network(changes["net"])
    return ResidualUNet(**{name: changes[name] for name in NETWORK if name in changes})


def train(
    changes: dict[str, Any],
    train_input: Tensor,
    train_target: Tensor,
    epochs: int,
    seed: int,
    followed: Callable[[nn.Module], object] | None = None,
) -> Denoiser:
    """Train a row from scratch on uint8 pairs (N, 3, H, W); the answer denoises in float32.

    Args:
        followed: called after each epoch with the average of the weights, as a network.
    """
    torch.manual_seed(seed)
    device = gpu_or_cpu()
    network = network_of(changes).to(device)
    count = round(changes.get("pairs", 1) * len(train_input))
    pairs = train_input[:count], train_target[:count]
    settings = {name: value for name, value in changes.items() if name not in NO_SETTINGS}
    passes = round(epochs * len(train_input) / count)  # fewer pairs are seen more often
    trainer = AblatedTrainer(network, *pairs, passes, settings=Settings(seed=seed, **settings))
    if changes.get("optimizer", "muon") != "muon":
        # The trainer sets the rate of each step in any optimizer.
        trainer.optimizer = OTHER_OPTIMIZERS[changes["optimizer"]](network.parameters())
    trainer.other_loss = changes.get("loss", "")
    trainer.followed = followed
    trainer.run()
    network.eval()

    def denoise(images: Tensor, ensemble: bool) -> Tensor:
        images = images.to(device)
        return (self_ensemble(network, images, ROTATIONS) if ensemble else network(images)).cpu()

    return denoise


ADAM: dict[str, Any] = {"optimizer": "adam", "learning_rate": 0.002}
ABLATION = Ablation(ROWS, base={"widths": [16, 32], **ADAM}, pairs=5_000, epochs=2, train=train)

FULL_ROWS = {
    "base": Row(),
    "rate 0.005": Row({"learning_rate": 0.005}),
    "rate 0.02": Row({"learning_rate": 0.02}),
    "Adam, rate 0.001": Row({**ADAM, "learning_rate": 0.001}),
    "Adam, rate 0.002": Row(ADAM),
    "Adam, rate 0.004": Row({**ADAM, "learning_rate": 0.004}),
    "Adam, rate 0.008": Row({**ADAM, "learning_rate": 0.008}),
    "Adam, batch 8": Row({**ADAM, "batch_size": 8}),
}
FULL_BASE = {"widths": list(WIDTHS)}
FULL = Ablation(FULL_ROWS, FULL_BASE, pairs=50_000, epochs=1, train=train)
