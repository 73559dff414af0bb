"""The training that a pipeline describes, and where the weights of its model are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from others.data.seeds import global_seed
from others.engine.experiment import Experiment
from others.engine.options import TrainingOptions
from others.engine.schedules import SCHEDULES
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.biasfree.networks import build_network
from others.networks.pretrained import bias_free_file, is_described, model_names
from others.records.checkpoints import LAST
from others.records.json_files import read_json, save_json
from others.records.weights import digest, load_weights, save_weights
from others.studies.biasfree.objective import Objective
from others.studies.biasfree.pipeline import Pipeline

OPTIMIZERS = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}


@dataclass(frozen=True)
class Start:
    """Trained weights that a training begins with, in the place of random ones."""

    weights: Path
    known: dict[str, Any]  # of these weights, for the JSON file of those that come out


def start_of(source: str) -> Start:
    """The weights of a bias-free model, by its name, or of an earlier training, by its folder.

    Raises:
        ValueError: neither a folder nor the name of a model.
        FileNotFoundError: a folder without a training.
    """
    if Path(source).is_dir():
        weights, known = Path(source) / LAST, {"training": Path(source).resolve().name}
    elif is_described(source):
        weights = bias_free_file(source)
        known = read_json(weights.with_suffix(".json"))
    else:
        names = ", ".join(name for name in model_names() if is_described(name))
        raise ValueError(f"no training and no model {source!r} to start from; there is {names}")
    if not weights.is_file():
        raise FileNotFoundError(f"{weights}: no such file; expected the weights to start from")
    return Start(weights, {"weights": digest(weights), **known})


def make_experiment(
    pipeline: Pipeline,
    sets: tuple[Any, Any],
    output: Path | None,
    device: torch.device,
    start: Start | None = None,
) -> Experiment:
    """The experiment of a pipeline on these sets, continued if its folder holds it already.

    ValueError if the folder belongs to an experiment with another configuration or with another
    `start`, and if the weights of `start` are those of another network.
    """
    use = pipeline.training
    with global_seed(use.seed, device):
        net = build_network(pipeline.model).to(device)
    origin: dict[str, Any] = {}  # of the weights, by which an experiment is told from others
    if start is not None:
        load_weights(net, start.weights)
        origin = {"started_from": start.known["weights"]}
    return Experiment(
        net,
        *sets,
        OPTIMIZERS[use.optimizer](net.parameters(), use.learning_rate),
        DenoisingStatsManager(0, 1),
        output,
        use.batch_size,
        perform_validation_during_training=True,
        options=TrainingOptions(
            seed=use.seed,
            loss=Objective(net, pipeline.loss),
            schedule=SCHEDULES[use.schedule],
            average=use.average or None,
            clip=use.clip or None,
            precision=use.precision,
            steps_per_epoch=use.steps_per_epoch,
            config={"net": pipeline.as_json()["model"], **origin},
        ),
    )


def install(pipeline: Pipeline, experiment: Experiment, start: Start | None = None) -> Path:
    """Keep a trained model where `others.networks.pretrained` finds it by the pipeline's name.

    Writes biasfree/NAME.pth, the last weights, averaged if the configuration says so and in half
    precision, and biasfree/NAME.json, the configuration, the figures and what is known of `start`.
    Returns the path of the weights.
    """
    path = bias_free_file(pipeline.name)
    save_weights(experiment.denoiser, path, half=True)
    last = experiment.history[-1]
    trained = {"images": len(experiment.train_set), "epochs": experiment.epoch}
    seconds = round(sum(entry["seconds"] for entry in experiment.history))
    figures = {**trained, "validation": last["validation"], "seconds": seconds}
    described = {"pipeline": pipeline.as_json(), "trained": figures}
    origin = {} if start is None else {"started_from": start.known}
    save_json(path.with_suffix(".json"), {**described, **origin})
    return path
