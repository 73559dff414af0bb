"""The one harness that compares the framework with torch: outputs and every gradient."""

from __future__ import annotations

from typing import Callable

import torch
from torch import Tensor, nn

from Miniproject_2.framework import Module


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    """The norm of the difference over the norm of torch's answer; shapes must agree."""
    assert ours.shape == theirs.shape
    scale = float(theirs.norm())
    error = float((ours - theirs).norm())
    return error / scale if scale > 0 else error


def errors(
    ours: Module, theirs: nn.Module, x: Tensor, enlarge: Callable[[Tensor], Tensor] = lambda x: x
) -> dict[str, float]:
    """The relative error of the output and of each gradient, with the same weights and input.

    `enlarge` stands before torch's module: nearest upsampling, where ours has it built in.
    """
    ours.forward(x)  # the parameters take the type of the input
    ours.load_state_dict({name: value.to(x) for name, value in theirs.state_dict().items()})
    theirs = theirs.to(x)
    tracked = x.clone().requires_grad_()
    expected = theirs(enlarge(tracked))
    gradient = torch.randn_like(expected)
    expected.backward(gradient)
    output = ours.forward(x)
    ours.zero_grad()
    input_gradient = ours.backward(gradient)
    assert tracked.grad is not None
    found = {
        "output": relative_error(output, expected.detach()),
        "input": relative_error(input_gradient, tracked.grad),
    }
    torch_gradients = {name: value.grad for name, value in theirs.named_parameters()}
    for name, _, own in ours.named():
        reference = torch_gradients.pop(name)
        assert reference is not None
        found[name] = relative_error(own, reference)
    assert not torch_gradients
    return found


def repeat(scale: tuple[int, int]) -> Callable[[Tensor], Tensor]:
    """Nearest upsampling by whole numbers, in torch."""
    return lambda x: x.repeat_interleave(scale[0], -2).repeat_interleave(scale[1], -1)
