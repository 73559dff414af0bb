"""A torch.nn network behind our framework's interface, so that one training loop serves both.

`OwnPasses` is the reverse: a network of our framework behind torch.nn's interface. So Jacobians
and SmoothGrad, which need autograd, can be computed by our backward passes.
"""

from typing import Any, Iterator

import torch
from torch import Tensor, nn

from Miniproject_2.framework import Module
from Miniproject_2.framework.module import Named


class Autograd(Module):
    """`forward` builds torch's graph and `backward` runs through it; gradients add up in place.

    Images of 16 bits (bfloat16) are computed under torch.autocast, which does what our framework
    does with them: it rounds copies of the weights, while parameters and gradients stay float32.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.values = [parameter.detach() for parameter in network.parameters()]
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)

    def _forward(self, x: Tensor) -> tuple[Tensor, ...]:
        # An optimizer may have given the values other memory; the network has to compute with it.
        for parameter, value in zip(self.network.parameters(), self.values):
            parameter.data = value
        short = x.dtype == torch.bfloat16
        with torch.enable_grad(), torch.autocast(x.device.type, torch.bfloat16, enabled=short):
            y: Tensor = self.network(x)
        return y.detach(), y

    def _backward(self, gradient: Tensor, y: Tensor) -> Tensor:
        """autograd's gradients, added to those of the parameters; none of the input is kept."""
        y.backward(gradient)
        return gradient

    def named(self) -> Iterator[Named]:
        for (name, parameter), value in zip(self.network.named_parameters(), self.values):
            assert parameter.grad is not None
            yield name, value, parameter.grad


class OwnPasses(nn.Module):
    """`forward` of a network of our framework; autograd calls the network's own `backward`.

    A block remembers its last pass alone. So each gradient is to be asked for before the next
    forward pass, and by one thread.
    """

    def __init__(self, network: Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = _Passes.apply(x, self.network)  # type: ignore[assignment]
        return answer


class _Passes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, network: Module) -> Tensor:
        ctx.network = network
        return network.forward(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.network.backward(gradients[0]), None
