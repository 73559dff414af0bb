"""One JSON file describes a model: its network, what it minimises, its data and its training.

    {"name": "...", "model": {...}, "loss": {...}, "corruption": {...}, "training": {...}}

Every entry has a default, the value in the classes of settings; an entry that is unknown or of
another type is refused with its place. The folders of images are no part of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from others.data.corruptions import Corruption, CorruptionSettings
from others.data.folders import split_files
from others.data.images import Crops, read_images
from others.data.sets import Noisy
from others.engine.options import PRECISIONS
from others.engine.schedules import SCHEDULES
from others.networks.biasfree.networks import ModelSettings, build_network
from others.records.configuration import filled
from others.studies.biasfree.objective import LossSettings, Objective

NAME = re.compile(r"[a-z0-9_]+")
OPTIMIZERS = ("adam", "rmsprop")


@dataclass(frozen=True)
class TrainingSettings:
    """How it is trained; `others.engine.experiment.Experiment` explains most of it."""

    crop: int = 96  # pixels along a side
    turned: bool = True  # crops in all eight symmetries of the square
    validation: int = 100  # images at most
    batch_size: int = 16
    epochs: int = 20
    steps_per_epoch: int = 1000
    optimizer: str = "adam"
    learning_rate: float = 1e-3  # at its peak
    schedule: str = "cosine"
    clip: float = 0.0  # most that the norm of the gradient may be; 0 is any
    average: float = 0.999  # decay of the average of the weights; 0 is none
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        known = {"optimizer": OPTIMIZERS, "schedule": tuple(SCHEDULES), "precision": PRECISIONS}
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                value = getattr(self, name)
                raise ValueError(f"{name} is {value!r}; expected one of {', '.join(choices)}")
        for name in ("crop", "validation", "batch_size", "epochs", "steps_per_epoch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not self.learning_rate > 0 or self.clip < 0 or not 0 <= self.average < 1:
            raise ValueError(
                f"learning_rate, clip and average are {self.learning_rate}, {self.clip} and "
                f"{self.average}; expected above 0, at least 0, and at least 0 but below 1"
            )


@dataclass(frozen=True)
class Pipeline:
    """All of it."""

    name: str = "biasfree"
    model: ModelSettings = field(default_factory=ModelSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    corruption: CorruptionSettings = field(default_factory=CorruptionSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"name is {self.name!r}; expected lower case letters, digits and _")

    def network(self) -> nn.Module:
        """A new network for images in [0, 1], from torch's global generator."""
        return build_network(self.model)

    def objective(self, net: nn.Module) -> Objective:
        """The loss of that network."""
        return Objective(net, self.loss)

    def sets(self, folders: Sequence[Path], val_folder: Path | None = None) -> tuple[Noisy, Noisy]:
        """Training and validation set: crops of the images in all folders, with noise.

        Without `val_folder`, each folder is split as `others.data.folders.split_files` does it, and
        the validation images are spread over what that leaves. Targets are clean.

        Raises:
            FileNotFoundError, ValueError: no images, or images smaller than the crop.
        """
        train, val = [], []
        for folder in folders:
            files, held_out = split_files(folder, val_folder)
            train += files
            val += held_out if val_folder is None or not val else []
        val = val[:: -(-len(val) // self.training.validation)]
        use, noise = self.training, Corruption(self.corruption)
        sources = [
            Crops(read_all(train), use.crop, use.turned),
            Crops(read_all(val), use.crop),
        ]
        return Noisy(sources[0], noise), Noisy(sources[1], noise)

    def as_json(self) -> dict[str, Any]:
        """What `parse` reads, with every default written out."""
        return json.loads(json.dumps(asdict(self)))


def read_all(files: Sequence[Path]) -> dict[str, Any]:
    """The images that can be read, by their folders and names."""
    images: dict[str, Any] = {}
    for folder in dict.fromkeys(path.parent for path in files):
        inside = [path for path in files if path.parent == folder]
        images.update((f"{folder}/{name}", im) for name, im in read_images(inside).items())
    return images


def parse(content: Any) -> Pipeline:
    """The pipeline that parsed JSON describes; ValueError that names the entry that is wrong."""
    return filled(Pipeline(), content, "")


def load_pipeline(path: Path) -> Pipeline:
    """The pipeline in a file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no JSON, or an entry that is unknown or wrong; the message begins with the path.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected a configuration in JSON")
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
