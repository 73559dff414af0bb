"""Train the model of a miniproject from noisy pairs, as its `Model.train` does.

    python -m others.studies.submission.train 1 --epochs 12 [--data data] [--install]
    python -m others.studies.submission.train 1 --go-on --rate 1e-3 --batch-size 16 [--install]
    python -m others.studies.submission.train 1 --photographs DIR --pairs 1000000 --cuda-graph

The state is saved in out/miniproject_N.state after each epoch, and the same command goes on where
an earlier one was stopped. The state of another command, such as one with another seed, is refused
with the difference: remove it to begin anew.
With --photographs the noisy pairs are drawn from a folder of images instead of train_data.pkl, and
--weak gives a share of them weak noise, so that the network learns to leave good images alone.

The weights go to out/, or with --install to bestmodel.pth of the miniproject. A JSON file beside
them, or in others/results/training with --install, says what was trained, on what, and with which
result on the images of val_data.pkl. With --go-on the training starts from the shipped weights, and
the file also has what is known of them. If the shipped weights are still better on pairs that are
held out of the training, the command says so and writes nothing.
"""

from __future__ import annotations

import argparse
import copy
import platform
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from Miniproject_1.noise2noise import training as training_1
from Miniproject_1.noise2noise.network import ResidualUNet, widths_of
from Miniproject_2.framework import training as training_2
from others.data.course import TRAIN, VALIDATION, load_pair
from others.data.images import image_files, read_images
from others.data.photographs import Photographs
from others.data.seeds import seeded
from others.engine import command
from others.records.json_files import locked, read_json
from others.studies.submission.cuda_graph import CudaGraphTrainer
from others.studies.submission.models import (
    LOGS,
    MODELS,
    OUTPUT,
    denoise,
    refuse_without_gain,
    round_to_half,
    scores,
    train_with,
    write_trained,
)

PAIRS = 50000  # that are drawn from photographs; as many as the course's
OF_MINIPROJECT_1 = ("widths", "no_other_noises", "cuda_graph")
Pairs = tuple[Tensor, Tensor]


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    number = command.whole(1)
    result.add_argument("number", type=int, choices=(1, 2), help="the miniproject")
    result.add_argument("--epochs", type=number, default=12, help="passes over the pairs")
    command.add_data(result)
    result.add_argument("--seed", type=command.whole(0), default=0, help="of the initial weights")
    result.add_argument("--photographs", type=Path, metavar="DIR", help="to draw pairs from")
    result.add_argument("--pairs", type=number, help=f"to draw from photographs ({PAIRS})")
    result.add_argument(
        "--weak",
        type=command.number(0, 1),
        default=0.0,
        metavar="SHARE",
        help="of drawn pairs with weak noise",
    )
    result.add_argument("--install", action="store_true", help="replace bestmodel.pth")
    result.add_argument("--go-on", action="store_true", help="start from the shipped weights")
    result.add_argument("--rate", type=command.number(0), help="peak of the learning rate")
    result.add_argument("--batch-size", type=number, help="pairs in a training step")
    only = result.add_argument_group("options of Miniproject 1")
    only.add_argument("--widths", type=number, nargs=2, help="channels of both scales (64 128)")
    only.add_argument(
        "--no-other-noises", action="store_true", help="add no noise to the input images"
    )
    only.add_argument("--cuda-graph", action="store_true", help="replay steps on a GPU")
    return result


def check(options: argparse.Namespace) -> None:
    """UsageError for options that do not go together."""
    if options.number == 2 and any(getattr(options, name) for name in OF_MINIPROJECT_1):
        raise command.UsageError(
            "Miniproject 2 has one network and no other noises; expected no options of the other"
        )
    if (options.pairs or options.weak) and not options.photographs:
        raise command.UsageError(
            f"--pairs and --weak are for --photographs; all of {TRAIN} is trained on as it is"
        )
    if options.go_on and options.widths:
        raise command.UsageError("--go-on keeps the widths of the shipped weights; omit --widths")


def new_model(options: argparse.Namespace) -> Any:
    """The Model to train: untrained, or with the shipped weights."""
    torch.manual_seed(options.seed)
    model = MODELS[f"Miniproject {options.number}"]()
    if options.go_on:
        model.load_pretrained_model()
    elif options.number == 1:  # a new Model is narrower than the shipped one, to be quick
        network = ResidualUNet(options.widths) if options.widths else ResidualUNet()
        model.network = network.to(model.device)
    return model


def pairs_of(options: argparse.Namespace, device: torch.device) -> tuple[Pairs, dict[str, float]]:
    """The noisy pairs to train on, and their number; drawn ones lie on the device.

    Raises:
        FileNotFoundError: no training set.
        ValueError: a damaged training set, or no photographs that can be drawn from.
    """
    if options.photographs is None:
        pairs = load_pair(options.data / TRAIN)
        return pairs, {"pairs": len(pairs[0])}
    images = read_images(image_files(options.photographs))
    photographs = Photographs(list(images.values()), device)
    count = options.pairs or PAIRS
    pairs = photographs.pairs(count, seeded(options.seed, device), weak=options.weak)
    counts: dict[str, float] = {"pairs": count, "photographs": len(images)}
    return pairs, {**counts, "weak": options.weak} if options.weak else counts


def changed_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of the training that the options change."""
    given = {"learning_rate": options.rate, "batch_size": options.batch_size}
    changed = {name: value for name, value in given.items() if value is not None}
    return {**changed, "gaussian": 0, "impulses": 0} if options.no_other_noises else changed


def all_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Every setting of the training; `learning_rate` is the peak that it reaches."""
    training = training_1 if options.number == 1 else training_2
    settings = training.Settings()._asdict()
    if options.go_on:  # as in Model.train after weights were loaded
        settings["learning_rate"] = settings["fine_tuning_rate"]
    return {**settings, **changed_settings(options)}


def train(model: Any, pairs: Pairs, options: argparse.Namespace, state: Path) -> None:
    """Train the model in place, and save the state in a file after each epoch."""
    if changed_settings(options) or options.cuda_graph:
        trainer = CudaGraphTrainer if options.cuda_graph else training_1.Trainer
        train_with(model, pairs, options.epochs, all_settings(options), state, trainer)
    else:
        model.train(*pairs, options.epochs, checkpoint=state)


def described(options: argparse.Namespace, model: Any, counts: dict[str, float]) -> dict[str, Any]:
    """What was trained, on what and how, for the JSON file."""
    log: dict[str, Any] = {
        "epochs": options.epochs,
        **counts,
        "seed": options.seed,
        "settings": all_settings(options),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    if options.number == 1:
        log["device"] = str(model.device)
        log["widths"] = widths_of(model.network.state_dict())
    return log


def run(options: argparse.Namespace) -> None:
    """Train, score, and write the weights and the JSON file; one process at a time."""
    check(options)
    with locked(OUTPUT / f"miniproject_{options.number}.state"):
        train_and_write(options, f"miniproject_{options.number}")


def train_and_write(options: argparse.Namespace, name: str) -> None:
    """What the command does; `name` is that of its files."""
    # All inputs are read before the training, which may take hours.
    noisy, clean = load_pair(options.data / VALIDATION)
    earlier = read_json(LOGS / f"{name}.json") if options.go_on else None
    model = new_model(options)
    pairs, counts = pairs_of(options, getattr(model, "device", torch.device("cpu")))
    started_from = copy.deepcopy(model.network.state_dict())
    start = time.perf_counter()
    state = OUTPUT / f"{name}.state"
    train(model, pairs, options, state)
    seconds = time.perf_counter() - start
    if options.go_on:
        refuse_without_gain(started_from, model)
    if options.number == 2:
        round_to_half(model)
    denoised, _ = denoise(model, noisy)
    log = {
        **described(options, model, counts),
        "seconds_of_the_last_stretch": round(seconds),
        "validation": scores(denoised, clean.float() / 255, self_ensemble=True),
    }
    if earlier is not None:
        log["started_from"] = earlier
    write_trained(options.number, model, log, options.install)
    if options.go_on and options.install:  # the same command now starts from the new weights
        state.unlink()


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
