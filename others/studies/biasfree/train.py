"""Train a bias-free denoiser: one JSON file for the model, one folder for what comes out.

    python -m others.studies.biasfree.train --config FILE --data FOLDER ... --output FOLDER

The folders hold images: in train/ and in val/ or test/, or directly, and then the last tenth
validates. The same command continues a training that was stopped.
`others.studies.biasfree.export --training FOLDER` makes TorchScript and ONNX files of what was
trained. --install keeps it in the project, under the name in the configuration: for
`others.denoise --model NAME` and the studies.

The learning rate falls to 0 at the end, so the length has to be known beforehand. --minutes tries a
few steps and makes as many epochs as that time allows. Where a training is continued, its length
may be another than before.

With --start-from another training begins, with the weights of a model or of an earlier training in
the place of random ones. The configuration may differ from theirs in all but the network.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from others.engine import command
from others.engine.distributed import processes, rank, world
from others.engine.hooks import Picture, TensorBoard, every, report, report_end
from others.networks.catalogue import BIAS_FREE, NETS
from others.records.paths import CONFIGS
from others.studies.biasfree.pipeline import Pipeline, load_pipeline
from others.studies.biasfree.training import install, make_experiment, start_of

TRIED = 50  # steps whose time is taken for --minutes


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    names = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.json")))
    result.add_argument(
        "--config",
        required=True,
        metavar="FILE",
        help=f"a configuration in JSON, or one of {names}",
    )
    result.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="images to train on"
    )
    result.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="for weights and history"
    )
    result.add_argument(
        "--start-from",
        metavar="NAME",
        help="begin with the weights of a bias-free model, or of the training in a folder",
    )
    length = result.add_mutually_exclusive_group()
    length.add_argument(
        "--epochs", type=command.whole(1), help="in all, instead of those of the configuration"
    )
    length.add_argument(
        "--minutes", type=command.whole(1), help="that all epochs take, instead of their number"
    )
    result.add_argument(
        "--install", action="store_true", help="also keep the weights in others/pretrained"
    )
    result.add_argument("--tensorboard", action="store_true", help="also write logs there")
    return result


def asked_for(options: argparse.Namespace) -> Pipeline:
    """The pipeline that the options name; a UsageError if it may not be installed."""
    given, named = Path(options.config), CONFIGS / f"{options.config}.json"
    if not given.is_file() and not named.is_file():
        raise FileNotFoundError(f"{given}: no such file, and no configuration of the project")
    pipeline = load_pipeline(given if given.is_file() else named)
    if options.install and pipeline.name in NETS and pipeline.name not in BIAS_FREE:
        raise command.UsageError(
            f"{pipeline.name!r} names another network of the project; rename it to install it"
        )
    if options.epochs is not None:
        pipeline = replace(pipeline, training=replace(pipeline.training, epochs=options.epochs))
    return pipeline


def epochs_within(
    minutes: int, pipeline: Pipeline, sets: tuple[Any, Any], device: torch.device
) -> int:
    """How many epochs this machine completes in this number of minutes, one at least.

    It is found by a trial of a few steps and a validation, of which nothing is kept.
    """
    use = pipeline.training
    tried = min(TRIED, use.steps_per_epoch)
    short = replace(pipeline, training=replace(use, steps_per_epoch=tried))
    trial = make_experiment(short, sets, None, device)
    start = time.perf_counter()
    trial.run(1)
    whole, steps = time.perf_counter() - start, trial.history[0]["seconds"]
    epoch = steps * use.steps_per_epoch / tried + (whole - steps)  # the rest is the validation
    return max(1, int(60 * minutes / epoch))


def run(options: argparse.Namespace) -> None:
    """Train as the options say, or go on with it."""
    with processes() as device:
        pipeline = asked_for(options)
        start = None if options.start_from is None else start_of(options.start_from)
        sets = pipeline.sets(options.data)
        experiment = make_experiment(pipeline, sets, options.output, device, start)
        epochs = pipeline.training.epochs
        if options.minutes is not None:
            if world() > 1:  # each process would find another number
                raise command.UsageError("--minutes is for one process; expected --epochs")
            epochs = epochs_within(options.minutes, pipeline, sets, device)
            print(f"{epochs} epochs in {options.minutes} minutes")
        hooks = [report, Picture(options.output)]
        if options.tensorboard:
            hooks.append(TensorBoard(options.output / "tensorboard"))
        experiment.run(epochs, plot=every(hooks))
        report_end(experiment, options.output)
        if options.install and rank() == 0:
            print(f"{install(pipeline, experiment, start)}: written")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
