"""Small experiments, and their comparison to the bit, for the tests of the engine."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from others.data.noise import gaussian
from others.data.sets import Noisy
from others.engine.experiment import Experiment
from others.engine.options import TrainingOptions
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.regressor import NNRegressor
from tests.helpers.images import fixed, pixels


class Small(NNRegressor):
    """Two convolutions, with batch normalisation and dropout in between: state and randomness."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.last = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.norm(self.first(x)))
        return x + self.last(nn.functional.dropout(hidden, 0.2, self.training))


def images(count: int, seed: int = 0) -> Tensor:
    """uint8 (count, 3, 8, 8)."""
    return pixels(count, 8, 8, seed)


class Make:
    """Makes experiments on a few images, in a folder, with arguments or options changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, net: nn.Module | None = None, lr: float = 1e-2, **changes: Any
    ) -> Experiment:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = Small() if net is None else net
        arguments: dict[str, Any] = {
            "train_set": Noisy(fixed(images(10)), partial(gaussian, std=0.1), noisy_targets=True),
            "val_set": Noisy(fixed(images(5, seed=1)), partial(gaussian, std=0.1)),
            "optimizer": torch.optim.Adam(net.parameters(), lr),
            "stats_manager": DenoisingStatsManager(0, 1),
            "output_dir": self.folder / "experiment",
            "batch_size": 4,
            "perform_validation_during_training": True,
        }
        for name in arguments.keys() & changes.keys():
            arguments[name] = changes.pop(name)
        return Experiment(net, **arguments, options=TrainingOptions(**changes))


def untimed(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A copy without the entries that depend on the clock."""
    return [
        {name: value for name, value in entry.items() if "second" not in name} for entry in history
    ]


def same(first: Any, second: Any) -> bool:
    """Equality to the bit, through dictionaries and lists of tensors."""
    if isinstance(first, Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def state(experiment: Experiment) -> dict[str, Any]:
    """Everything that a training changes."""
    content = experiment.state_dict()
    return {**content, "history": untimed(content["history"])}
