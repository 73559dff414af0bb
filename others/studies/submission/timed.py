"""Train the shipped weights of a miniproject further for a given time, on new pairs all along.

    python -m others.studies.submission.timed 1 --photographs DIR... --minutes 7 [--install]

This makes the most of a GPU that is there for some minutes. The learning rate follows the clock
instead of the steps, so that it has fallen to zero when the time is over, however fast the machine
is. Both miniprojects are trained by Muon. Pairs are drawn from photographs on the device of the
model, --pairs of them at once; a folder that is named twice is drawn from twice as often.

With --targets K, K pairs share their input. The mean of the K squared errors to the noisy targets
differs by a constant from the squared error to their mean, so that one pass gives the gradient of
all K pairs, with less noise in it. Lehtinen et al. (2018) also make all pairs of several noisy
images of a scene, where they ask how to spend a number of exposures.

With --outer-kernel, zeros are put around the kernels of Miniproject 2's first and last layer at
the beginning, and with --inner-kernel around those of the two layers between them. The network
answers as before with them, and learns to use more pixels.

A training that was stopped cannot be continued, but the average of its weights is in out/, as it
was when pairs were drawn the last time.

The weights go to out/, or with --install to bestmodel.pth of the miniproject, and a JSON file says
what was trained, as with `others.studies.submission.train`.
"""

import argparse
import copy
import platform
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import Miniproject_2.model as miniproject_2
from Miniproject_1.noise2noise import training as training_1
from Miniproject_1.noise2noise.files import write_atomically
from Miniproject_2.framework import state
from Miniproject_2.framework import training as training_2
from others.data.course import VALIDATION, load_pair
from others.data.images import image_files, read_images
from others.data.photographs import Photographs
from others.engine import command
from others.networks.prescribed import prescribed, with_kernels
from others.records.json_files import locked, read_json
from others.studies.submission.cuda_graph import CudaGraphTrainer
from others.studies.submission.models import (
    LOGS,
    OUTPUT,
    denoise,
    pretrained,
    refuse_without_gain,
    round_to_half,
    scores,
    write_trained,
)

STEPS = 10**6  # into which the time is divided for the schedule of the learning rate


class NewPairs:
    """Noisy pairs of photographs that are drawn anew, always into the same tensors.

    Args:
        count: how many pairs there are at once.
        weak: the share of them that gets weak noise.
        targets: how many noisy images the target is the mean of. With more than one, each of the
            `targets` + 1 copies of a square is the input once, before others are drawn.
    """

    def __init__(
        self, photographs: Photographs, count: int, weak: float, seed: int, targets: int = 1
    ) -> None:
        self.photographs, self.weak, self.targets = photographs, weak, targets
        self.generator = torch.Generator(photographs.packed.device).manual_seed(seed)
        self.both = photographs.pairs(count, self.generator, weak=weak)
        self.turns: list[list[Tensor]] = []  # still to come: an input, and then its targets

    def renew(self, count: int) -> None:
        """Draw the first `count` pairs anew; the others are held out of the training."""
        if not self.turns:
            draw = self.photographs.copies
            copies = draw(self.targets + 1, count, self.generator, weak=self.weak)
            turns = [copies[place:] + copies[:place] for place in range(len(copies))]
            # With one target, the second copy is no new input: the trainer exchanges the two.
            self.turns = turns if self.targets > 1 else turns[:1]
        noisy, *targets = self.turns.pop(0)
        self.both[0][:count], self.both[1][:count] = noisy, mean(targets)


def mean(images: list[Tensor]) -> Tensor:
    """The mean of uint8 tensors of one shape, rounded to uint8."""
    count = len(images)
    if count == 1:  # the sum below would take four times the memory of a million images
        return images[0]
    total = torch.zeros_like(images[0], dtype=torch.int32)
    for one in images:
        total += one
    return total.mul_(2).add_(count).div_(2 * count, rounding_mode="floor").to(torch.uint8)


class Timed:
    """What makes the trainer of either miniproject, its second base class, stop by the clock."""

    pairs: NewPairs
    seconds: float
    images = 0  # trained on so far
    count: int
    average: Any

    def start(self, pairs: NewPairs, seconds: float, save: Path) -> None:
        """Set what the training needs besides the trainer's own arguments, and start the clock."""
        self.pairs, self.seconds, self.save = pairs, seconds, save
        self.steps, self.begun = STEPS, time.perf_counter()

    def passed(self) -> float:
        """The share of the time that has passed."""
        return (time.perf_counter() - self.begun) / self.seconds

    def step(self, step: int, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Train on a batch at the learning rate of this moment."""
        self.images += len(batch[0])
        return super().step(int(min(1, self.passed()) * (STEPS - 1)), batch)  # type: ignore[misc]

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of new pairs until the time is over."""
        while self.passed() < 1:
            self.pairs.renew(self.count)
            for number, batch in enumerate(super().batches()):  # type: ignore[misc]
                if number % 50 == 0 and self.pairs.generator.device.type == "cuda":
                    torch.cuda.synchronize()  # a GPU lags behind the clock otherwise
                if self.passed() >= 1:
                    return
                yield batch
            self.keep_average()
            print(f"{self.passed():.2f} of the time, {self.images} images", flush=True)

    def keep_average(self) -> None:
        """Write the average of the weights as a file that Miniproject 1 loads."""
        weights = {name: one.cpu() for name, one in self.average.state_dict().items()}
        write_atomically(self.save, partial(torch.save, weights))


class TimedTrainer1(Timed, training_1.Trainer):
    """Miniproject 1's, on a CPU."""


class TimedGraphTrainer1(Timed, CudaGraphTrainer):
    """Miniproject 1's, on a GPU."""


class TimedTrainer2(Timed, training_2.Trainer):
    """Miniproject 2's."""

    def keep_average(self) -> None:
        """Write the average of the weights as a file that Miniproject 2 loads."""
        state.save(self.save, self.average)


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    number = command.whole(1)
    result.add_argument("number", type=int, choices=(1, 2), help="the miniproject")
    result.add_argument("--minutes", type=command.number(0.001), required=True, help="of training")
    result.add_argument(
        "--photographs", type=Path, metavar="DIR", nargs="+", required=True, help="to draw from"
    )
    result.add_argument("--pairs", type=number, default=2**20, help="drawn at once")
    result.add_argument(
        "--targets",
        type=number,
        default=1,
        metavar="K",
        help="noisy images for each input; K + 1 copies of --pairs are kept in memory, 3 kB each",
    )
    result.add_argument(
        "--weak",
        type=command.number(0, 1),
        default=0.0,
        metavar="SHARE",
        help="of the pairs with weak noise",
    )
    for name in ("--outer-kernel", "--inner-kernel"):
        what = "even, larger than before; miniproject 2"
        result.add_argument(name, type=number, metavar="SIDE", help=what)
    result.add_argument(
        "--rate", type=command.number(0), default=0.02, help="peak of the learning rate"
    )
    result.add_argument("--batch-size", type=number, default=512, help="pairs in a training step")
    result.add_argument("--seed", type=command.whole(0), default=0, help="of the pairs")
    command.add_data(result)
    result.add_argument("--install", action="store_true", help="replace bestmodel.pth")
    return result


def trainer_of(options: argparse.Namespace, model: Any, pairs: NewPairs) -> Any:
    """The trainer of the model."""
    use = {
        "learning_rate": options.rate,
        "batch_size": options.batch_size,
        "seed": options.seed,
        "exchange": options.targets == 1,  # of pixels with a mean, whose noise is another one
        "max_pixels": 2**30,  # a GPU has the memory for large batches
    }
    if options.number == 2:
        both = [miniproject_2.padded(one) for one in pairs.both]
        settings = training_2.Settings(**use)
        return TimedTrainer2(model.network, *both, num_epochs=1, settings=settings)
    kind = TimedGraphTrainer1 if model.device.type == "cuda" else TimedTrainer1
    settings = training_1.Settings(**use)
    return kind(model.network, *pairs.both, num_epochs=1, settings=settings)


def enlarge(model: miniproject_2.Model, outer: int | None, inner: int | None) -> None:
    """Give Miniproject 2's network kernels of other sides, with zeros around the old ones.

    Args:
        outer: the side of the first and the last kernel, or None to leave it as it is.
        inner: that of the two between them.

    Raises:
        UsageError: a side is odd, not larger, or too large for Miniproject 2's model.
    """
    weights = model.network.state_dict()
    before = miniproject_2.kernels(weights)
    for name, side, least in zip(("outer", "inner"), (outer, inner), before):
        if side is not None and (side % 2 or side <= least):
            raise command.UsageError(
                f"--{name}-kernel {side}; expected an even side, larger than the {least} of the "
                "weights"
            )
    outer, inner = outer or before[0], inner or before[1]
    larger = with_kernels(weights, outer, inner)
    if not all(miniproject_2.kernels(larger)):
        raise command.UsageError(
            f"outer kernels of {outer} and inner ones of {inner} see beyond the margin of a tile; "
            "expected smaller ones"
        )
    model.network = prescribed(kernel=inner, outer=outer)
    model.network.to(model.device)
    model.network.load_state_dict(larger)


def run(options: argparse.Namespace) -> None:
    """Train, score, and write the weights and the JSON file; one process at a time."""
    if options.number == 1 and (options.outer_kernel or options.inner_kernel):
        raise command.UsageError(
            "--outer-kernel and --inner-kernel are of Miniproject 2; expected no such option"
        )
    name = f"miniproject_{options.number}"
    with locked(OUTPUT / f"{name}.state"):  # as `train` does, which writes the same files
        train_and_write(options, name)


def train_and_write(options: argparse.Namespace, name: str) -> None:
    """What the command does; `name` is that of its files."""
    noisy, clean = load_pair(options.data / VALIDATION)
    earlier = read_json(LOGS / f"{name}.json")
    read = {folder: read_images(image_files(folder)) for folder in set(options.photographs)}
    images = [image for folder in options.photographs for image in read[folder].values()]
    model = pretrained(f"Miniproject {options.number}")
    if options.outer_kernel or options.inner_kernel:
        enlarge(model, options.outer_kernel, options.inner_kernel)
    started_from = copy.deepcopy(model.network.state_dict())
    drawn = Photographs(images, model.device)
    pairs = NewPairs(drawn, options.pairs, options.weak, options.seed, options.targets)
    trainer = trainer_of(options, model, pairs)
    OUTPUT.mkdir(exist_ok=True)
    average = OUTPUT / f"{name}_average.pth"
    trainer.start(pairs, 60 * options.minutes, average)
    trainer.run()
    refuse_without_gain(started_from, model)
    if options.number == 2:
        round_to_half(model)
    log = {
        "minutes": options.minutes,
        "epochs": 1,
        "pairs": trainer.images,
        "photographs": sum(len(one) for one in read.values()),
        "photographs_with_repetitions": len(images),
        "weak": options.weak,
        "targets": options.targets,
        "settings": trainer.settings._asdict(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": model.device.type,
        "device_name": torch.cuda.get_device_name() if model.device.type == "cuda" else None,
        "validation": scores(denoise(model, noisy)[0], clean.float() / 255, self_ensemble=True),
        "started_from": earlier,
    }
    write_trained(options.number, model, log, options.install)
    average.unlink(missing_ok=True)  # what it was kept for is done


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
