"""How an experiment trains, beyond its network, data and optimizer."""

from dataclasses import dataclass, field
from typing import Any, Callable

from others.data.course import check_whole
from others.engine.losses import Loss
from others.engine.schedules import constant

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class TrainingOptions:
    """The options of `others.engine.experiment.Experiment`; ValueError for one that cannot be."""

    seed: int = 0  # decides all randomness but that of the initial weights
    # One of `others.engine.losses`. None: the network's own `criterion`, or the mean squared error
    # if it has none. A loss that is no mean over images is another one in several processes.
    loss: Loss | None = None
    # From the share of the training that is done, in (0, 1), to the factor of the learning rate.
    schedule: Callable[[float], float] = constant
    # The decay of a moving average of the weights, which then is what is validated and kept.
    average: float | None = None
    clip: float | None = None  # the largest norm that the gradient may have; None: any
    precision: str = "float32"  # of the training's products, where the hardware has bfloat16
    steps_per_epoch: int | None = None  # full batches; None: every image is shown once
    config: dict[str, Any] = field(default_factory=dict)  # entries added to the configuration
    progress: bool | None = None  # whether to draw a bar; None: on a terminal only

    def __post_init__(self) -> None:
        if self.steps_per_epoch is not None:
            check_whole("steps_per_epoch", self.steps_per_epoch, 1)
        if self.precision not in PRECISIONS:
            expected = ", ".join(PRECISIONS)
            raise ValueError(f"precision is {self.precision!r}; expected one of {expected}")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip is {self.clip}; expected a norm above 0")
