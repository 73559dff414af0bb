"""What untrained DnCNNs of different depths do to an image: questions 6 and 8 of the assignment."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from others.data.seeds import global_seed
from others.networks.dncnn import DnCNN

DEPTHS = (0, 1, 2, 4, 8)


class Response(NamedTuple):
    """What came out of an untrained network, and what came back."""

    output: Tensor  # y, (1, 3, H, W)
    added: float  # standard deviation of y − x over the pixels, mean over the channels
    gradient: float  # norm of the loss's gradient by the weights of the first convolution


def untrained(depth: int, plain: bool) -> DnCNN:
    """DnCNN(depth) with random weights.

    Args:
        plain: torch's own initialisation throughout, as before question 7.
    """
    with global_seed(0):
        net = DnCNN(depth)
        if plain:
            for module in net.modules():
                if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
                    module.reset_parameters()
    return net


def response(net: DnCNN, noisy: Tensor, clean: Tensor) -> Response:
    """Feed (1, 3, H, W) in [-1, 1] forward and the error of the answer back, once."""
    with torch.enable_grad():
        output = net(noisy)
        loss = net.criterion(output, clean)
        weight: Tensor = net.conv[0].weight  # type: ignore[assignment]  # ModuleList hides it
        (gradient,) = torch.autograd.grad(loss, weight)
    added = (output.detach() - noisy).std((2, 3)).mean()
    return Response(output.detach(), float(added), float(gradient.norm()))


def responses(noisy: Tensor, clean: Tensor, plain: bool) -> dict[int, Response]:
    """One for each of the assignment's depths."""
    return {depth: response(untrained(depth, plain), noisy, clean) for depth in DEPTHS}
