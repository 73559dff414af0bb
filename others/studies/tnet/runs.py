"""One run of the study: train a row with a seed, or go on with it, and score it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor, nn

from Miniproject_1.noise2noise.checkpoint import read_checkpoint
from Miniproject_1.noise2noise.files import write_atomically
from Miniproject_1.noise2noise.symmetries import self_ensemble
from others.data.course import TRAIN, VALIDATION, load_first, load_pair
from others.data.seeds import global_seed
from others.data.sets import Pairs, checksum
from others.engine.experiment import Experiment
from others.engine.losses import LOSSES
from others.engine.metrics import psnr_per_image, psnr_pooled
from others.engine.options import TrainingOptions
from others.engine.schedules import SCHEDULES
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.pretrained import load_denoiser
from others.studies.tnet.norms import evaluations, layers
from others.studies.tnet.rows import Row

CHUNK = 100  # images that are scored at once
ANSWERS = "answers.pth"  # of the teacher, in the folder of a run
ASKED = 20  # images that a teacher answers again, to tell whether the kept answers are its own
LOSS_ON = 2000  # pairs that the final training loss is measured on
Record = dict[str, Any]


@dataclass(frozen=True)
class Budget:
    """What every row may use: passes over so many of the training pairs."""

    pairs: int = 50_000
    epochs: int = 1
    precision: str = "bfloat16"  # of the products in training


@dataclass(frozen=True)
class Images:
    """Noisy pairs to train on; noisy and clean images to score on; all uint8 (N, 3, H, W)."""

    first: Tensor
    second: Tensor
    noisy: Tensor
    clean: Tensor

    @classmethod
    def read(cls, folder: Path, pairs: int) -> Images:
        """From the course's files; ValueError if there are fewer than `pairs`."""
        return cls(*load_first(folder / TRAIN, pairs), *load_pair(folder / VALIDATION))


def epochs_of(row: Row, budget: Budget) -> int:
    """The epochs of a row: its own if it has some, and is not bound by the budget."""
    return budget.epochs if row.epochs is None else row.epochs


def experiment(row: Row, seed: int, budget: Budget, images: Images, folder: Path) -> Experiment:
    """The row's training; where `folder` holds it already, as far as it went."""
    with global_seed(seed, torch.device("cpu")):
        net = row.make()
    config: Record = {"net": row.configuration()}
    if row.schedule != "constant":  # else a longer training begins like a shorter one
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


def training_set(row: Row, images: Images, folder: Path) -> Pairs:
    """The noisy pairs; or all noisy images, each with the teacher's answer as its target."""
    if row.teacher is None:
        return Pairs(images.first, images.second, row.augmentation)
    noisy = torch.cat([images.first, images.second])
    return Pairs(noisy, taught(row.teacher, noisy, folder / ANSWERS), row.augmentation)


def taught(teacher: str, noisy: Tensor, path: Path) -> Tensor:
    """The answers of a pretrained model, uint8 (N, 3, H, W), without self-ensemble.

    They take the time of some epochs, and are kept in a file for the next run on these images with
    the same teacher: whether it answers so still is tried on the first of them.
    """
    key, network = checksum(noisy), load_denoiser(teacher).apply
    if path.is_file():
        kept = read_checkpoint(path)
        if (kept.get("teacher"), kept.get("noisy")) == (teacher, key):
            sample = answered(network, noisy[:ASKED]).int()
            if (sample - kept["answers"][:ASKED].int()).abs().max() <= 1:  # 1: rounding
                return kept["answers"]
    answers = answered(network, noisy)
    kept = {"teacher": teacher, "noisy": key, "answers": answers}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: torch.save(kept, file))
    return answers


def answered(network: Callable[[Tensor], Tensor], noisy: Tensor) -> Tensor:
    """Denoise uint8 (N, 3, H, W); the result is rounded to uint8 as well."""
    return (255 * denoise(network, noisy)).round().to(torch.uint8)


@torch.no_grad()
def denoise(network: Callable[[Tensor], Tensor], noisy: Tensor, chunk: int = CHUNK) -> Tensor:
    """Denoise uint8 (N, 3, H, W), so many images at once; the result is clipped to [0, 1]."""
    parts = [network(part.float() / 255) for part in noisy.split(chunk)]
    return torch.cat(parts).clamp(0, 1)


@torch.no_grad()
def train_loss(net: nn.Module, images: Images) -> float:
    """The mean squared error of the network, as it is now, to the targets it was trained on."""
    total = 0.0
    for first, second in zip(
        *(part[:LOSS_ON].split(CHUNK) for part in (images.first, images.second))
    ):
        total += float((net(first.float() / 255) - second.float() / 255).square().sum())
    return total / images.first[:LOSS_ON].numel()


def scores(net: nn.Module, images: Images) -> Record:
    """PSNRs in dB, training loss, an image's processor time; batch normalisation in all its modes.

    `psnr_self_ensemble` is per image.
    """
    clean = images.clean.float() / 255

    def psnr(network: Callable[[Tensor], Tensor], chunk: int) -> float:
        return round(psnr_per_image(denoise(network, images.noisy, chunk), clean), 4)

    net.eval()
    start = time.process_time()
    denoised = denoise(net, images.noisy)
    seconds = time.process_time() - start
    found: Record = {
        "psnr_per_image_db": round(psnr_per_image(denoised, clean), 4),
        "psnr_pooled_db": round(psnr_pooled(denoised, clean), 4),
        "self_ensemble_psnr_per_image_db": psnr(lambda part: self_ensemble(net, part), CHUNK),
        "train_loss": round(train_loss(net, images), 7),
        "milliseconds_per_image": round(1000 * seconds / len(clean), 3),
    }
    if any(layers(net)):
        found["evaluations"] = evaluations(net, images.first, psnr)
    return found


def run(
    row: Row, seed: int, budget: Budget, images: Images, folder: Path
) -> tuple[Record, nn.Module]:
    """Train and score; the result for the JSON file, and the network.

    Speeds are by processor time, whatever else the machine does; `seconds` is the time of the
    training by the clock.
    """
    training = experiment(row, seed, budget, images, folder)
    before, start = training.epoch, time.process_time()
    history = training.run(epochs_of(row, budget))
    computed, fresh = time.process_time() - start, training.epoch - before
    seconds = sum(entry["seconds"] for entry in history)
    for_an_epoch = computed / fresh if fresh else seconds / len(history)
    record = {
        **scores(training.denoiser, images),
        "epochs": len(history),
        "seconds": round(seconds, 1),
        "images_per_second": round(len(training.train_set) / for_an_epoch, 1),
    }
    return record, training.denoiser
