"""Train a small network for Miniproject 1's task on what the shipped weights make of noisy images.

    python -m others.studies.submission.distill --photographs DIR [--data data] [--install]

The noisy images are pairs as the course's, drawn from a folder of photographs. The shipped weights
of Miniproject 1, the teacher, denoise both copies of each pair in one pass, and the small network
learns to answer likewise. The teacher has never seen a clean image, and no clean image is used
here. A turned image has a turned answer as its target, so the network comes to answer as the mean
of the teacher's answers to the eight turns.

The answers and the state after each epoch lie in out/miniproject_1_small, and the same command goes
on where an earlier one was stopped. The weights and a JSON file with scores on val_data.pkl go to
out/, or with --install to others/pretrained and others/results/training.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from Miniproject_1.noise2noise.muon import Muon
from Miniproject_1.noise2noise.symmetries import self_ensemble
from others.data.course import VALIDATION, load_pair
from others.data.images import image_files, read_images
from others.data.photographs import Photographs
from others.data.seeds import CPU, global_seed, seeded
from others.data.sets import Pairs
from others.engine import command
from others.engine.experiment import Experiment
from others.engine.options import TrainingOptions
from others.engine.schedules import cosine
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.catalogue import make_network
from others.networks.pretrained import load_network
from others.networks.teacher import denoise, taught
from others.records.json_files import save_json
from others.records.paths import PRETRAINED, RESULTS
from others.records.study import machine
from others.records.weights import save_weights
from others.studies.submission.models import OUTPUT, say_trained, scores

NAME, TEACHER = "miniproject_1_small", "miniproject_1"
THREADS = 2  # for the times, as on the course's machine
ROUNDS = 5  # of the times; the least counts, because other processes only add to it
IMAGES = 1000  # to denoise for the times


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    number = command.whole(1)
    result.add_argument(
        "--photographs", type=Path, metavar="DIR", required=True, help="to draw from"
    )
    result.add_argument("--pairs", type=number, default=30000, help="to draw from photographs")
    result.add_argument("--epochs", type=number, default=10, help="passes over both copies")
    result.add_argument("--batch-size", type=number, default=16, help="images in a training step")
    result.add_argument(
        "--rate", type=command.number(0), default=0.02, help="peak of Muon's learning rate"
    )
    result.add_argument(
        "--seed", type=command.whole(0), default=0, help="of weights, pairs and batches"
    )
    command.add_data(result)
    result.add_argument("--install", action="store_true", help="replace the weights that are there")
    return result


def training(
    options: argparse.Namespace, validation: Pairs, photographs: list[Tensor]
) -> Experiment:
    """The training, from its saved state if there is one."""
    folder = OUTPUT / NAME
    noisy = torch.cat(Photographs(photographs, CPU).pairs(options.pairs, seeded(options.seed)))
    with global_seed(options.seed):
        net = make_network(NAME).to(memory_format=torch.channels_last)  # pyright: ignore
    return Experiment(
        net,
        Pairs(noisy, taught(TEACHER, noisy, folder / "answers.pth"), "turn"),
        validation,
        Muon(net, options.rate, adam_share=0.2),
        DenoisingStatsManager(0, 1),
        folder,
        options.batch_size,
        options=TrainingOptions(
            seed=options.seed,
            schedule=cosine,
            average=0.998,
            precision="bfloat16",
            config={"epochs": options.epochs},  # on which the schedule depends from the first step
        ),
    )


def seconds_of(nets: list[nn.Module], noisy: Tensor) -> list[float]:
    """The times that networks take for 1,000 images on two threads, measured in turns."""
    before, times = torch.get_num_threads(), []
    torch.set_num_threads(THREADS)
    images = noisy[:IMAGES]
    for _ in range(ROUNDS):
        for net in nets:
            start = time.perf_counter()
            denoise(net, images, 32)
            times.append((time.perf_counter() - start) * IMAGES / len(images))
    torch.set_num_threads(before)
    return [round(min(times[number :: len(nets)]), 2) for number in range(len(nets))]


def measured(net: nn.Module, noisy: Tensor, clean: Tensor) -> dict[str, Any]:
    """Parameters, PSNRs of one pass and of the self-ensemble, and times beside the teacher's."""
    target = clean.float() / 255
    seconds, of_teacher = seconds_of([net, load_network(TEACHER)], noisy)
    return {
        "parameters": sum(value.numel() for value in net.parameters()),
        "validation": {
            **scores(denoise(net, noisy), target),
            **scores(denoise(lambda x: self_ensemble(net, x), noisy), target, self_ensemble=True),
        },
        "seconds_1000_images": seconds,
        "seconds_1000_images_of_the_teacher": of_teacher,
        "machine": {**machine(), "threads": THREADS},
    }


def run(options: argparse.Namespace) -> None:
    """Train, score, and write the weights and the JSON file."""
    noisy, clean = load_pair(options.data / VALIDATION)  # before the training, which takes long
    photographs = list(read_images(image_files(options.photographs)).values())
    experiment = training(options, Pairs(noisy, clean), photographs)
    history = experiment.run(options.epochs)
    net = experiment.denoiser.eval()
    log = {
        "teacher": TEACHER,
        "epochs": options.epochs,
        "pairs": options.pairs,
        "photographs": len(photographs),
        "setting": experiment.setting(),
        "seconds": round(sum(entry["seconds"] for entry in history)),
        **measured(net, noisy, clean),
    }
    weights, results = (PRETRAINED, RESULTS / "training") if options.install else (OUTPUT, OUTPUT)
    save_weights(net, weights / f"{NAME}.pth")
    save_json(results / f"{NAME}.json", log)
    say_trained(weights / f"{NAME}.pth", results / f"{NAME}.json", log)


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
