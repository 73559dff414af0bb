"""What is minimised: the mean absolute error with a dead zone, and penalties on the kernels.

As in the library "blind image denoising" (N. Markou), errors are in grey levels, of 255.
"""

from dataclasses import asdict
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from others.data.corruptions import LEVELS
from others.networks.biasfree.pyramid import laplacian
from others.records.settings import settings
from others.studies.biasfree.regularisers import Regulariser, penalty


@settings
class LossSettings:
    """What is minimised."""

    hinge: Annotated[float, Field(ge=0)] = 0.0  # grey levels; the source advises 0.5 to 2
    cutoff: Annotated[float, Field(gt=0)] = 255.0  # grey levels: larger errors count as this
    scales: Annotated[int, Field(ge=1, le=10)] = 1  # of a Laplacian pyramid of the errors; 1: none
    regularisation: Annotated[float, Field(ge=0)] = 0.01  # factor of all regularisers
    regularisers: tuple[Regulariser, ...] = ()

    def __post_init__(self) -> None:
        if not self.hinge < self.cutoff:
            raise ValueError(
                f"hinge is {self.hinge:g} and cutoff {self.cutoff:g}; expected hinge < cutoff"
            )


def dead_zone(error: Tensor, hinge: float = 0.0, cutoff: float = 255.0) -> Tensor:
    """The cost of each error e: 0 where |e| < hinge, then |e|, but at most `cutoff`.

        cost
         |      ______ cutoff
         |     /
         |    /
         |    |
         |____|________ |e|
            hinge

    The cost jumps at the hinge, and is not |e| − hinge, as in the source.
    """
    size = error.abs()
    return torch.where(size < hinge, torch.zeros_like(size), size.clamp_max(cutoff))


def hinge_mae(
    y: Tensor, d: Tensor, hinge: float = 0.0, cutoff: float = 255.0, scales: int = 1
) -> Tensor:
    """The mean `dead_zone` of the errors of y (N, C, H, W) in [0, 1], in grey levels.

    With several `scales` it is summed over the levels of a Laplacian pyramid of the errors.
    """
    errors = laplacian(LEVELS * (y - d), scales)
    return torch.stack([dead_zone(error, hinge, cutoff).mean() for error in errors]).sum()


class Objective:
    """A loss for `engine.Experiment`: the error plus penalties on the kernels of `net`."""

    def __init__(self, net: nn.Module, use: LossSettings) -> None:
        self.net, self.use = net, use

    @property
    def config(self) -> dict[str, Any]:
        """What tells this loss from others."""
        return {"class": "Objective", **asdict(self.use)}

    def __call__(self, y: Tensor, d: Tensor, share: float = 0.0) -> Tensor:
        """The loss for outputs y and targets d, (N, C, H, W) in [0, 1]; `share` plays no part."""
        use = self.use
        error = hinge_mae(y, d, use.hinge, use.cutoff, use.scales)
        if not use.regularisers:
            return error
        return error + use.regularisation * penalty(self.net, use.regularisers)
