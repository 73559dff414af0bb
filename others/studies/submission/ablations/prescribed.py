"""One training of the network that the handout prescribes, with some of its settings changed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from Miniproject_2 import framework as f
from Miniproject_2.framework.symmetries import self_ensemble
from Miniproject_2.framework.training import Settings, Trainer
from others.networks.autograd import Autograd
from others.networks.prescribed import prescribed, torch_twin
from others.studies.submission.ablations.study import Denoiser

NETWORK = ("channels", "kernel", "nearest")  # changes that are arguments of the network
MUON = ("nesterov", "iterations")  # changes that are arguments of Muon


class InnerMuon:
    """Muon for the layers between the first and the last; SGD with momentum for these two.

    The first weight is all but square as a matrix (C, 48), and the last one makes pixels: both are
    less alike than the weights in between.

    Args:
        network: with a weight and a bias in each layer that has parameters.
        muon: the optimizer of all its parameters, whose settings are taken.
    """

    def __init__(self, network: f.Module, muon: f.Muon) -> None:
        pairs, self.factor = network.param(), muon.bias_factor
        self.inner = f.Muon(pairs[2:-2], muon.lr, muon.momentum, bias_factor=self.factor)
        self.outer = f.SGD(pairs[:2] + pairs[-2:], self.factor * muon.lr, muon.momentum)

    @property
    def lr(self) -> float:
        """The rate of Muon; SGD has `factor` times as much, as for biases."""
        return self.inner.lr

    @lr.setter
    def lr(self, rate: float) -> None:
        self.inner.lr, self.outer.lr = rate, self.factor * rate

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        self.inner.zero_grad()
        self.outer.zero_grad()

    def step(self) -> None:
        """Change every parameter by its gradient."""
        self.inner.step()
        self.outer.step()


def train(
    changes: dict[str, Any], train_input: Tensor, train_target: Tensor, epochs: int, seed: int
) -> Denoiser:
    """Train from scratch on uint8 pairs (N, 3, H, W); the answer denoises in float32.

    Args:
        changes: settings of the Trainer, arguments of the network (`channels`, `kernel`,
            `nearest`), `"optimizer": "adam"`, arguments of Muon, `"layers": "inner"` for Muon in
            the inner layers alone, and `"framework": "torch.nn"`, where autograd computes the
            passes.
    """
    torch.manual_seed(seed)
    network = prescribed(**{name: changes[name] for name in NETWORK if name in changes})
    if changes.get("framework") == "torch.nn":
        network = Autograd(torch_twin(network))  # with the weights that our network starts from
    # The Trainer does not know Adam; it gets it below, in place of its own optimizer.
    known = {name: value for name, value in changes.items() if value != "adam"}
    settings = {name: value for name, value in known.items() if name in Settings._fields}
    trainer = Trainer(
        network, train_input, train_target, epochs, settings=Settings(**settings, seed=seed)
    )
    trainer.optimizer = optimizer(changes, network, trainer)
    trainer.run()

    def denoise(images: Tensor, ensemble: bool) -> Tensor:
        forward = network.forward
        return self_ensemble(forward, images) if ensemble else forward(images)

    return denoise


def optimizer(changes: dict[str, Any], network: f.Module, trainer: Trainer) -> Any:
    """The optimizer of the Trainer, or one that its settings have no name for."""
    own = trainer.optimizer
    if changes.get("optimizer") == "adam":
        return f.Adam(network, trainer.peak)
    if changes.get("layers") == "inner" and isinstance(own, f.Muon):
        return InnerMuon(network, own)
    if isinstance(own, f.Muon):
        settings = {name: changes[name] for name in MUON if name in changes}
        return f.Muon(network, own.lr, own.momentum, bias_factor=own.bias_factor, **settings)
    return own
