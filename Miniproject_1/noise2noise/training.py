"""Noise2Noise training: pairs of noisy images in, the better of the old and new weights out.

The two copies of an image carry independent zero-mean noise. So the expected value of one copy,
given the other, is the expected value of the clean image, given that other copy: the network that
minimises the squared error to the second noisy copy is the one that minimises it to the clean image
(Lehtinen et al., 2018).
"""

import copy
import math
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor, nn

from .augmentation import augment, corrupt
from .checkpoint import read_checkpoint
from .checks import check_progress, check_same_training, check_weights, flaw
from .files import write_atomically
from .memory import keep_freed_memory
from .muon import Muon
from .progress import Progress
from .tensor import checksum

Batch = Tuple[Tensor, Tensor]
LEAST_HELD_OUT = 100  # fewer pairs say little: then old and new are compared on all of them


class Settings(NamedTuple):
    """How to train, one line a setting."""

    batch_size: int = 32
    learning_rate: float = 0.01  # the peak of Muon's, from scratch
    fine_tuning_rate: float = 4e-5  # the peak when pretrained weights were loaded
    momentum: float = 0.95
    warm_up: float = 0.05  # share of all steps in which the rate rises linearly
    least_warm_up: int = 100  # steps of it at least: large first ones would undo the identity
    final_rate: float = 0.0  # share of the peak that is left at the end
    average: float = 0.998  # decay of the moving average of the weights
    exchange: bool = True  # pixels between the two copies
    symmetries: bool = True  # flips and quarter turns
    noise_floor: float = 1e-3  # added to an image's noise before the loss is divided by it
    gaussian: float = 0.04  # share of the inputs that get Gaussian noise as well
    impulses: float = 0.02  # share of the inputs that get random pixels as well
    held_out: int = 1000  # pairs at most, and 2 % of all, kept to compare old and new
    max_pixels: int = 2**18  # of one batch: larger images come in smaller batches
    bfloat16: Optional[bool] = None  # images and gradients in 16 bits; None: where that is faster
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
    if device.type == "cuda":  # before 8.0, new torch says yes as well, and emulates it slowly
        capable = torch.cuda.get_device_capability(device) >= (8, 0)
        return capable and torch.cuda.is_bf16_supported()
    supported = getattr(getattr(torch, "cpu", None), "_is_avx512_bf16_supported", None)
    return bool(supported and supported())


class Trainer:
    """One training of `network`, in place, on pairs of noisy images in [0, 255].

    A training that is interrupted leaves half-trained weights, which may be worse than before.

    Args:
        network: on its device, with the weights to start from.
        noisy_a, noisy_b: (N, 3, H, W), two noisy copies of the same images, on any device.
        num_epochs: passes over all pairs. The rate rises and falls within them, but only rises in
            fewer than `least_warm_up` steps.
        pretrained: start at the lower rate, because the weights are already good.
        checkpoint: file to save the state to after each epoch, and to continue from if it exists.

    Raises:
        ValueError: the checkpoint is damaged or belongs to another training.
    """

    def __init__(
        self,
        network: nn.Module,
        noisy_a: Tensor,
        noisy_b: Tensor,
        num_epochs: int,
        pretrained: bool = False,
        checkpoint: Optional[Path] = None,
        settings: Optional[Settings] = None,
    ) -> None:
        self.settings = use = settings or Settings()
        self.device = next(network.parameters()).device
        self.network, self.checkpoint = network, checkpoint
        self.noisy_a, self.noisy_b = noisy_a.to(self.device), noisy_b.to(self.device)
        self.num_epochs, self.epoch = num_epochs, 0
        self._divide()
        self.peak = use.fine_tuning_rate if pretrained else use.learning_rate
        self.bfloat16 = fast_precision(self.device) if use.bfloat16 is None else use.bfloat16
        self.average = copy.deepcopy(network)
        self.before = copy.deepcopy(network.state_dict())
        self.optimizer = Muon(network, self.peak, use.momentum)
        self.generator = torch.Generator(self.device).manual_seed(use.seed)
        if checkpoint is not None:
            self.described = self._describe()
            if checkpoint.exists():
                self._load(checkpoint)

    def _divide(self) -> None:
        """Set how many pairs are trained on, and held out, and how many steps the training has."""
        pairs, _, height, width = self.noisy_a.shape
        held_out = min(self.settings.held_out, pairs // 50)
        self.count = pairs - (held_out if held_out >= LEAST_HELD_OUT else 0)
        fitting = self.settings.max_pixels // (height * width)
        self.batch_size = max(1, min(self.settings.batch_size, fitting))
        self.steps = self.num_epochs * math.ceil(self.count / self.batch_size)

    def run(self) -> None:
        """Train, then leave in the network whichever weights do better on the held-out pairs."""
        keep_freed_memory()
        progress = Progress(self.count * (self.num_epochs - self.epoch))
        try:
            # Its end also ends a step's autocast that Ctrl-C has kept from ending by itself.
            with torch.autocast(self.device.type, enabled=False):
                with torch.enable_grad():
                    while self.epoch < self.num_epochs:
                        self._epoch(progress)
                self._keep_the_better()
        finally:
            progress.close()

    def _epoch(self, progress: Progress) -> None:
        first_step = self.epoch * self.steps // self.num_epochs
        for step, batch in enumerate(self.batches(), start=first_step):
            progress.update(len(batch[0]), self.step(step, batch))
        self.epoch += 1
        if self.checkpoint is not None:
            self._save(self.checkpoint)

    def batches(self) -> Iterator[Batch]:
        """The pairs of an epoch in a new order, augmented, in [0, 1]; targets may lie outside."""
        order = torch.randperm(self.count, generator=self.generator, device=self.device)
        use = self.settings
        for chosen in order.split(self.batch_size):
            pair = self._pair(chosen)
            noisy, target = augment(*pair, self.generator, use.exchange, use.symmetries)
            noisy = corrupt(noisy, use.gaussian, use.impulses, self.generator)
            yield noisy.clamp(0, 1), target

    def _pair(self, chosen: Union[Tensor, slice]) -> Batch:
        """Both copies of some images, with [0, 255] scaled to [0, 1], clamped to [-1, 2]."""
        noisy_a, noisy_b = self.noisy_a[chosen].float(), self.noisy_b[chosen].float()
        return (noisy_a / 255).clamp(-1, 2), (noisy_b / 255).clamp(-1, 2)

    def step(self, step: int, batch: Batch) -> Tensor:
        """Train on a batch as the step with this number, and return its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(step)
        return self.update(batch, 1 - self.average_decay(step))

    def learning_rate(self, step: int) -> float:
        """The rate of the step with this number."""
        return self.peak * learning_rate_factor(step, self.steps, self.settings)

    def average_decay(self, step: int) -> float:
        """The share of the old average that a step keeps: less in the first steps.

        The average begins with the untrained weights, which it has to forget soon.
        """
        return min(self.settings.average, (step + 1) / (step + 10))

    def update(self, batch: Batch, share: Union[float, Tensor]) -> Tensor:
        """Change the weights by a batch; `share` is that of the new weights in their average."""
        # Each weight is used once, so that a cache of weights in 16 bits would save nothing.
        with torch.autocast(self.device.type, torch.bfloat16, self.bfloat16, cache_enabled=False):
            loss = self.loss(self.network, batch)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.network.parameters()):
                mean.lerp_(value, share)
        return loss.detach()

    def loss(self, network: Callable[[Tensor], Tensor], batch: Batch) -> Tensor:
        """What is minimised: the weighted squared error to the other noisy copy."""
        noisy, target = batch
        prediction = network(noisy.contiguous(memory_format=torch.channels_last))
        return weighted_loss(prediction.float(), target, noisy, self.settings.noise_floor)

    @torch.no_grad()
    def _held_out_loss(self, network: nn.Module) -> float:
        """The loss of what the model would predict for the held-out pairs, in both directions."""
        start = self.count if self.count < len(self.noisy_a) else 0
        losses: List[float] = []
        for index in range(start, len(self.noisy_a), self.batch_size):
            noisy_a, noisy_b = self._pair(slice(index, index + self.batch_size))
            for noisy, target in ((noisy_a, noisy_b), (noisy_b, noisy_a)):
                loss = self.loss(lambda x: network(x).clamp(0, 1), (noisy.clamp(0, 1), target))
                losses.append(len(noisy) * float(loss))
        return sum(losses)

    def _keep_the_better(self) -> None:
        after = self._held_out_loss(self.average)
        self.network.load_state_dict(self.before)
        if after < self._held_out_loss(self.network):
            self.network.load_state_dict(self.average.state_dict())

    def _describe(self) -> Dict[str, object]:
        """What must be the same where a saved state is continued, the first weights included."""
        return {
            "num_epochs": self.num_epochs,
            "peak": str(self.peak),
            "pairs": list(self.noisy_a.shape),
            "checksum of the pairs": checksum((self.noisy_a, self.noisy_b)),
            "checksum of the weights": checksum(self.before.values()),
            **{name: str(value) for name, value in self.settings._asdict().items()},
        }

    def _save(self, path: Path) -> None:
        """Write tensors, texts and whole numbers: by `weights_only`, torch 1.13 refuses floats."""
        state = {
            "described": self.described,
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "moments": self.optimizer.state_dict()["state"],
            "generator": self.generator.get_state(),
            "bfloat16": self.bfloat16,
        }
        write_atomically(path, lambda file: torch.save(state, file))

    def _load(self, path: Path) -> None:
        """Take over a saved state."""
        state = read_checkpoint(path)
        check_same_training(state.get("described"), self.described, path)
        network = check_weights(state.get("network"), self.before, path)
        average = check_weights(state.get("average"), self.before, path)
        try:
            self.epoch, self.bfloat16 = check_progress(state, self.num_epochs)
            moments, steps = state["moments"], self.epoch * self.steps // self.num_epochs
            for number, expected in enumerate(self.optimizer.remembered()):
                check_weights({name: moments[number][name] for name in expected}, expected, path)
                step = moments[number]["step"]  # a tensor, and a whole number before torch 1.12
                if float(step) != steps or (isinstance(step, Tensor) and flaw(step, ())):
                    raise ValueError(f"step should be {steps}, got {step}")
            self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
            self.generator.set_state(state["generator"].cpu())
        except Exception as error:  # whatever a damaged state makes of it
            raise ValueError(f"{path} holds no state of this training: {error}") from error
        self.network.load_state_dict(network)
        self.average.load_state_dict(average)
