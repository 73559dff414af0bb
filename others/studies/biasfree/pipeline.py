"""One JSON file describes a model: its network, what it minimises, its data and its training.

    {"name": "...", "model": {...}, "loss": {...}, "corruption": {...}, "training": {...}}

Every entry may be left out and then has the default that stands in the classes of settings. An
entry that is unknown, of another type or out of bounds is refused by a sentence that names it. The
folders of images are not described here: they are options of the commands.
"""

from collections.abc import Sequence
from dataclasses import asdict, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from others.data.corruptions import Corruption, CorruptionSettings
from others.data.folders import split_files
from others.data.images import Crops, read_images
from others.data.sets import Noisy
from others.engine.options import PRECISIONS
from others.engine.schedules import SCHEDULES
from others.networks.biasfree.settings import ModelSettings
from others.records.json_files import read_json
from others.records.settings import one_of, read_settings, settings
from others.records.study import as_json
from others.studies.biasfree.objective import LossSettings

Count = Annotated[int, Field(ge=1, le=1_000_000)]


@settings
class TrainingSettings:
    """How it is trained; `others.engine.experiment.Experiment` explains most of it."""

    crop: Annotated[int, Field(ge=1, le=4096)] = 96  # pixels along a side
    turned: bool = True  # crops in all eight symmetries of the square
    validation: Count = 100  # images at most
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 16
    epochs: Count = 20
    steps_per_epoch: Count = 1000
    optimizer: Literal["adam", "rmsprop"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3  # at its peak
    schedule: Annotated[str, AfterValidator(one_of(SCHEDULES))] = "cosine"
    clip: Annotated[float, Field(ge=0)] = 0.0  # most that the gradient's norm may be; 0: any
    average: Annotated[float, Field(ge=0, lt=1)] = 0.999  # decay of the average of the weights
    precision: Annotated[str, AfterValidator(one_of(PRECISIONS))] = "float32"
    seed: Annotated[int, Field(ge=0)] = 0


@settings
class Pipeline:
    """The whole file: a network, what it minimises, the noise of its images, and its training."""

    name: Annotated[str, Field(pattern="^[a-z0-9_]+$")] = "biasfree"
    model: ModelSettings = field(default_factory=ModelSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    corruption: CorruptionSettings = field(default_factory=CorruptionSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def sets(self, folders: Sequence[Path]) -> tuple[Noisy, Noisy]:
        """Training and validation set: crops of the images in all folders, with noise.

        Each folder is split as `others.data.folders.split_files` does it. If more images are held
        out than `validation` asks for, each second one is taken, or each third, and so on. Targets
        are clean.

        Raises:
            FileNotFoundError, ValueError: no images, or images smaller than the crop.
        """
        train, val = [], []
        for folder in folders:
            files, held_out = split_files(folder)
            train += files
            val += held_out
        val = val[:: -(-len(val) // self.training.validation)]
        use, noise = self.training, Corruption(self.corruption)
        crops = Crops(read_images(train), use.crop, use.turned)
        return Noisy(crops, noise), Noisy(Crops(read_images(val), use.crop), noise)

    def as_json(self) -> dict[str, Any]:
        """What `parse` reads, with every default written out."""
        return as_json(asdict(self))


def parse(content: Any) -> Pipeline:
    """The pipeline that parsed JSON describes; ValueError that names the entry that is wrong."""
    return read_settings(Pipeline(), content)


def load_pipeline(path: Path) -> Pipeline:
    """The pipeline in a file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no JSON, or an entry that is unknown or wrong; the message begins with the path.
    """
    content = read_json(path)
    try:
        return parse(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
