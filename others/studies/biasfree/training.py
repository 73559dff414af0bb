"""The training that a pipeline describes, and where the weights of its model are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from others.data.seeds import global_seed
from others.engine.experiment import Experiment
from others.engine.options import TrainingOptions
from others.engine.schedules import SCHEDULES
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.biasfree.networks import build_network
from others.records.json_files import save_json
from others.records.paths import PRETRAINED
from others.records.weights import save_weights
from others.studies.biasfree.objective import Objective
from others.studies.biasfree.pipeline import Pipeline

OPTIMIZERS = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}


def make_experiment(
    pipeline: Pipeline, sets: tuple[Any, Any], output: Path | None, device: torch.device
) -> Experiment:
    """The experiment of a pipeline on these sets, continued if its folder holds it already.

    ValueError if the folder belongs to an experiment with another configuration.
    """
    use = pipeline.training
    with global_seed(use.seed, device):
        net = build_network(pipeline.model).to(device)
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
            config={"net": pipeline.as_json()["model"]},
        ),
    )


def install(pipeline: Pipeline, experiment: Experiment, store: Path = PRETRAINED) -> Path:
    """Keep a trained model where `others.networks.pretrained` finds it by the pipeline's name.

    Writes biasfree/NAME.pth, the last weights, averaged if the configuration says so and in half
    precision, and biasfree/NAME.json, the configuration and the figures. Returns the path of the
    weights.
    """
    path = store / "biasfree" / f"{pipeline.name}.pth"
    save_weights(experiment.denoiser, path, half=True)
    last = experiment.history[-1]
    trained = {"images": len(experiment.train_set), "epochs": experiment.epoch}
    seconds = round(sum(entry["seconds"] for entry in experiment.history))
    figures = {**trained, "validation": last["validation"], "seconds": seconds}
    save_json(path.with_suffix(".json"), {"pipeline": pipeline.as_json(), "trained": figures})
    return path
