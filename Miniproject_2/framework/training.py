"""Noise2Noise training with the framework's own forward and backward passes.

The two copies of an image carry independent zero-mean noise, so the prediction with the least
squared error to the second noisy copy is the one with the least error to the clean image.
"""

import math
from ast import literal_eval
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from torch import arange

from .activations import MSE
from .augmentation import augment
from .memory import keep_freed_memory
from .module import Module
from .optimizers import SGD
from .progress import Progress
from .state import load, save
from .tensor import Tensor

Batch = Tuple[Tensor, Tensor]
LEAST_HELD_OUT = 100  # fewer pairs say little: then old and new are compared on all of them


class Settings(NamedTuple):
    """How to train, one line a setting."""

    batch_size: int = 16
    learning_rate: float = 2.0  # the peak, from scratch: the loss is a mean over all elements
    fine_tuning_rate: float = 0.1  # the peak when pretrained weights were loaded
    momentum: float = 0.9
    warm_up: float = 0.05  # share of all steps in which the rate rises linearly
    least_warm_up: int = 200  # steps of it at least: sooner, the peak would undo the network
    final_rate: float = 0.0  # share of the peak that is left at the end
    average: float = 0.998  # decay of the moving average of the weights
    exchange: bool = True  # pixels between the two copies
    symmetries: bool = True  # flips and quarter turns
    held_out: int = 1000  # pairs at most, and 2 % of all, kept to compare old and new
    max_pixels: int = 2**18  # of one batch: larger images come in smaller batches
    bfloat16: Optional[bool] = None  # images and gradients in 16 bits; None: where that is faster
    seed: int = 0


class Trainer:
    """One training of `network`, in place, on the pairs (first, second) in [0, 255].

    Args:
        network: a map on (N, 3, H, W) in [0, 1], with the weights to start from.
        first, second: (N, 3, H, W) with H and W that the network takes, two noisy copies.
        num_epochs: passes over all pairs; warm-up and decay of the rate fit any number.
        pretrained: start at the lower rate, for the weights are already good.
        checkpoint: file to save the state to after each epoch and to continue from if it exists.
    """

    def __init__(
        self,
        network: Module,
        first: Tensor,
        second: Tensor,
        num_epochs: int,
        pretrained: bool = False,
        checkpoint: Optional[Path] = None,
        settings: Optional[Settings] = None,
    ) -> None:
        settings = settings or Settings()
        self.network, self.loss, self.settings = network, MSE(), settings
        self.first, self.second, self.checkpoint = first, second, checkpoint
        held_out = min(settings.held_out, len(first) // 50)
        self.count = len(first) - (held_out if held_out >= LEAST_HELD_OUT else 0)
        pixels = first.shape[-1] * first.shape[-2]
        self.batch_size = max(1, min(settings.batch_size, settings.max_pixels // pixels))
        self.num_epochs, self.epoch = num_epochs, 0
        self.steps = num_epochs * math.ceil(self.count / self.batch_size)
        self.peak = settings.fine_tuning_rate if pretrained else settings.learning_rate
        self.optimizer = SGD(network, self.peak, settings.momentum)
        self.before, self.average = network.state_dict(), network.state_dict()
        self.random = Random(settings.seed)
        short = settings.bfloat16
        self.bfloat16 = is_faster_in_bfloat16(first) if short is None else short
        if checkpoint is not None and checkpoint.exists():
            self._load(checkpoint)

    def run(self) -> None:
        """Train, then leave in the network whichever weights do better on the held-out pairs."""
        keep_freed_memory()
        progress = Progress(self.count * (self.num_epochs - self.epoch), "training")
        try:
            while self.epoch < self.num_epochs:
                self._epoch(progress)
        except BaseException:  # Ctrl-C too: half-trained weights may be worse than the old ones
            self.network.load_state_dict(self.before)
            raise
        progress.close()
        self._keep_the_better()

    def _epoch(self, progress: Progress) -> None:
        first_step = self.epoch * self.steps // self.num_epochs
        for step, batch in enumerate(self._batches(), start=first_step):
            progress.update(len(batch[0]), self._step(step, batch))
        self.epoch += 1
        if self.checkpoint is not None:
            self._save(self.checkpoint)

    def _batches(self) -> Iterator[Batch]:
        order = list(range(self.count))
        self.random.shuffle(order)
        for chosen in arange(0).new_tensor(order).to(self.first.device).split(self.batch_size):
            pair = self.first[chosen], self.second[chosen]
            use = self.settings
            first, second = augment(*pair, self.random, use.exchange, use.symmetries)
            yield first.float() / 255, second.float() / 255

    def _step(self, step: int, batch: Batch) -> Tensor:
        self.optimizer.lr = self.peak * rate_factor(step, self.steps, self.settings)
        noisy, target = batch
        noisy = noisy.bfloat16() if self.bfloat16 else noisy
        loss = self.loss.forward(self.network.forward(noisy), target)
        self.optimizer.zero_grad()
        self.network.accumulate(self.loss.backward())
        self.optimizer.step()
        decay = min(self.settings.average, (step + 1) / (step + 10))  # short trainings forget more
        for name, value, _ in self.network.named():
            self.average[name].lerp_(value, 1 - decay)
        return loss

    def _held_out_loss(self) -> float:
        start = self.count if self.count < len(self.first) else 0
        losses: List[float] = []
        for index in range(start, len(self.first), self.batch_size):
            part = slice(index, index + self.batch_size)
            pair = self.first[part].float() / 255, self.second[part].float() / 255
            for noisy, target in (pair, pair[::-1]):
                loss = self.loss.forward(self.network.forward(noisy), target)
                losses.append(len(noisy) * float(loss))
        return sum(losses)

    def _keep_the_better(self) -> None:
        self.network.load_state_dict(self.average)
        after = self._held_out_loss()
        self.network.load_state_dict(self.before)
        if after < self._held_out_loss():
            self.network.load_state_dict(self.average)

    def _described(self) -> Dict[str, Any]:
        pairs = list(self.first.shape)
        start = {"num_epochs": self.num_epochs, "pairs": pairs, "peak": self.peak}
        return {**start, **self.settings._asdict()}

    def _save(self, path: Path) -> None:
        state = {
            "described": self._described(),
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "average": self.average,
            "before": self.before,
            "velocities": self.optimizer.velocities,
            "random": repr(self.random.getstate()),
            "bfloat16": self.bfloat16,
        }
        save(path, state)

    def _load(self, path: Path) -> None:
        state = load(path)
        saved, asked = state.get("described"), self._described()
        if saved != asked:
            raise ValueError(f"{path} belongs to another training: {saved}; asked for {asked}")
        self.epoch = state["epoch"]
        self.network.load_state_dict(state["network"])
        self.average, self.before = state["average"], state["before"]
        self.optimizer.velocities = state["velocities"]
        self.random.setstate(literal_eval(state["random"]))
        self.bfloat16 = state["bfloat16"]


def rate_factor(step: int, steps: int, settings: Settings) -> float:
    """Linear warm-up, then half a cosine: the share of the peak rate at `step`."""
    done = (step + 1) / (steps + 1)
    rising = max(settings.warm_up, settings.least_warm_up / (steps + 1))
    if done < rising:
        return done / rising
    falling = 0.5 + 0.5 * math.cos(math.pi * (done - rising) / (1 - rising))
    return settings.final_rate + (1 - settings.final_rate) * falling


def is_faster_in_bfloat16(images: Tensor) -> bool:
    """Whether a processor multiplies matrices twice as fast in bfloat16, by trying both.

    On a GPU, whose float32 is fast enough here, the answer is no.
    """
    if images.is_cuda:
        return False
    exact = arange(512 * 512).view(512, 512).float() / 512**2
    short, seconds = exact.bfloat16(), fastest_product(exact, 7)
    if fastest_product(short, 2) > seconds:  # without such units it is slower by far: no more of it
        return False
    return 2 * fastest_product(short, 7) < seconds


def fastest_product(matrix: Tensor, trials: int) -> float:
    """The seconds of the fastest of some products of a matrix with itself."""
    times = []
    for _ in range(trials):
        start = perf_counter()
        matrix.matmul(matrix)
        times.append(perf_counter() - start)
    return min(times)
