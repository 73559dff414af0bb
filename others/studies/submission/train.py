"""Train a model of the submission from noisy pairs, in stretches if need be.

    python -m others.studies.submission.train 1 --epochs 12 [--data data] [--install]
    python -m others.studies.submission.train 1 --go-on --rate 1e-3 --batch-size 16 [--install]
    python -m others.studies.submission.train 1 --photographs DIR --pairs 1000000 --captured

The state is saved after each epoch, and the same command continues where an earlier one was
stopped. --go-on starts from the shipped weights of Miniproject 1 instead of random ones, and
--photographs draws the noisy pairs from a folder of images (`others.data.photographs`) instead of
reading train_data.pkl. The weights go to out/, and with --install to the miniproject's
bestmodel.pth; what was trained, on what and with what result goes to a JSON file beside them or in
others/results/, together with what was known of the weights it started from. If those still do
better on the pairs held out of the training, the command says so and writes nothing.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Sequence

import torch
from torch import Tensor

from Miniproject_1 import model as first
from Miniproject_1.noise2noise.network import ResidualUNet, widths_of
from Miniproject_1.noise2noise.training import Settings as FirstSettings
from Miniproject_1.noise2noise.training import Trainer
from Miniproject_2 import model as second
from Miniproject_2.framework.training import Settings as SecondSettings
from others.data.course import TRAIN, VALIDATION, load_pair
from others.data.images import image_files, read_images
from others.data.photographs import Photographs
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.studies.submission.cuda_graph import CapturedTrainer
from others.studies.submission.models import denoise, scores

FOLDER = RESULTS / "training"


def new_model(number: int, widths: Sequence[int] | None = None, go_on: bool = False) -> Any:
    """A model of a miniproject: untrained, or with the shipped weights.

    The first has these widths, or those it is shipped with.
    """
    if number == 2:
        return second.Model()
    model = first.Model()
    if go_on:
        model.load_pretrained_model()
    else:
        network = ResidualUNet(widths) if widths else ResidualUNet()
        model.network = network.to(model.device)
    return model


def settings_of(number: int, other_noises: bool = True) -> dict[str, Any]:
    """The settings that `Model.train` of a miniproject uses; of the first without other noises."""
    if number == 2:
        return SecondSettings()._asdict()
    return {**asdict(FirstSettings()), **({} if other_noises else {"gaussian": 0, "impulses": 0})}


def pairs_of(
    options: argparse.Namespace, device: torch.device
) -> tuple[tuple[Tensor, Tensor], dict[str, int]]:
    """The noisy pairs to train on, and how many there are of what; drawn ones are on the device.

    Raises:
        FileNotFoundError, ValueError: no file of pairs, or no photographs that can be drawn from.
    """
    if options.photographs is None:
        pairs = load_pair(options.data / TRAIN)
        return pairs, {"pairs": len(pairs[0])}
    images = read_images(image_files(options.photographs))
    generator = torch.Generator(device).manual_seed(options.seed)
    pairs = Photographs(list(images.values()), device).pairs(options.pairs, generator)
    return pairs, {"pairs": options.pairs, "photographs": len(images)}


def train(
    model: Any,
    settings: dict[str, Any],
    epochs: int,
    pairs: tuple[Tensor, Tensor],
    state: Path,
    captured: bool = False,
) -> float:
    """Train as `Model.train` does, but with these settings; the seconds it took."""
    start = time.perf_counter()
    state.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(model, first.Model):
        trainer = CapturedTrainer if captured else Trainer
        trainer(
            model.network, *pairs, epochs, checkpoint=state, settings=FirstSettings(**settings)
        ).run()
    else:
        model.train(*pairs, epochs, checkpoint=state)
    return time.perf_counter() - start


def parsed() -> argparse.Namespace:
    """The options of the command line, checked."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.submission.train", description=__doc__
    )
    parser.add_argument("number", type=int, choices=(1, 2), help="the miniproject")
    parser.add_argument("--epochs", type=int, default=12, help="passes over the pairs (12)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the .pkl files")
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights (0)")
    parser.add_argument("--widths", type=int, nargs=2, help="of the first (64 128)")
    parser.add_argument("--no-other-noises", action="store_true", help="the first on plain pairs")
    parser.add_argument("--go-on", action="store_true", help="the first from its shipped weights")
    parser.add_argument("--rate", type=float, help="the first's peak of the learning rate")
    parser.add_argument("--batch-size", type=int, help="the first's pairs of a step")
    parser.add_argument("--photographs", type=Path, metavar="DIR", help="to draw pairs from")
    parser.add_argument("--pairs", type=int, default=50000, help="to draw of them (50000)")
    parser.add_argument("--captured", action="store_true", help="the first's steps as a CUDA graph")
    parser.add_argument("--install", action="store_true", help="replace bestmodel.pth")
    options = parser.parse_args()
    only = ("widths", "no_other_noises", "go_on", "rate", "batch_size", "captured")
    if options.number == 2 and any(getattr(options, name) for name in only):
        parser.error("Miniproject 2 is trained as its Model.train does it, without such options")
    if options.go_on and options.widths:
        parser.error("--go-on keeps the widths of the shipped weights; leave out --widths")
    if options.pairs < 1:
        parser.error(f"--pairs is {options.pairs}; expected at least 1")
    return options


def refuse_without_gain(started_from: dict[str, Tensor], model: Any) -> None:
    """ValueError if the training has left the weights as they were."""
    if all(torch.equal(started_from[name], v) for name, v in model.network.state_dict().items()):
        raise ValueError(
            "no gain: the weights that it started from do better on the held-out pairs than those "
            "it has come to; nothing is written"
        )


def described(
    options: argparse.Namespace, model: Any, counts: dict[str, int], settings: dict[str, Any]
) -> dict[str, Any]:
    """What was trained, on what and how, for the JSON file."""
    log: dict[str, Any] = {
        "epochs": options.epochs,
        **counts,
        "seed": options.seed,
        "settings": settings,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    if options.number == 1:
        log["device"] = str(model.device)
        log["widths"] = widths_of(model.network.state_dict())
    return log


def main() -> None:
    """The command line."""
    options = parsed()
    name = f"miniproject_{options.number}"
    try:
        noisy, clean = load_pair(options.data / VALIDATION)
        state = Path("out") / f"{name}.state"
        torch.manual_seed(options.seed)
        model = new_model(options.number, options.widths, options.go_on)
        pairs, counts = pairs_of(options, getattr(model, "device", torch.device("cpu")))
        settings = settings_of(options.number, not options.no_other_noises)
        given = {"learning_rate": options.rate, "batch_size": options.batch_size}
        settings.update((key, value) for key, value in given.items() if value is not None)
        started_from = copy.deepcopy(model.network.state_dict()) if options.go_on else None
        seconds = train(model, settings, options.epochs, pairs, state, options.captured)
        if started_from is not None:
            refuse_without_gain(started_from, model)
    except (ValueError, OSError) as error:
        sys.exit(f"python -m others.studies.submission.train: {error}")
    denoised, _ = denoise(model, noisy)
    log = {
        **described(options, model, counts, settings),
        "seconds_of_the_last_stretch": round(seconds),
        "validation": scores(denoised, clean.float() / 255, self_ensemble=True),
    }
    if options.go_on:
        log["started_from"] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    weights = (first if options.number == 1 else second).WEIGHTS
    model.save_model(weights if options.install else Path("out") / f"{name}.pth")
    save_json((FOLDER if options.install else Path("out")) / f"{name}.json", log)
    print(f"{name}: {log['validation']} after {options.epochs} epochs")


if __name__ == "__main__":
    main()
