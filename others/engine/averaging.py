"""A moving average of a network's weights, smoother than the weights themselves."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """Exponential moving average of the weights of `net`, in a network of its own.

    Args:
        decay: the share of the old average that stays at each step. In the first steps a smaller
            share stays, steps / (steps + 9), so that the initial weights are soon forgotten.

    Raises:
        ValueError: the decay is not between 0 and 1.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        if not 0 < decay < 1:
            raise ValueError(f"average is {decay}; expected a decay between 0 and 1")
        self.net, self.decay = copy.deepcopy(net), decay

    @torch.no_grad()
    def update(self, net: nn.Module, steps: int) -> None:
        """Move the average towards `net`; buffers, such as running means, are copied.

        Args:
            steps: the number of steps of the training so far, this one included.
        """
        move = get_ema_multi_avg_fn(min(self.decay, steps / (steps + 9)))
        move(list(self.net.parameters()), list(net.parameters()), steps)
        for old, new in zip(self.net.buffers(), net.buffers()):
            old.copy_(new)
