"""One run of the TNet study: train a row with a seed, or go on with its training, and score it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor, nn

from Miniproject_1.noise2noise.symmetries import self_ensemble
from others.data.course import TRAIN, VALIDATION, load_first, load_pair
from others.data.seeds import global_seed
from others.data.sets import Pairs
from others.engine.experiment import Experiment
from others.engine.losses import LOSSES
from others.engine.metrics import psnr_per_image, psnr_pooled
from others.engine.options import TrainingOptions
from others.engine.schedules import SCHEDULES
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.teacher import CHUNK, denoise, taught
from others.studies.tnet.norms import evaluations, layers
from others.studies.tnet.rows import TNetRow

ANSWERS = "answers.pth"  # the teacher's denoised images, in the folder of a run
LOSS_PAIRS = 2000  # training pairs that the loss of the final weights is measured on
RunResult = dict[str, Any]


@dataclass(frozen=True)
class Budget:
    """What every row may use, unless it brings epochs of its own."""

    pairs: int = 50_000  # from the beginning of the training set
    epochs: int = 1  # passes over them
    precision: str = "bfloat16"  # in which the training multiplies


@dataclass(frozen=True)
class StudyImages:
    """The images of the study, all uint8 (N, 3, H, W)."""

    train_input: Tensor  # noisy
    train_target: Tensor  # the same images with other noise
    noisy: Tensor  # for validation
    clean: Tensor

    @classmethod
    def read(cls, folder: Path, pairs: int) -> "StudyImages":
        """The first `pairs` pairs of the course's files; ValueError if there are fewer."""
        return cls(*load_first(folder / TRAIN, pairs), *load_pair(folder / VALIDATION))


def epochs_of(row: TNetRow, budget: Budget) -> int:
    """How many epochs a row trains for: its own number, or else the budget's."""
    return budget.epochs if row.epochs is None else row.epochs


def experiment(
    row: TNetRow, seed: int, budget: Budget, images: StudyImages, folder: Path
) -> Experiment:
    """The training of a row, from the state in `folder` if there is one.

    Raises:
        ValueError: the state in `folder` is of a training with other settings or images.
    """
    with global_seed(seed):
        net = row.make()
    config: RunResult = {"net": row.settings()}
    # With a constant rate, a longer training begins like a shorter one and may go on from it. Any
    # other schedule depends on the number of epochs from the first step.
    if row.schedule != "constant":
        config["epochs"] = epochs_of(row, budget)
    return Experiment(
        net,
        training_set(row, images, folder),
        Pairs(images.noisy, images.clean),
        torch.optim.Adam(net.parameters(), row.learning_rate, (0.9, row.beta2)),
        DenoisingStatsManager(0, 1),
        folder,
        row.batch_size,
        options=TrainingOptions(
            seed=seed,
            loss=LOSSES[row.loss],
            schedule=SCHEDULES[row.schedule],
            average=row.average,
            clip=row.clip,
            precision=budget.precision,
            config=config,
        ),
    )


def training_set(row: TNetRow, images: StudyImages, folder: Path) -> Pairs:
    """The pairs that a row trains on: both copies, or all noisy images with a teacher's answers."""
    if row.teacher is None:
        return Pairs(images.train_input, images.train_target, row.augmentation)
    noisy = torch.cat([images.train_input, images.train_target])
    return Pairs(noisy, taught(row.teacher, noisy, folder / ANSWERS), row.augmentation)


@torch.no_grad()
def train_loss(net: nn.Module, images: StudyImages) -> float:
    """The mean squared error of the network to noisy targets of the training set, in [0, 1]."""
    inputs, targets = images.train_input[:LOSS_PAIRS], images.train_target[:LOSS_PAIRS]
    total = 0.0
    for noisy, target in zip(inputs.split(CHUNK), targets.split(CHUNK)):
        total += float((net(noisy.float() / 255) - target.float() / 255).square().sum())
    return total / inputs.numel()


def scores(net: nn.Module, images: StudyImages) -> RunResult:
    """PSNRs in dB, the training loss, and the processor time that an image takes.

    For a network with batch normalisation there are `evaluations` as well: its PSNR per image by
    the statistics that it normalises with.
    """
    clean = images.clean.float() / 255

    def psnr(network: Callable[[Tensor], Tensor], chunk: int) -> float:
        return round(psnr_per_image(denoise(network, images.noisy, chunk), clean), 4)

    net.eval()
    start = time.process_time()
    denoised = denoise(net, images.noisy)
    seconds = time.process_time() - start
    found: RunResult = {
        "psnr_per_image_db": round(psnr_per_image(denoised, clean), 4),
        "psnr_pooled_db": round(psnr_pooled(denoised, clean), 4),
        "self_ensemble_psnr_per_image_db": psnr(lambda part: self_ensemble(net, part), CHUNK),
        "train_loss": round(train_loss(net, images), 7),
        "milliseconds_per_image": round(1000 * seconds / len(clean), 3),
    }
    if any(layers(net)):
        found["evaluations"] = evaluations(net, images.train_input, psnr)
    return found


def run(
    row: TNetRow, seed: int, budget: Budget, images: StudyImages, folder: Path
) -> tuple[RunResult, nn.Module]:
    """Train a row and score it: the result for the study's file, and the trained network.

    `images_per_second` of the training and `milliseconds_per_image` of denoising count processor
    time, which other processes on the machine hardly change. `seconds` is the time of the training
    by the clock.
    """
    training = experiment(row, seed, budget, images, folder)
    before, start = training.epoch, time.process_time()
    history = training.run(epochs_of(row, budget))
    computed, fresh = time.process_time() - start, training.epoch - before
    seconds = sum(entry["seconds"] for entry in history)
    # Where the saved state had all epochs, nothing was computed now: the clock gives the time then.
    for_an_epoch = computed / fresh if fresh else seconds / len(history)
    record = {
        **scores(training.denoiser, images),
        "epochs": len(history),
        "seconds": round(seconds, 1),
        "images_per_second": round(len(training.train_set) / for_an_epoch, 1),
    }
    return record, training.denoiser
