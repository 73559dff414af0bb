"""Train a bias-free denoiser: one JSON file for the model, one folder for what comes out.

    python -m others.studies.biasfree.train --config FILE --data FOLDER ... --output FOLDER
        [--install]

--config is a file, or the name of one in others/studies/biasfree/configs. The folders hold images;
unless --val-data is given, the last tenth of each validates. The same command continues a training
that was stopped. --install puts what was trained where `load_model` finds it: the last weights,
averaged if the configuration says so, and a JSON file with the configuration and the figures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from others.data.seeds import global_seed
from others.engine.distributed import processes, rank
from others.engine.experiment import Experiment
from others.engine.hooks import Picture, every, report
from others.engine.options import TrainingOptions
from others.engine.schedules import SCHEDULES
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.catalogue import NETS
from others.networks.pretrained import NAMES
from others.records.json_files import save_json
from others.records.paths import CONFIGS, PRETRAINED
from others.records.weights import save_weights
from others.studies.biasfree.pipeline import Pipeline, load_pipeline


def make_optimizer(net: torch.nn.Module, pipeline: Pipeline) -> torch.optim.Optimizer:
    """Of all parameters of a network."""
    use = pipeline.training
    if use.optimizer == "rmsprop":
        return torch.optim.RMSprop(net.parameters(), use.learning_rate)
    return torch.optim.Adam(net.parameters(), use.learning_rate)


def make_experiment(
    pipeline: Pipeline, sets: tuple[Any, Any], output: Path | None, device: torch.device
) -> Experiment:
    """The experiment of a pipeline on these sets, continued if its folder holds it already.

    ValueError as `Experiment`: the folder belongs to another one.
    """
    use = pipeline.training
    with global_seed(use.seed, device):
        net = pipeline.network().to(device)
    return Experiment(
        net,
        *sets,
        make_optimizer(net, pipeline),
        DenoisingStatsManager(0, 1),
        output,
        use.batch_size,
        perform_validation_during_training=True,
        options=TrainingOptions(
            seed=use.seed,
            loss=pipeline.objective(net),
            schedule=SCHEDULES[use.schedule],
            average=use.average or None,
            clip=use.clip or None,
            precision=use.precision,
            steps_per_epoch=use.steps_per_epoch,
            config={"net": pipeline.as_json()["model"]},
        ),
    )


def install(pipeline: Pipeline, experiment: Experiment, folder: Path = PRETRAINED) -> Path:
    """Write NAME.pth and NAME.json; returns the path of the former."""
    path = folder / f"{pipeline.name}.pth"
    save_weights(experiment.denoiser, path)
    last = experiment.history[-1]
    trained = {"images": len(experiment.train_set), "epochs": experiment.epoch}
    seconds = round(sum(entry["seconds"] for entry in experiment.history))
    figures = {**trained, "validation": last["validation"], "seconds": seconds}
    save_json(path.with_suffix(".json"), {"pipeline": pipeline.as_json(), "trained": figures})
    return path


def train(options: argparse.Namespace, device: torch.device) -> Experiment:
    """Train as the options say, or go on with it."""
    given = Path(options.config)
    named = CONFIGS / f"{options.config}.json"
    pipeline = load_pipeline(named if named.is_file() and not given.is_file() else given)
    if options.install and pipeline.name in NETS and pipeline.name not in NAMES:
        raise ValueError(f"{pipeline.name!r} names another network of the project; rename it")
    if options.epochs is not None:
        pipeline = replace(pipeline, training=replace(pipeline.training, epochs=options.epochs))
    sets = pipeline.sets(options.data, options.val_data)
    experiment = make_experiment(pipeline, sets, options.output, device)
    experiment.run(pipeline.training.epochs, plot=every([report, Picture(options.output)]))
    if options.install and rank() == 0:
        print(f"{install(pipeline, experiment)}: written")
    return experiment


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.biasfree.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", required=True, metavar="FILE")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--val-data", type=Path, metavar="FOLDER", help="to validate on")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--epochs", type=int, help="in all (those of the configuration)")
    parser.add_argument("--install", action="store_true", help="into others/pretrained")
    options = parser.parse_args(arguments)
    try:
        with processes() as device:
            train(options, device)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"{parser.prog}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{parser.prog}: stopped; the same command continues after the last epoch")


if __name__ == "__main__":
    main()
