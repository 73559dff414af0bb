"""Muon: a step of a kernel is made orthogonal before it is taken (Jordan et al., 2024).

A kernel is a matrix with a row for each index of its first axis, which counts output channels, or
in a transposed convolution input channels. A few directions dominate its gradient: of the singular
value decomposition U S Vᵀ of a step, few values in S are large. Muon takes U Vᵀ instead, where all
of them are one, so that rare directions are learned as fast as frequent ones.
"""

from typing import Any, Dict, List

import torch
from torch import Tensor, nn

COLOURS = 3  # channels of an image
REMEMBERED = (("momentum_buffer",), ("exp_avg", "exp_avg_sq"))  # of a parameter, in either group


def is_hidden(parameter: Tensor) -> bool:
    """Whether it is a kernel with more channels than an image on both sides."""
    return parameter.dim() == 4 and min(parameter.shape[:2]) > COLOURS


class Muon(torch.optim.Adam):
    """Muon for the hidden kernels of a network, and Adam for all other parameters.

    With v ← momentum · v + g, a hidden kernel's step is along `orthogonal` of g + momentum · v,
    and its length is lr · √max(1, rows / columns). Kernels that take or make an image have only
    three channels on one side, and biases have one dimension, so that Muon does not suit them.

    Args:
        net: the network; each of its parameters has a gradient at every step.
        lr: the rate of the hidden kernels.
        adam_share: the rate of Adam, as a share of this one, however it changes.
    """

    def __init__(
        self, net: nn.Module, lr: float, momentum: float = 0.95, adam_share: float = 0.05
    ) -> None:
        parameters = list(net.parameters())
        hidden = [one for one in parameters if is_hidden(one)]
        rest = [one for one in parameters if not is_hidden(one)]
        super().__init__([{"params": hidden}, {"params": rest}], lr, betas=(0.9, 0.99))
        self.defaults.update(momentum=momentum, adam_share=adam_share)  # which copies keep

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Change every parameter; the gradients of the hidden kernels are gone afterwards."""
        hidden, rest = self.param_groups
        for parameter in hidden["params"]:
            self._orthogonal_step(parameter, hidden["lr"])
            parameter.grad = None  # so that Adam leaves it alone
        rest["lr"] = hidden["lr"] * self.defaults["adam_share"]
        return super().step(closure)

    def remembered(self) -> List[Dict[str, Any]]:
        """What a saved state must hold of each parameter: names, and a tensor of their shape."""
        both = zip(self.param_groups, REMEMBERED)
        return [dict.fromkeys(names, one) for group, names in both for one in group["params"]]

    def _orthogonal_step(self, parameter: Tensor, lr: Any) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
            state["step"] = parameter.new_zeros(())  # which Adam expects of all that it loads
        state["step"] += 1
        momentum = self.defaults["momentum"]
        velocity = state["momentum_buffer"].mul_(momentum).add_(gradient)
        matrix = (gradient + momentum * velocity).flatten(1)
        rows, columns = matrix.shape
        step = orthogonal(matrix).reshape(parameter.shape)
        # A product instead of `alpha`, so that the rate may be a tensor, as a CUDA graph needs it.
        parameter.sub_(step * (lr * max(1, rows / columns) ** 0.5))


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly U Vᵀ for the matrix U S Vᵀ, by five steps of Newton and Schulz's iteration.

    X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X leaves U and V alone and takes each singular value σ to
    a σ + b σ³ + c σ⁵. The matrix is divided by its norm first, so that no σ is above 1.
    The coefficients are Jordan's: the slope a at zero is as large as it can be, so that five steps
    bring small values up, at the price that large ones end anywhere from 0.7 to 1.2.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix / matrix.norm().clamp(min=1e-7)
    x = x.t() if tall else x  # the smaller of X Xᵀ and Xᵀ X
    for _ in range(5):
        square = x @ x.t()
        x = 3.4445 * x + (2.0315 * square @ square - 4.7750 * square) @ x
    return x.t() if tall else x
