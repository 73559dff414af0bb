"""Muon for networks of torch.nn: `torch.optim.Muon` takes matrices alone, and no convolutions.

Miniproject_2/framework/optimizers.py says what Muon is. A kernel (O, C, 3, 3) is a matrix with O
rows. Kernels that look at an image or make one have only three channels on one side, and biases
have one dimension; Adam changes them, as in Jordan's own trainings.
"""

from typing import Any

import torch
from torch import Tensor, nn

from Miniproject_2.framework.optimizers import orthogonal

COLOURS = 3  # channels of an image
ADAM = 0.05  # rate of Adam in `OneRate`, as a share of Muon's


def is_hidden(parameter: Tensor) -> bool:
    """Whether it is a kernel with more channels than an image on both sides."""
    return parameter.dim() == 4 and min(parameter.shape[:2]) > COLOURS


class Muon(torch.optim.Adam):
    """Muon for the hidden kernels of a network, and Adam for all other parameters.

    v ← momentum · v + g; the step is along `orthogonal` of g + momentum · v, and its length is
    lr · √max(1, rows / columns).

    Args:
        net: the network; each of its parameters has a gradient at every step.
        lr: the rate of the hidden kernels.
        adam_lr: the rate of the other parameters.
    """

    def __init__(
        self, net: nn.Module, lr: float = 0.02, adam_lr: float = 4e-3, momentum: float = 0.95
    ) -> None:
        parameters = list(net.parameters())
        hidden = [one for one in parameters if is_hidden(one)]
        rest = [one for one in parameters if not is_hidden(one)]
        groups = [{"params": hidden, "lr": lr}, {"params": rest, "lr": adam_lr}]
        super().__init__(groups, betas=(0.9, 0.99))
        self.defaults.update(lr=lr, adam_lr=adam_lr, momentum=momentum)  # what describes it

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Change every parameter; the gradients of the hidden kernels are gone afterwards."""
        for parameter in self.param_groups[0]["params"]:
            self._orthogonal_step(parameter, self.param_groups[0]["lr"])
            parameter.grad = None  # so that Adam leaves it alone
        return super().step(closure)

    def _orthogonal_step(self, parameter: Tensor, lr: Any) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
            state["step"] = torch.zeros(())  # which Adam expects of every state that it loads
        state["step"] += 1
        momentum = self.defaults["momentum"]
        velocity = state["momentum_buffer"].mul_(momentum).add_(gradient)
        matrix = (gradient + momentum * velocity).flatten(1)
        rows, columns = matrix.shape
        step = orthogonal(matrix).reshape(parameter.shape)
        # A product instead of `alpha`, so that the rate may be a tensor, as a CUDA graph needs it.
        parameter.sub_(step * (lr * max(1, rows / columns) ** 0.5))


class OneRate(Muon):
    """Muon whose rate for Adam follows the rate of the hidden kernels, the only one that is set."""

    def step(self, closure: Any = None) -> Any:
        self.param_groups[1]["lr"] = self.param_groups[0]["lr"] * ADAM
        return super().step(closure)
