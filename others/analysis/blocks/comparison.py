"""A block of Miniproject 2's framework beside the same block of torch.nn: results and passes."""

from typing import Sequence

import torch
from torch import Tensor, nn

from Miniproject_2 import framework as f
from others.networks.prescribed import torch_twin

Results = dict[str, Tensor]  # the output "y", and a gradient for each name


def our_passes(block: f.Module, inputs: Sequence[Tensor], g: Tensor) -> Results:
    """A forward and a backward pass: the output, the gradient of the first input, of parameters.

    Args:
        inputs: of the block's `forward`.
        g: the gradient of the loss with respect to the output.
    """
    y = block.forward(*inputs)
    block.zero_grad()
    dx = block.backward(g)
    return {"y": y, "x": dx, **{name: gradient for name, _, gradient in block.named()}}


def torch_passes(theirs: nn.Module, inputs: Sequence[Tensor], g: Tensor) -> Results:
    """Output and gradients by torch.nn and autograd, of the same block there."""
    x = inputs[0].detach().requires_grad_()
    with torch.enable_grad():
        y = theirs(x, *inputs[1:])
    gradients = torch.autograd.grad(y, [x, *theirs.parameters()], g)
    names = ["x", *(name.split(".")[-1] for name, _ in theirs.named_parameters())]
    return {"y": y.detach(), **dict(zip(names, gradients))}


def largest_differences(block: f.Module, inputs: Sequence[Tensor], g: Tensor) -> dict[str, float]:
    """The largest absolute difference between both in the output and in each gradient."""
    ours, theirs = our_passes(block, inputs, g), torch_passes(torch_twin(block), inputs, g)
    return {name: float((ours[name] - theirs[name]).abs().max()) for name in ours}
