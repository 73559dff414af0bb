"""A torch.nn network behind our framework's interface, so that one training loop serves both."""

from __future__ import annotations

from typing import Iterator

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
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The network's answer (N, 3, H, W), detached from torch's graph."""
        (x,) = inputs
        short = x.dtype == torch.bfloat16
        with torch.enable_grad(), torch.autocast(x.device.type, torch.bfloat16, enabled=short):
            self._y: Tensor = self.network(x)
        return self._leave(self._y.detach())

    def backward(self, *gradients: Tensor) -> Tensor:
        """Add autograd's gradients to those of the parameters; the input gets no gradient."""
        gradient = self._check_gradient(gradients[0])
        self._y.backward(gradient)
        return gradient

    def named(self) -> Iterator[Named]:
        for name, parameter in self.network.named_parameters():
            assert parameter.grad is not None
            yield name, parameter.detach(), parameter.grad
