"""How an experiment trains, beyond its network, data and optimizer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from others.data.course import check_whole
from others.engine.losses import Loss
from others.engine.schedules import constant

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class TrainingOptions:
    """The options of `others.engine.experiment.Experiment`.

    Args:
        seed: decides all randomness but that of the initial weights.
        loss: as in `others.engine.losses`. None stands for the network's own `criterion`, or for
            the mean squared error if it has none. A loss that is no mean over images gives other
            results in several processes than in one.
        schedule: maps the share of the training that is done, in (0, 1), to the factor of the
            learning rate.
        average: the decay of a moving average of the weights, which then is validated and kept as
            the best network. None: no average.
        clip: the largest norm that the gradient may have. None: any.
        precision: "float32", or "bfloat16" for the products of the training where the hardware has
            them; validation is in float32 always.
        steps_per_epoch: the number of batches in an epoch, all of them full. None: as many as show
            every image once.
        config: entries that are added to the experiment's configuration, or replace some of it.
        progress: whether to draw a bar; None: on a terminal only.

    Raises:
        ValueError: an option that cannot be.
    """

    seed: int = 0
    loss: Loss | None = None
    schedule: Callable[[float], float] = constant
    average: float | None = None
    clip: float | None = None
    precision: str = "float32"
    steps_per_epoch: int | None = None
    config: dict[str, Any] = field(default_factory=dict)
    progress: bool | None = None

    def __post_init__(self) -> None:
        if self.steps_per_epoch is not None:
            check_whole("steps_per_epoch", self.steps_per_epoch, 1)
        if self.precision not in PRECISIONS:
            expected = ", ".join(PRECISIONS)
            raise ValueError(f"precision is {self.precision!r}; expected one of {expected}")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip is {self.clip}; expected a norm above 0")
