"""The engine under every training of `others/`: trains, validates, saves, resumes to the bit.

The classes are those of the assignment "Image Denoising with Deep CNNs" (ECE 285, UCSD 2019),
rebuilt: an `Experiment` is a network, two sets, an optimizer, what is measured, and a folder.

All randomness of a batch (its crops, noise and augmentation) follows from the seed, the number of
the epoch and the number of the batch, and that of the network (dropout) from the seed and the
epoch. So there is no random state to save: an epoch that is done again is the same epoch, and each
of several processes draws the same batches. "To the bit" is meant for a CPU: some kernels of a GPU
add in another order each time, unless torch.use_deterministic_algorithms forbids it.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Generator, Tensor, nn

from Miniproject_1.noise2noise.memory import keep_freed_memory
from Miniproject_1.noise2noise.training import fast_precision
from others.data.course import check_whole
from others.data.seeds import seed_of, seeded
from others.data.sets import PairSet, as_pairs
from others.engine.averaging import Average
from others.engine.distributed import parallel, part, rank, wait, world
from others.engine.losses import Loss, l2
from others.engine.progress import Progress
from others.engine.schedules import constant
from others.engine.stats_manager import DenoisingStatsManager, Figures, StatsManager
from others.networks.regressor import NeuralNetwork, NNRegressor, evaluating
from others.records.checkpoints import Checkpoints
from others.records.configuration import describe, describe_optimizer
from others.records.weights import check_weights, weights_of

__all__ = [
    "DenoisingStatsManager",
    "Experiment",
    "NNRegressor",
    "NeuralNetwork",
    "StatsManager",
]
PRECISIONS = ("float32", "bfloat16")


class Experiment:
    """A training that can be stopped at any time and continued by making it again.

    Args:
        net: any module that maps a batch to a batch, on its device, with its initial weights.
        train_set, val_set: torch Datasets of (input, target), or sets that draw whole batches
            (`others.data.sets`). Let the targets of `val_set` be clean even where those of
            `train_set`
            are noisy: a validation against noise measures the noise and finds no best epoch.
        optimizer: of the parameters of `net`; its learning rate is the peak of the schedule.
        stats_manager: what is measured.
        output_dir: folder of the files listed in `others.records.checkpoints`; if it holds an
            experiment with the same configuration, that is continued. None: nothing is written.
        batch_size: images of a step; the last batch of an epoch may have fewer.
        perform_validation_during_training: after each epoch; the best one is then kept.
        seed: of all randomness but the initial weights.
        loss: as in `others.engine.losses`; by default `net.criterion`, or the mean squared error
            where there is none. Unless it is a mean over images, several processes differ from one.
        schedule: the factor of the learning rate as a function of the share done, in (0, 1).
        average: decay of a moving average of the weights, which is then what is validated and kept
            as best.
        clip: the most that the norm of the gradient may be.
        precision: "float32", or "bfloat16" for the products of the training where the hardware has
            them; what is validated is float32.
        steps_per_epoch: batches that make up an epoch, all of them full. By default as many as
            show every image once.
        config: replaces or adds entries of the configuration.
        progress: whether to draw a bar; None: on a terminal only.

    Raises:
        ValueError: a setting that cannot be, an empty set, or a folder with another configuration,
            whose differences are shown. Nothing has been written then.
    """

    def __init__(
        self,
        net: nn.Module,
        train_set: Any,
        val_set: Any,
        optimizer: torch.optim.Optimizer,
        stats_manager: StatsManager,
        output_dir: str | Path | None = None,
        batch_size: int = 16,
        perform_validation_during_training: bool = False,
        *,
        seed: int = 0,
        loss: Loss | None = None,
        schedule: Callable[[float], float] = constant,
        average: float | None = None,
        clip: float | None = None,
        precision: str = "float32",
        steps_per_epoch: int | None = None,
        config: dict[str, Any] | None = None,
        progress: bool | None = None,
    ) -> None:
        self.net, self.optimizer, self.stats_manager = net, optimizer, stats_manager
        self.device = next(net.parameters()).device
        self.train_set, self.val_set = (as_pairs(s, self.device) for s in (train_set, val_set))
        self.batch_size, self.validating = batch_size, perform_validation_during_training
        self.seed, self.loss, self.schedule = seed, loss, schedule
        self.clip, self.precision, self.decay = clip, precision, average
        self.steps_per_epoch, self.progress = steps_per_epoch, progress
        self._check()
        self.fast = precision == "bfloat16" and fast_precision(self.device)
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {"epoch": 0, "score": -math.inf}
        self.model = parallel(net)  # first: it gives all processes the weights of the first one
        self.average = None if average is None else Average(net, average)
        self.checkpoints = None
        if output_dir is not None:
            setting = {**self.setting(), **(config or {})}
            self.checkpoints = Checkpoints(Path(output_dir), setting, writer=rank() == 0)
            self._resume(self.checkpoints)

    def _check(self) -> None:
        check_whole("batch_size", self.batch_size, 1)
        if self.steps_per_epoch is not None:
            check_whole("steps_per_epoch", self.steps_per_epoch, 1)
        if self.precision not in PRECISIONS:
            expected = ", ".join(PRECISIONS)
            raise ValueError(f"precision is {self.precision!r}; expected one of {expected}")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip is {self.clip}; expected a norm above 0")
        if not len(self.train_set) or not len(self.val_set):
            sizes = f"{len(self.train_set)} and {len(self.val_set)}"
            raise ValueError(f"the sets have {sizes} images; expected one at least")
        own = {id(parameter) for parameter in self.net.parameters()}
        groups = self.optimizer.param_groups
        if not any(id(parameter) in own for group in groups for parameter in group["params"]):
            raise ValueError("the optimizer has no parameter of the network; make it anew")

    def setting(self) -> dict[str, Any]:
        """The configuration: all that the outcome depends on, as plain JSON."""
        return {
            "net": describe(self.net),
            "train_set": describe(self.train_set),
            "val_set": describe(self.val_set),
            "optimizer": describe_optimizer(self.optimizer),
            "stats_manager": describe(self.stats_manager),
            "loss": "the network's" if self.loss is None else describe(self.loss),
            "schedule": describe(self.schedule),
            "batch_size": self.batch_size,
            "steps_per_epoch": self.steps_per_epoch,
            "average": self.decay,
            "clip": self.clip,
            "precision": self.precision,
            "seed": self.seed,
            "validation": self.validating,
        }

    @property
    def epoch(self) -> int:
        """The number of epochs that are done."""
        return len(self.history)

    @property
    def denoiser(self) -> nn.Module:
        """What a training is for: the averaged network if there is one, else the network."""
        return self.net if self.average is None else self.average.net

    def run(
        self, num_epochs: int, plot: Callable[[Experiment], object] | None = None
    ) -> list[dict[str, Any]]:
        """Train until `num_epochs` are done in all, those of earlier runs included.

        The schedule spans all of them: after a finished run, a longer one goes on at the rate that
        a longer schedule has there.

        Args:
            plot: called before the first epoch and after each one, in every process.

        Returns:
            The history, a dictionary for each epoch.

        Raises:
            FloatingPointError: the loss is infinite or no number; the files are those of the epoch
                before.
        """
        check_whole("num_epochs", num_epochs, 1)
        keep_freed_memory()
        if plot is not None:
            plot(self)
        while self.epoch < num_epochs:
            start = time.perf_counter()
            train = self._train_epoch(num_epochs)
            seconds = time.perf_counter() - start
            self._record(train, self.evaluate() if self.validating else None, seconds)
            if plot is not None:
                plot(self)
        wait()
        return self.history

    def _train_epoch(self, num_epochs: int) -> Figures:
        order = self._order()
        self._begin(training=True)
        bar = Progress(self._images_of_an_epoch(), f"epoch {self.epoch + 1}", self.progress)
        with seeded(seed_of(self.seed, self.epoch, "process", rank()), self.device), bar:
            for number, indices in enumerate(order):
                x, d = self._draw(self.train_set, indices, self.epoch, number)
                done = self.epoch * len(order) + number + 1
                share = done / (num_epochs * len(order) + 1)
                self._set_rates(self.schedule(share))
                self._step(x, d, share)
                if self.average is not None:
                    self.average.update(self.net, done)
                bar.update(len(indices), self.stats_manager)
        return self._finish()

    def _order(self) -> list[Tensor]:
        """The numbers of the images in each batch: all images in a random order, then again."""
        count, wanted = len(self.train_set), self._images_of_an_epoch()
        generator = Generator().manual_seed(seed_of(self.seed, self.epoch, "order"))
        rounds = [torch.randperm(count, generator=generator) for _ in range(-(-wanted // count))]
        return list(torch.cat(rounds)[:wanted].to(self.train_set.device).split(self.batch_size))

    def _images_of_an_epoch(self) -> int:
        steps = self.steps_per_epoch
        return len(self.train_set) if steps is None else steps * self.batch_size

    def _draw(self, data: PairSet, indices: Tensor, *batch: object) -> tuple[Tensor, Tensor]:
        """A whole batch, for all processes the same, on the network's device."""
        generator = Generator(data.device).manual_seed(seed_of(self.seed, *batch))
        x, d = data.batch(indices, generator)
        x, d = x.to(self.device), d.to(self.device)
        if x.dim() == 4 and (self.fast or self.device.type == "cpu"):  # up to half as fast again
            x = x.contiguous(memory_format=torch.channels_last)
        return x, d

    def _set_rates(self, factor: float) -> None:
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate * factor

    def _step(self, x: Tensor, d: Tensor, share: float) -> None:
        """One step on a batch, of which this process computes on its part."""
        mine, desired, images = self._part(x, d)
        with torch.autocast(self.device.type, torch.bfloat16, self.fast):
            y = self.model(mine)
        y = y.to(d.dtype)
        loss = self._criterion(y, desired, share)
        self.optimizer.zero_grad()
        (loss * (images * world() / len(x))).backward()  # the mean over processes is the batch's
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.clip)
        self.optimizer.step()
        self.stats_manager.accumulate(loss, mine[:images], y.detach()[:images], desired[:images])

    def _part(self, x: Tensor, d: Tensor) -> tuple[Tensor, Tensor, int]:
        """This process's images, and their number; if that is 0 an image that counts nothing."""
        mine, desired = part(x), part(d)
        if len(mine):
            return mine, desired, len(mine)
        return x[:1], d[:1], 0

    def _criterion(self, y: Tensor, d: Tensor, share: float) -> Tensor:
        if self.loss is not None:
            return self.loss(y, d, share)
        criterion: Callable[[Tensor, Tensor], Tensor] = getattr(self.net, "criterion", l2)
        return criterion(y, d)

    def evaluate(self) -> Figures:
        """The figures of the `denoiser` on the validation set, whose noise is always the same."""
        self._begin(training=False)
        numbers = torch.arange(len(self.val_set), device=self.val_set.device)
        with evaluating(self.denoiser) as net:
            for number, indices in enumerate(numbers.split(self.batch_size)):
                x, d = self._draw(self.val_set, indices, "validation", number)
                mine, desired, images = self._part(x, d)
                y = net(mine)
                loss = self._criterion(y, desired, 0.0)
                self.stats_manager.accumulate(loss, mine[:images], y[:images], desired[:images])
        return self._finish()

    def samples(self, count: int = 4) -> dict[str, Tensor]:
        """Validation images for a `plot`: noisy, denoised and clean, each (N, C, H, W)."""
        numbers = torch.arange(min(count, len(self.val_set)), device=self.val_set.device)
        noisy, clean = self._draw(self.val_set, numbers, "validation", 0)
        with evaluating(self.denoiser) as net:
            return {"noisy": noisy, "denoised": net(noisy), "clean": clean}

    def _begin(self, training: bool) -> None:
        if training:
            self.model.train()
        self.stats_manager.training = training
        self.stats_manager.init()

    def _finish(self) -> Figures:
        figures = self.stats_manager.summarize()
        if not math.isfinite(figures["loss"]):
            raise FloatingPointError(
                f"the loss is {figures['loss']} in epoch {self.epoch + 1}; "
                "a lower learning rate or a clipped gradient may help"
            )
        return figures

    def _record(self, train: Figures, validation: Figures | None, seconds: float) -> None:
        entry: dict[str, Any] = {"epoch": self.epoch + 1, "train": train}
        best = None
        if validation is not None:
            entry["validation"] = validation
            score = self.stats_manager.score(validation)
            if score > self.best["score"]:
                self.best = {"epoch": entry["epoch"], "score": score}
                best = weights_of(self.denoiser)
        entry["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        entry["seconds"] = round(seconds, 3)
        entry["images_per_second"] = round(self._images_of_an_epoch() / seconds, 1)
        self.history.append(entry)
        if self.checkpoints is not None:
            self.checkpoints.save(self.state_dict(), best)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue."""
        return {
            "net": self.net.state_dict(),
            "average": None if self.average is None else self.average.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "best": self.best,
        }

    def load_state_dict(self, state: dict[str, Any], source: str = "the state") -> None:
        """Continue from a `state_dict()`; ValueError if it is that of another network."""
        check_weights(self.net, state.get("net", {}), source)
        self.net.load_state_dict(state["net"])
        if self.average is not None:
            self.average.net.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history, self.best = state["history"], state["best"]

    def _resume(self, checkpoints: Checkpoints) -> None:
        state = checkpoints.load()
        if state is not None:
            self.load_state_dict(state, str(checkpoints.folder))
