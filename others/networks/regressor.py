"""Networks as an experiment sees them: the assignment's base class, and evaluation mode."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NNRegressor(nn.Module):
    """A network trained with the mean squared error."""

    def criterion(self, y: Tensor, d: Tensor) -> Tensor:
        """The mean over all values of (y − d)², for the output y where d is desired."""
        return F.mse_loss(y, d)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[nn.Module]:
    """`net` in evaluation mode and without gradients, and afterwards in its mode from before."""
    was_training = net.training
    try:
        with torch.no_grad():
            yield net.eval()
    finally:
        net.train(was_training)
