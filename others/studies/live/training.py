"""A small training from scratch on generated pairs, which reports on its progress.

Both miniprojects train here as they do for the course, by the steps of their own trainers. Their
networks have few channels, so that a training takes less than a minute of one CPU core. Miniproject
2 has the plain loss here, as in the ablations of Report 2, for which SGD's rate of 2 was chosen.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple

import torch
from torch import Tensor

from Miniproject_1.noise2noise import training as training_1
from Miniproject_1.noise2noise.network import ResidualUNet
from Miniproject_2 import framework as f
from Miniproject_2.framework import training as training_2
from others.data.generated import noisy_and_clean, noisy_pairs
from others.data.seeds import global_seed, seed_of, seeded
from others.engine.metrics import psnr_per_image
from others.networks.prescribed import PLAIN_LOSS, prescribed

PAIRS = 512  # of generated noisy images
SCORED = 16  # further generated images, on which the PSNR is measured
SHOWN = 4  # of SCORED, how many a report contains
INTERVAL = 0.25  # seconds between two reports
UPSAMPLINGS = {"transposed": 0, "nearest": 3}  # the side of the convolution after the nearest
OPTIMIZERS: dict[str, Callable[[f.Module, float, float], Any]] = {
    "SGD": lambda network, rate, momentum: f.SGD(network, rate, momentum),
    "Adam": lambda network, rate, momentum: f.Adam(network, rate, (momentum, 0.999)),
    "Muon": lambda network, rate, momentum: f.Muon(network, rate, momentum, momentum > 0),
}


@dataclass(frozen=True)
class Run:
    """What is trained, and how."""

    miniproject: int = 2
    optimizer: str = "SGD"  # of OPTIMIZERS; Miniproject 1 has Muon alone
    learning_rate: float = 2.0  # the peak
    momentum: float = 0.9  # Adam's β₁
    batch_size: int = 16
    upsampling: str = "transposed"  # of UPSAMPLINGS, in Miniproject 2
    channels: int = 16  # of the first convolution; inner ones have 3 times, in Miniproject 1 twice
    steps: int = 1000  # at least; the last pass over the pairs is completed
    seed: int = 0  # of the initial weights and of the order of the pairs


class Report(NamedTuple):
    """How far a training is."""

    step: int
    steps: int
    seconds: float  # since the first step
    loss: float  # the mean since the last report
    psnr: float  # per image, in dB, of images that are not trained on
    noisy_psnr: float  # of the same images before they are denoised
    images: Tensor  # noisy, denoised and clean: uint8 (3, SHOWN, 3, 32, 32)


def trainer_of(run: Run, noisy_a: Tensor, noisy_b: Tensor) -> Any:
    """The trainer of a miniproject for a new network on the CPU, before its first step."""
    epochs = math.ceil(run.steps * run.batch_size / len(noisy_a))
    common: dict[str, Any] = {
        "batch_size": run.batch_size,
        "learning_rate": run.learning_rate,
        "bfloat16": False,
        "seed": run.seed,
    }
    with global_seed(run.seed):
        if run.miniproject == 1:
            settings = training_1.Settings(momentum=run.momentum, **common)
            network = ResidualUNet((run.channels, 2 * run.channels))
            return training_1.Trainer(network, noisy_a, noisy_b, epochs, settings=settings)
        channels = run.channels, 3 * run.channels
        own = prescribed(channels, nearest=UPSAMPLINGS[run.upsampling])
    settings = training_2.Settings(**PLAIN_LOSS, **common)
    trainer = training_2.Trainer(own, noisy_a, noisy_b, epochs, settings=settings)
    trainer.optimizer = OPTIMIZERS[run.optimizer](own, run.learning_rate, run.momentum)
    return trainer


def steps_of(trainer: Any) -> Iterator[tuple[int, float]]:
    """Train by the steps of either miniproject's trainer: each one's number, from 1, and loss."""
    step = 0
    while step < trainer.steps:
        for batch in trainer.batches():
            loss = float(trainer.step(step, batch))
            step += 1
            yield step, loss


def train(run: Run, interval: float = INTERVAL) -> Iterator[Report | None]:
    """A report about every `interval` seconds, one before the first step, and one at the end.

    After a step without a report comes None. A training whose loss is no longer finite ends.
    """
    data = seeded(seed_of("live training"))
    pairs = noisy_pairs(PAIRS, data)
    noisy, clean = noisy_and_clean(SCORED, data)
    trainer = trainer_of(run, *pairs)
    start = last = time.perf_counter()
    losses: list[float] = []
    yield _report(trainer, 0, 0.0, math.nan, noisy, clean)
    for step, loss in steps_of(trainer):
        now, broken = time.perf_counter(), not math.isfinite(loss)
        losses.append(loss)
        if now - last < interval and step < trainer.steps and not broken:
            yield None
            continue
        mean = sum(losses) / len(losses)
        yield _report(trainer, step, now - start, mean, noisy, clean)
        last, losses = time.perf_counter(), []
        if broken:
            return


@torch.no_grad()
def _report(
    trainer: Any, step: int, seconds: float, loss: float, noisy: Tensor, clean: Tensor
) -> Report:
    inputs, target = noisy.float() / 255, clean.float() / 255
    answers = trainer.network.forward(inputs).clamp(0, 1)
    finite = bool(answers.isfinite().all())
    psnr = psnr_per_image(answers, target) if finite else math.nan
    denoised = (answers.nan_to_num() * 255).round().byte()
    images = torch.stack([one[:SHOWN] for one in (noisy, denoised, clean)])
    return Report(step, trainer.steps, seconds, loss, psnr, psnr_per_image(inputs, target), images)
