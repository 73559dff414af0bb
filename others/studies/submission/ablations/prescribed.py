"""One training of the network that the handout prescribes, with some of its settings changed."""

from typing import Any

import torch
from torch import Tensor

from Miniproject_2 import framework as f
from Miniproject_2.framework.symmetries import self_ensemble
from Miniproject_2.framework.training import Settings, Trainer
from others.networks.autograd import Autograd
from others.networks.prescribed import prescribed, torch_twin
from others.studies.submission.ablations.study import Denoiser

NETWORK = ("channels", "kernel", "nearest", "outer")  # changes that are arguments of the network
MUON = ("nesterov", "iterations")  # changes that are arguments of Muon


class InnerMuon:
    """Muon for the layers between the first and the last; SGD with momentum for these two.

    Muon treats a weight as a matrix from features to features. The first weight takes pixels, and
    the last one gives pixels, so neither is such a matrix.

    Args:
        network: with a weight and a bias in each layer that has parameters.
        rate: of Muon; SGD has `factor` times as much, as for biases.
    """

    def __init__(self, network: f.Module, rate: float, momentum: float, factor: float) -> None:
        pairs, self.factor = network.param(), factor
        self.inner = f.Muon(pairs[2:-2], rate, momentum, bias_factor=factor)
        self.outer = f.SGD(pairs[:2] + pairs[-2:], factor * rate, momentum)

    @property
    def lr(self) -> float:
        """The rate of Muon."""
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
            `nearest`, `outer`), `"optimizer": "adam"`, arguments of Muon, `"layers": "inner"` for
            Muon in the inner layers alone, and `"framework": "torch.nn"`, where autograd computes
            the passes.
    """
    torch.manual_seed(seed)
    network = prescribed(**{name: changes[name] for name in NETWORK if name in changes})
    if changes.get("framework") == "torch.nn":
        network = Autograd(torch_twin(network))  # with the weights that our network starts from
    settings = {
        name: value
        for name, value in changes.items()
        if name in Settings._fields and value != "adam"  # which the Trainer does not know
    }
    use = Settings(**settings, seed=seed)
    trainer = Trainer(network, train_input, train_target, epochs, settings=use)
    trainer.optimizer = optimizer_of(changes, trainer)
    trainer.run()

    def denoise(images: Tensor, ensemble: bool) -> Tensor:
        forward = network.forward
        return self_ensemble(forward, images) if ensemble else forward(images)

    return denoise


def optimizer_of(changes: dict[str, Any], trainer: Trainer) -> Any:
    """The optimizer of a row: the trainer's own, or one that `Settings` cannot describe."""
    network, rate, use = trainer.network, trainer.peak, trainer.settings
    if changes.get("optimizer") == "adam":
        return f.Adam(network, rate)
    if changes.get("layers") == "inner":
        return InnerMuon(network, rate, use.momentum, use.bias_factor)
    arguments = {name: changes[name] for name in MUON if name in changes}
    if arguments:
        return f.Muon(network, rate, use.momentum, bias_factor=use.bias_factor, **arguments)
    return trainer.optimizer
