"""Noise2Noise training with the framework's own forward and backward passes.

The two copies of an image carry independent zero-mean noise, so the prediction with the least
squared error to the second noisy copy is the one with the least error to the clean image.
"""

import math
from pathlib import Path
from random import Random
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from torch import arange

from .activations import MSE
from .augmentation import augment
from .checks import check_progress, check_same_training, check_weights
from .memory import keep_freed_memory
from .module import Module
from .optimizers import SGD, Muon
from .progress import Progress
from .state import load, save
from .tensor import Tensor, checksum

Batch = Tuple[Tensor, Tensor]
BFLOAT16 = {b"avx512_bf16", b"amx_bf16"}  # the instructions, by Linux's names
LEAST_HELD_OUT = 100  # fewer pairs say little: then old and new are compared on all of them


class Settings(NamedTuple):
    """How to train, one line a setting."""

    optimizer: str = "muon"  # or "sgd", which wants a peak of 2.0: the loss is a mean over elements
    batch_size: int = 32
    learning_rate: float = 0.02  # the peak, from scratch
    fine_tuning_rate: float = 0.0002  # the peak when pretrained weights were loaded
    momentum: float = 0.95
    bias_factor: float = 100.0  # Muon alone: the rate of biases, which are left to plain SGD
    warm_up: float = 0.05  # share of all steps in which the rate rises linearly
    least_warm_up: int = 10  # steps of it at least
    final_rate: float = 0.0  # share of the peak that is left at the end
    average: float = 0.998  # decay of the moving average of the weights
    exchange: bool = True  # pixels between the two copies
    symmetries: bool = True  # flips and quarter turns
    noise_floor: float = 1e-3  # added to an image's noise before the loss is divided by it
    held_out: int = 1000  # pairs at most, and 2 % of all, kept to compare old and new
    max_pixels: int = 2**18  # of one batch: larger images come in smaller batches
    bfloat16: Optional[bool] = None  # images and gradients in 16 bits; None: where that is faster
    seed: int = 0


class Trainer:
    """One training of `network`, in place, on pairs of noisy images in [0, 255].

    A training that is interrupted leaves half-trained weights, which may be worse than before.

    Args:
        network: a map on (N, 3, H, W) in [0, 1], on its device, with the weights to start from.
        noisy_a, noisy_b: (N, 3, H, W) with H and W that the network takes, two noisy copies of the
            same images, on any device.
        num_epochs: passes over all pairs. The rate rises and falls within them, but only rises in
            fewer than `least_warm_up` steps.
        pretrained: start at the lower rate, because the weights are already good.
        checkpoint: file to save the state to after each epoch, and to continue from if it exists.

    Raises:
        ValueError: the checkpoint is damaged or belongs to another training, or the settings name
            an optimizer that is not there.
    """

    def __init__(
        self,
        network: Module,
        noisy_a: Tensor,
        noisy_b: Tensor,
        num_epochs: int,
        pretrained: bool = False,
        checkpoint: Optional[Path] = None,
        settings: Optional[Settings] = None,
    ) -> None:
        self.settings = use = settings or Settings()
        self.device = network.param()[0][0].device
        self.network, self.loss, self.checkpoint = network, MSE(), checkpoint
        self.noisy_a, self.noisy_b = noisy_a.to(self.device), noisy_b.to(self.device)
        self.num_epochs, self.epoch = num_epochs, 0
        self._divide()
        self.peak = use.fine_tuning_rate if pretrained else use.learning_rate
        self.bfloat16 = fast_precision(self.device) if use.bfloat16 is None else use.bfloat16
        self.before, self.average = network.state_dict(), network.state_dict()
        self.random = Random(use.seed)
        self.optimizer: Any = self._new_optimizer()  # a study may put in another one
        if checkpoint is not None:
            self.described = self._describe()
            if checkpoint.exists():
                self._load(checkpoint)
        self.optimizer.bfloat16 = self.bfloat16  # a saved state goes on in its own precision

    def _divide(self) -> None:
        """Set how many pairs are trained on, and held out, and how many steps the training has."""
        pairs, _, height, width = self.noisy_a.shape
        held_out = min(self.settings.held_out, pairs // 50)
        self.count = pairs - (held_out if held_out >= LEAST_HELD_OUT else 0)
        fitting = self.settings.max_pixels // (height * width)
        self.batch_size = max(1, min(self.settings.batch_size, fitting))
        self.steps = self.num_epochs * math.ceil(self.count / self.batch_size)

    def _new_optimizer(self) -> SGD:
        use = self.settings
        if use.optimizer == "sgd":
            return SGD(self.network, self.peak, use.momentum)
        if use.optimizer != "muon":
            raise ValueError(f"expected the optimizer muon or sgd, got {use.optimizer!r}")
        return Muon(self.network, self.peak, use.momentum, bias_factor=use.bias_factor)

    def run(self) -> None:
        """Train, then leave in the network whichever weights do better on the held-out pairs."""
        keep_freed_memory()
        progress = Progress(self.count * (self.num_epochs - self.epoch))
        try:
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
        """The pairs of an epoch in a new order, augmented, near [0, 1]."""
        order = list(range(self.count))
        self.random.shuffle(order)
        shuffled = arange(0, device="cpu").new_tensor(order).to(self.device)
        use = self.settings
        for chosen in shuffled.split(self.batch_size):
            yield augment(*self._pair(chosen), self.random, use.exchange, use.symmetries)

    def _pair(self, chosen: Union[Tensor, slice]) -> Batch:
        """Both copies of some images, with [0, 255] scaled to [0, 1], clamped to [-1, 2]."""
        noisy_a, noisy_b = self.noisy_a[chosen].float(), self.noisy_b[chosen].float()
        return (noisy_a / 255).clamp(-1, 2), (noisy_b / 255).clamp(-1, 2)

    def step(self, step: int, batch: Batch) -> Tensor:
        """Train on a batch as the step with this number, and return its loss."""
        self.optimizer.lr = self.peak * learning_rate_factor(step, self.steps, self.settings)
        loss, roots = self._weighted_loss(batch, self.bfloat16)
        self.optimizer.zero_grad()
        self.network.accumulate(roots * self.loss.backward())
        self.optimizer.step()
        decay = min(self.settings.average, (step + 1) / (step + 10))  # short trainings forget more
        for name, value, _ in self.network.named():
            self.average[name].lerp_(value, 1 - decay)
        return loss

    def _weighted_loss(self, batch: Batch, bfloat16: bool) -> Tuple[Tensor, Tensor]:
        """The mean of w (prediction - target)², where w is the weight of an image, and √w.

        As the mean square of √w · prediction - √w · target, it is the MSE of other inputs. By the
        chain rule its gradient is multiplied by √w on the way back to the prediction.
        """
        noisy, target = batch
        roots = weights_of_images(noisy, target, self.settings.noise_floor).sqrt()
        prediction = self.network.forward(noisy.bfloat16() if bfloat16 else noisy)
        return self.loss.forward(roots * prediction, roots * target), roots

    def _held_out_loss(self) -> float:
        """The loss on the held-out pairs in both directions, in float32 as the model predicts."""
        start = self.count if self.count < len(self.noisy_a) else 0
        losses: List[float] = []
        for index in range(start, len(self.noisy_a), self.batch_size):
            noisy_a, noisy_b = self._pair(slice(index, index + self.batch_size))
            for batch in ((noisy_a, noisy_b), (noisy_b, noisy_a)):
                loss, _ = self._weighted_loss(batch, bfloat16=False)
                losses.append(len(batch[0]) * float(loss))
        return sum(losses)

    def _keep_the_better(self) -> None:
        self.network.load_state_dict(self.average)
        after = self._held_out_loss()
        self.network.load_state_dict(self.before)
        if after < self._held_out_loss():
            self.network.load_state_dict(self.average)

    def _describe(self) -> Dict[str, Any]:
        """What must be the same where a saved state is continued, the first weights included."""
        return {
            "num_epochs": self.num_epochs,
            "peak": self.peak,
            "pairs": list(self.noisy_a.shape),
            "checksum of the pairs": checksum((self.noisy_a, self.noisy_b)),
            "checksum of the weights": checksum(self.before.values()),
            **self.settings._asdict(),
        }

    def _save(self, path: Path) -> None:
        version, numbers, spare = self.random.getstate()
        state = {
            "described": self.described,
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "average": self.average,
            "velocities": dict(zip(self.before, self.optimizer.velocities)),
            "random": [version, list(numbers), spare],
            "bfloat16": self.bfloat16,
        }
        save(path, state)

    def _load(self, path: Path) -> None:
        """Take over a saved state."""
        state = load(path)
        check_same_training(state.get("described"), self.described, path)
        network = check_weights(state.get("network"), self.before, path)
        average = check_weights(state.get("average"), self.before, path)
        velocities = check_weights(state.get("velocities"), self.before, path)
        try:
            version, numbers, spare = state["random"]
            self.random.setstate((version, tuple(numbers), spare))
            self.epoch, self.bfloat16 = check_progress(state, self.num_epochs)
        except Exception as error:  # whatever a damaged state makes of it
            raise ValueError(f"{path} holds no state of this training: {error}") from error
        self.network.load_state_dict(network)
        self.average = {name: average[name].to(self.device) for name in self.before}
        self.optimizer.velocities = [velocities[name].to(self.device) for name in self.before]


def weights_of_images(noisy: Tensor, target: Tensor, floor: float) -> Tensor:
    """A weight for each image of a batch, (N, 1, 1, 1): one over the noise in it, but 1 on average.

    The score is a mean of logarithms, one an image, and d log(e) = de / e: an image with little
    error counts more. Its error is not known, but the noise is: noisy and target differ by twice
    its variance. A weight that is constant over an image leaves the minimiser where it was.
    """
    weights = 1 / ((noisy - target).square().mean((1, 2, 3), keepdim=True) + floor)
    return weights / weights.mean()


def learning_rate_factor(step: int, steps: int, settings: Settings) -> float:
    """Linear warm-up, then half a cosine: the share of the peak rate at `step`."""
    done = (step + 1) / (steps + 1)
    rising = max(settings.warm_up, settings.least_warm_up / (steps + 1))
    if done < rising:
        return done / rising
    falling = 0.5 + 0.5 * math.cos(math.pi * (done - rising) / (1 - rising))
    return settings.final_rate + (1 - settings.final_rate) * falling


def fast_precision(device: Any, features: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bfloat16 in hardware, which shortens a step.

    Linux lists the features of the processor in a file; without it, and on a GPU, whose float32 is
    fast enough here, the answer is no. The file is read as bytes, because the name of a processor
    is in it as well, which need not be text.
    """
    if device.type != "cpu" or not features.is_file():
        return False
    return not BFLOAT16.isdisjoint(features.read_bytes().split())
