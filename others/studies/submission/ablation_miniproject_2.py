"""Miniproject 2: its network, its training, and its learning rate for several batches and momenta.

The loss is a mean over all 3,072 elements of an image, so its gradient is 3,072 times smaller than
that of a sum, and the learning rate has to make up for it. A momentum of m adds up about
1 / (1 - m) gradients, so plain SGD needs a rate that is larger by this factor.

All rows start from a network with a quarter of the channels that are shipped, so that each can be
trained three times; the shipped network is a row as well. All compute in float32, whatever the
processor supports.

A second ablation, FRAMEWORKS, trains the same network on our framework and on torch.nn. The two
rows of each pair share the training loop, the initial weights, the batches and the settings. They
differ only in who computes the forward and backward passes.

The published settings are those of a student report of 2022 (Brown, Briand, de Schoulepnikoff,
EE-559): 32 and 64 channels, nearest-neighbour upsampling with 3x3 convolutions, and plain SGD
without augmentation. After 8 epochs it states 20.6 dB with its own framework, 20.4 dB with
torch.nn, and 21.4 dB with torch.nn and transposed convolutions. It does not state its batch size.

The shipped settings are tried on half of the shipped channels and in float32, so that any two
cores can afford it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from Miniproject_2 import framework as f
from Miniproject_2.framework.symmetries import self_ensemble
from Miniproject_2.framework.training import Settings, Trainer
from others.networks.autograd import Autograd
from others.networks.prescribed import prescribed, torch_twin
from others.records.study import Row
from others.studies.submission.ablation import Ablation, Denoiser

NETWORK = ("channels", "kernel", "nearest")  # changes that are arguments of the network
NO_SETTINGS = (*NETWORK, "optimizer", "framework")  # all other changes are settings

ROWS: dict[str, Row] = {
    "base": Row(),
    # The network: the size of its kernels, and its channels; the last ones are shipped
    "kernel 2": Row({"kernel": 2}),
    "kernel 3": Row({"kernel": 3}),
    "kernel 6": Row({"kernel": 6}),
    "channels 16, 48": Row({"channels": [16, 48]}),
    "channels 64, 64": Row({"channels": [64, 64]}),
    "channels 64, 192": Row({"channels": [64, 192]}),
    "channels 128, 256": Row({"channels": [128, 256]}),
    # Nearest-neighbour upsampling and a convolution instead of the transposed convolution
    "nearest, 3x3": Row({"nearest": 3}),
    "nearest, 3x3, rate 0.5": Row({"nearest": 3, "learning_rate": 0.5}),
    "nearest, 5x5": Row({"nearest": 5}),
    "nearest, 5x5, rate 0.5": Row({"nearest": 5, "learning_rate": 0.5}),
    # The learning rate at the shipped batch and momentum
    "rate 0.01": Row({"learning_rate": 0.01}),
    "rate 0.1": Row({"learning_rate": 0.1}),
    "rate 0.5": Row({"learning_rate": 0.5}),
    "rate 1": Row({"learning_rate": 1.0}),
    "rate 4": Row({"learning_rate": 4.0}),
    "rate 8": Row({"learning_rate": 8.0}),
    # The learning rate for smaller and for larger batches
    "batch 8, rate 0.5": Row({"batch_size": 8, "learning_rate": 0.5}),
    "batch 8, rate 1": Row({"batch_size": 8, "learning_rate": 1.0}),
    "batch 8, rate 2": Row({"batch_size": 8, "learning_rate": 2.0}),
    "batch 128, rate 2": Row({"batch_size": 128, "learning_rate": 2.0}),
    "batch 128, rate 4": Row({"batch_size": 128, "learning_rate": 4.0}),
    "batch 128, rate 8": Row({"batch_size": 128, "learning_rate": 8.0}),
    # The learning rate of plain SGD
    "no momentum, rate 0.01": Row({"momentum": 0.0, "learning_rate": 0.01}),
    "no momentum, rate 0.1": Row({"momentum": 0.0, "learning_rate": 0.1}),
    "no momentum, rate 1": Row({"momentum": 0.0, "learning_rate": 1.0}),
    "no momentum, rate 5": Row({"momentum": 0.0, "learning_rate": 5.0}),
    "no momentum, rate 10": Row({"momentum": 0.0, "learning_rate": 10.0}),
    "no momentum, rate 20": Row({"momentum": 0.0, "learning_rate": 20.0}),
    # The learning rate of Adam, which scales each step by the size of its gradients
    "Adam, rate 0.0003": Row({"optimizer": "adam", "learning_rate": 3e-4}),
    "Adam, rate 0.001": Row({"optimizer": "adam", "learning_rate": 1e-3}),
    "Adam, rate 0.003": Row({"optimizer": "adam", "learning_rate": 3e-3}),
    "Adam, rate 0.01": Row({"optimizer": "adam", "learning_rate": 1e-2}),
    # The rest of the training
    "constant rate": Row({"final_rate": 1.0}),
    "no average of weights": Row({"average": 0.0}),
    "no symmetries": Row({"symmetries": False}),
    "no exchange": Row({"exchange": False}),
    "no augmentation": Row({"exchange": False, "symmetries": False}),
}


def train(
    changes: dict[str, Any], train_input: Tensor, train_target: Tensor, epochs: int, seed: int
) -> Denoiser:
    """Train a row from scratch on uint8 pairs (N, 3, H, W); the answer denoises in float32.

    Where `changes` have "torch.nn" as the framework, its autograd computes the passes.
    """
    torch.manual_seed(seed)
    network = prescribed(**{name: changes[name] for name in NETWORK if name in changes})
    if changes.get("framework") == "torch.nn":
        network = Autograd(torch_twin(network))  # with the weights that our network starts from
    settings = {name: value for name, value in changes.items() if name not in NO_SETTINGS}
    training = Settings(seed=seed, **settings)
    trainer = Trainer(network, train_input, train_target, epochs, settings=training)
    if changes.get("optimizer") == "adam":
        adam: Any = f.Adam(network, trainer.peak)  # the Trainer is typed for SGD alone
        trainer.optimizer = adam
    trainer.run()

    def denoise(images: Tensor, ensemble: bool) -> Tensor:
        forward = network.forward
        return self_ensemble(forward, images) if ensemble else forward(images)

    return denoise


BASE = {"channels": [32, 96], "bfloat16": False}
ABLATION = Ablation(ROWS, BASE, pairs=5_000, epochs=2, train=train)

# Our framework against torch.nn, in the same training with good settings and with published ones.
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
    "published, batch 4, transposed": {**PUBLISHED, "batch_size": 4},
}
FRAMEWORK_ROWS: dict[str, Row] = {
    f"{name}: {framework}": Row({**changes, "framework": framework})
    for name, changes in SETTINGS.items()
    for framework in ("ours", "torch.nn")
}
FRAMEWORK_BASE = {"channels": [64, 192], "bfloat16": False}
FRAMEWORKS = Ablation(FRAMEWORK_ROWS, FRAMEWORK_BASE, pairs=2_500, epochs=8, train=train)
