"""The engine under every training of `others/`: trains, validates, saves, resumes to the bit.

The classes are those of the assignment "Image Denoising with Deep CNNs" (ECE 285, UCSD 2019),
rebuilt: an `Experiment` is a network, two sets, an optimizer, what is measured, and a folder.

No state of a random generator is saved, because none is needed. The crops, the noise and the
augmentation of a batch follow from the seed, the number of the epoch and the number of the batch;
the network's own randomness (dropout) follows from the seed and the number of the epoch. An epoch
that is done again is therefore the same epoch, and several processes draw the same batches. Results
are equal to the bit on a CPU. Some kernels of a GPU add numbers in another order each time, unless
torch.use_deterministic_algorithms forbids it.
"""

import math
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor, nn

from Miniproject_1.noise2noise.memory import keep_freed_memory
from Miniproject_1.noise2noise.training import fast_precision
from others.data.course import check_whole
from others.data.seeds import global_seed, seed_of, seeded
from others.data.sets import PairSet, as_pairs
from others.engine.averaging import Average
from others.engine.distributed import parallel, part, rank, wait, world
from others.engine.losses import l2
from others.engine.options import TrainingOptions
from others.engine.stats_manager import Figures, Progress, StatsManager
from others.networks.regressor import evaluating
from others.records.checkpoints import Checkpoints, check_history, check_moments
from others.records.configuration import describe, describe_optimizer, flattened
from others.records.weights import check_weights, weights_of


class Experiment:
    """A training that can be stopped at any time and goes on when it is made again.

    The first eight arguments are the assignment's. What its plots call history[k][0]["loss"] is
    history[k]["train"]["loss"] here, and history[k][1] is history[k]["validation"]; its config.txt
    is config.json, and `print(experiment)` shows the same settings. What its `run` prints, from
    which epoch a training starts or continues, is printed by the plot `others.engine.hooks.report`.

    Args:
        net: any module that maps a batch to a batch, on its device, with its initial weights.
        train_set, val_set: torch Datasets of (input, target), or sets that draw whole batches
            (`others.data.sets`). The targets of `val_set` should be clean even where those of
            `train_set` are noisy: a validation against noise measures the noise and finds no best
            epoch.
        optimizer: of the parameters of `net`; its learning rate is the peak of the schedule.
        stats_manager: what is measured.
        output_dir: folder of the files listed in `others.records.checkpoints`. If it holds an
            experiment with the same configuration, that experiment is continued. None: nothing is
            written.
        batch_size: images of a step; the last batch of an epoch may have fewer.
        perform_validation_during_training: whether to validate after each epoch; the weights of the
            best epoch are then kept.
        options: everything else.

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
        options: TrainingOptions | None = None,
    ) -> None:
        self.net, self.optimizer, self.stats_manager = net, optimizer, stats_manager
        self.device = next(net.parameters()).device
        self.train_set, self.val_set = (as_pairs(s, self.device) for s in (train_set, val_set))
        self.batch_size, self.validating = batch_size, perform_validation_during_training
        self.options = TrainingOptions() if options is None else options
        self._check()
        self.fast = self.options.precision == "bfloat16" and fast_precision(self.device)
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.history: list[dict[str, Any]] = []
        self.begun = 0  # epochs that were done when the last call of `run` began
        self.best: dict[str, Any] = {"epoch": 0, "score": -math.inf}
        self.model = parallel(net)  # before the average: it gives all processes the same weights
        decay = self.options.average
        self.average = None if decay is None else Average(net, decay)
        self.checkpoints = None
        if output_dir is not None:
            setting = {**self.setting(), **self.options.config}
            self.checkpoints = Checkpoints(Path(output_dir), setting, writer=rank() == 0)
            state = self.checkpoints.load()
            if state is not None:
                self.load_state_dict(state, str(self.checkpoints.folder))

    def _check(self) -> None:
        check_whole("batch_size", self.batch_size, 1)
        if not len(self.train_set) or not len(self.val_set):
            sizes = f"{len(self.train_set)} and {len(self.val_set)}"
            raise ValueError(f"the sets have {sizes} images; expected one at least")
        own = {id(parameter) for parameter in self.net.parameters()}
        groups = self.optimizer.param_groups
        if not any(id(parameter) in own for group in groups for parameter in group["params"]):
            raise ValueError("the optimizer has no parameter of the network; make it anew")

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in flattened(self.setting()))

    def setting(self) -> dict[str, Any]:
        """The configuration: all that the outcome depends on, as plain JSON."""
        options = self.options
        return {
            "net": describe(self.net),
            "train_set": describe(self.train_set),
            "val_set": describe(self.val_set),
            "optimizer": describe_optimizer(self.optimizer),
            "stats_manager": describe(self.stats_manager),
            "loss": "the network's" if options.loss is None else describe(options.loss),
            "schedule": describe(options.schedule),
            "batch_size": self.batch_size,
            "steps_per_epoch": options.steps_per_epoch,
            "average": options.average,
            "clip": options.clip,
            "precision": options.precision,
            "seed": options.seed,
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
        self, num_epochs: int, plot: "Callable[[Experiment], object] | None" = None
    ) -> list[dict[str, Any]]:
        """Train until `num_epochs` are done in all, those of earlier runs included.

        The schedule spans all of them. A finished run that is made longer goes on at the learning
        rate that the longer schedule has at that point.

        Args:
            plot: called before the first epoch and after each one, in every process.

        Returns:
            The history, a dictionary for each epoch.

        Raises:
            FloatingPointError: the loss is infinite or no number; the files are those of the epoch
                before.
            ValueError: another process trains in the same folder.
        """
        check_whole("num_epochs", num_epochs, 1)
        keep_freed_memory()
        with nullcontext() if self.checkpoints is None else self.checkpoints.locked():
            self.begun = self.epoch
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
        seed, order = self.options.seed, self._order()
        self._begin(training=True)
        label = f"epoch {self.epoch + 1}"
        bar = Progress(self._images_of_an_epoch(), label, self.options.progress)
        with global_seed(seed_of(seed, self.epoch, "process", rank()), self.device), bar:
            for number, indices in enumerate(order):
                x, d = self._draw(self.train_set, indices, self.epoch, number)
                done = self.epoch * len(order) + number + 1
                share = done / (num_epochs * len(order) + 1)
                factor = self.options.schedule(share)
                for group, rate in zip(self.optimizer.param_groups, self.rates):
                    group["lr"] = rate * factor
                self._step(x, d, share)
                if self.average is not None:
                    self.average.update(self.net, done)
                bar.update(len(indices), self.stats_manager)
        return self._finish()

    def _order(self) -> list[Tensor]:
        """The numbers of the images in each batch.

        All images come in a random order, and then all again in another one, until the epoch has
        the images that it should have.
        """
        count, wanted = len(self.train_set), self._images_of_an_epoch()
        generator = seeded(seed_of(self.options.seed, self.epoch, "order"))
        rounds = [torch.randperm(count, generator=generator) for _ in range(-(-wanted // count))]
        return list(torch.cat(rounds)[:wanted].to(self.train_set.device).split(self.batch_size))

    def _images_of_an_epoch(self) -> int:
        steps = self.options.steps_per_epoch
        return len(self.train_set) if steps is None else steps * self.batch_size

    def _draw(self, data: PairSet, indices: Tensor, *batch: object) -> tuple[Tensor, Tensor]:
        """A whole batch on the network's device, the same in all processes.

        Args:
            batch: what tells this batch from all others; its randomness follows from it.
        """
        x, d = data.batch(indices, seeded(seed_of(self.options.seed, *batch), data.device))
        x, d = x.to(self.device), d.to(self.device)
        if x.dim() == 4 and (self.fast or self.device.type == "cpu"):  # up to half as fast again
            x = x.contiguous(memory_format=torch.channels_last)
        return x, d

    def _step(self, x: Tensor, d: Tensor, share: float) -> None:
        """One step on a batch, of which this process computes on its part."""
        mine, desired, images = self._part(x, d)
        with torch.autocast(self.device.type, torch.bfloat16, self.fast):
            y = self.model(mine)
        y = y.to(d.dtype)
        loss = self._criterion(y, desired, share)
        self.optimizer.zero_grad()
        # DistributedDataParallel takes the plain mean of the processes' gradients. Weighted by the
        # share of the images that each process has, it is the gradient of the batch's mean loss.
        (loss * (images * world() / len(x))).backward()
        if self.options.clip is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.options.clip)
        self.optimizer.step()
        self.stats_manager.accumulate(loss, mine[:images], y.detach()[:images], desired[:images])

    def _part(self, x: Tensor, d: Tensor) -> tuple[Tensor, Tensor, int]:
        """The images of a batch that this process computes on, and how many of them count.

        A batch of fewer images than there are processes leaves some without any. Such a process
        computes on one image all the same, because the others wait for its gradient; but 0 of its
        images count.
        """
        mine, desired = part(x), part(d)
        if len(mine):
            return mine, desired, len(mine)
        return x[:1], d[:1], 0

    def _criterion(self, y: Tensor, d: Tensor, share: float) -> Tensor:
        if self.options.loss is not None:
            return self.options.loss(y, d, share)
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
        """Append an epoch to the history, and write the files."""
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
        """Continue from a `state_dict()`.

        Args:
            source: what the state is called in an error.

        Raises:
            ValueError: the state is damaged, or that of another network. Nothing has changed then.
        """
        nets = {"net": self.net}
        if self.average is not None:
            nets["average"] = self.average.net
        weights = {name: check_weights(net, state.get(name), source) for name, net in nets.items()}
        moments = check_moments(state.get("optimizer"), self.optimizer, source)
        check_history(state, self.validating, source)
        for name, net in nets.items():
            net.load_state_dict(weights[name])
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.history, self.best = state["history"], state["best"]
