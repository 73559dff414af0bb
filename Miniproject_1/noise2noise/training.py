"""Noise2Noise training: pairs of noisy images in, the better of the old and new weights out.

The two copies of an image carry independent zero-mean noise, so the mean of one given the other is
the mean of the clean image given it: the network that minimises the squared error to the second
noisy copy is the one that minimises it to the clean image (Lehtinen et al., 2018).
"""

import copy
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple, Union

import torch
from torch import Tensor, nn

from .augmentation import augment, corrupt
from .checkpoint import read_checkpoint
from .files import write_atomically
from .memory import keep_freed_memory
from .progress import Progress

Batch = Tuple[Tensor, Tensor]
LEAST_HELD_OUT = 100  # fewer pairs say little: then old and new are compared on all of them


@dataclass(frozen=True)
class Settings:
    """How to train, one line a setting."""

    batch_size: int = 32
    learning_rate: float = 2e-3  # the peak, from scratch
    fine_tuning_rate: float = 2e-4  # the peak when pretrained weights were loaded
    betas: Tuple[float, float] = (0.9, 0.99)
    warm_up: float = 0.05  # share of all steps in which the rate rises linearly
    least_warm_up: int = 100  # steps of it at least: the network starts as the identity, no bad one
    final_rate: float = 0.0  # share of the peak that is left at the end
    average: float = 0.998  # decay of the moving average of the weights
    exchange: bool = True  # pixels between the two copies
    symmetries: bool = True  # flips and quarter turns
    noise_floor: float = 1e-3  # added to an image's noise before the loss is divided by it
    gaussian: float = 0.04  # share of the inputs that get Gaussian noise as well
    impulses: float = 0.02  # share of the inputs that get random pixels as well
    held_out: int = 1000  # pairs at most, and 2 % of all, kept to compare old and new
    max_pixels: int = 2**18  # of one batch: larger images come in smaller batches
    seed: int = 0


def weighted_loss(prediction: Tensor, target: Tensor, noisy: Tensor, floor: float) -> Tensor:
    """The squared error of each image over the noise in it, as a mean over the batch.

    The score is a mean of logarithms, one an image, and d log(e) = de / e: an image with little
    error counts more. Its error is not known, but the noise is: noisy and target differ by twice
    its variance. A weight that is constant over an image leaves the minimiser where it was.
    """
    error = (prediction - target).square().mean((1, 2, 3))
    weight = 1 / ((noisy - target).square().mean((1, 2, 3)) + floor)
    return (error * weight).mean() / weight.mean()


def learning_rate_factor(step: int, steps: int, settings: Settings) -> float:
    """Linear warm-up, then half a cosine: the share of the peak rate at `step`."""
    done = (step + 1) / (steps + 1)
    rising = max(settings.warm_up, settings.least_warm_up / (steps + 1))
    if done < rising:
        return done / rising
    falling = 0.5 + 0.5 * math.cos(math.pi * (done - rising) / (1 - rising))
    return settings.final_rate + (1 - settings.final_rate) * falling


def fast_precision(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware, which halves the time of a step."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    supported = getattr(getattr(torch, "cpu", None), "_is_avx512_bf16_supported", None)
    return bool(supported and supported())


class Trainer:
    """One training of `network`, in place, on the pairs (first, second) in [0, 255].

    Args:
        network: on its device, with the weights to start from.
        first, second: (N, 3, H, W), two noisy copies of the same images.
        num_epochs: passes over all pairs; warm-up and decay of the rate fit any number.
        pretrained: start at the lower rate, for the weights are already good.
        checkpoint: file to save the state to after each epoch and to continue from if it exists.
    """

    def __init__(
        self,
        network: nn.Module,
        first: Tensor,
        second: Tensor,
        num_epochs: int,
        pretrained: bool = False,
        checkpoint: Optional[Path] = None,
        settings: Optional[Settings] = None,
    ) -> None:
        self.settings = settings or Settings()
        self.device = next(network.parameters()).device
        self.network, self.checkpoint = network, checkpoint
        self.first, self.second = first.to(self.device), second.to(self.device)
        held_out = min(self.settings.held_out, len(first) // 50)
        self.count = len(first) - (held_out if held_out >= LEAST_HELD_OUT else 0)
        pixels = first.shape[-1] * first.shape[-2]
        self.batch_size = max(1, min(self.settings.batch_size, self.settings.max_pixels // pixels))
        self.num_epochs, self.epoch = num_epochs, 0
        self.steps = num_epochs * math.ceil(self.count / self.batch_size)
        self.peak = self.settings.fine_tuning_rate if pretrained else self.settings.learning_rate
        self.average = copy.deepcopy(network)
        self.before = copy.deepcopy(network.state_dict())
        self.optimizer = torch.optim.Adam(network.parameters(), self.peak, self.settings.betas)
        self.generator = torch.Generator(self.device).manual_seed(self.settings.seed)
        if checkpoint is not None and checkpoint.exists():
            self._load(checkpoint)

    def run(self) -> None:
        """Train, then leave in the network whichever weights do better on the held-out pairs."""
        keep_freed_memory()
        progress = Progress(self.count * (self.num_epochs - self.epoch), "training")
        try:
            with torch.enable_grad():
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
        order = torch.randperm(self.count, generator=self.generator, device=self.device)
        for chosen in order.split(self.batch_size):
            first, second = self.first[chosen].float() / 255, self.second[chosen].float() / 255
            use = self.settings
            noisy, target = augment(first, second, self.generator, use.exchange, use.symmetries)
            yield corrupt(noisy, use.gaussian, use.impulses, self.generator), target

    def _step(self, step: int, batch: Batch) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(step)
        return self._update(batch, 1 - self._decay(step))

    def _rate(self, step: int) -> float:
        return self.peak * learning_rate_factor(step, self.steps, self.settings)

    def _decay(self, step: int) -> float:
        return min(self.settings.average, (step + 1) / (step + 10))  # short trainings forget more

    def _update(self, batch: Batch, share: Union[float, Tensor]) -> Tensor:
        loss = self._loss(self.network, batch)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.network.parameters()):
                mean.lerp_(value, share)
        return loss.detach()

    def _loss(self, network: nn.Module, batch: Batch) -> Tensor:
        noisy, target = batch
        with torch.autocast(self.device.type, torch.bfloat16, fast_precision(self.device)):
            prediction = network(noisy.contiguous(memory_format=torch.channels_last))
        return weighted_loss(prediction.float(), target, noisy, self.settings.noise_floor)

    @torch.no_grad()
    def _held_out_loss(self, network: nn.Module) -> float:
        start = self.count if self.count < len(self.first) else 0
        losses: List[float] = []
        for first, second in zip(
            self.first[start:].split(self.batch_size), self.second[start:].split(self.batch_size)
        ):
            one, two = first.float() / 255, second.float() / 255
            for batch in ((one, two), (two, one)):
                losses.append(len(one) * float(self._loss(network, batch)))
        return sum(losses)

    def _keep_the_better(self) -> None:
        after = self._held_out_loss(self.average)
        self.network.load_state_dict(self.before)
        if after < self._held_out_loss(self.network):
            self.network.load_state_dict(self.average.state_dict())

    def _described(self) -> Dict[str, object]:
        return {
            "num_epochs": self.num_epochs,
            "pairs": list(self.first.shape),
            "peak_rate": self.peak,
            **{name: str(value) for name, value in asdict(self.settings).items()},
        }

    def _save(self, path: Path) -> None:
        state = {
            "described": self._described(),
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "before": self.before,
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }
        write_atomically(path, lambda file: torch.save(state, file))

    def _load(self, path: Path) -> None:
        state = read_checkpoint(path)
        saved, asked = state.get("described"), self._described()
        if saved != asked:
            raise ValueError(f"{path} belongs to another training: {saved}; asked for {asked}")
        self.epoch = state["epoch"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.before = state["before"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
