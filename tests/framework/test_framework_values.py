"""The blocks of Miniproject 2 at the edges: special values, no values, orders of memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from Miniproject_2 import framework as f

INFINITY, NAN = float("inf"), float("nan")
SPECIAL = [-INFINITY, -1e30, -2.0, -1e-30, -0.0, 0.0, 1e-30, 0.5, 3.0, 1e30, INFINITY, NAN, -NAN]


@pytest.mark.parametrize("type_", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (f.ReLU(), F.relu),
        (f.LeakyReLU(), lambda x: F.leaky_relu(x, 0.01)),
        (f.LeakyReLU(0.0), lambda x: F.leaky_relu(x, 0.0)),
        (f.LeakyReLU(-0.5), lambda x: F.leaky_relu(x, -0.5)),
        (f.LeakyReLU(2.0), lambda x: F.leaky_relu(x, 2.0)),
        (f.Sigmoid(), torch.sigmoid),
    ],
    ids=lambda value: repr(value) if isinstance(value, f.Module) else "",
)
def test_special_values_equal_torch(ours: f.Module, theirs: Any, type_: torch.dtype) -> None:
    """At 0, ±infinity and NaN, as values and as gradients, activations are torch's both ways."""
    x, g = (one.flatten() for one in torch.meshgrid(*[torch.tensor(SPECIAL)] * 2, indexing="ij"))
    x, g = x.to(type_), g.to(type_)
    tracked = x.clone().requires_grad_()
    expected = theirs(tracked)
    expected.backward(g)
    assert tracked.grad is not None
    torch.testing.assert_close(ours.forward(x), expected.detach(), equal_nan=True)
    torch.testing.assert_close(ours.backward(g), tracked.grad, equal_nan=True)


@pytest.mark.parametrize("values", [[], SPECIAL])
def test_special_values_of_mse_equal_torch(values: list[float]) -> None:
    """The loss of special values, and of none, is torch's, and so is its gradient."""
    prediction, target = torch.tensor(values), torch.tensor(values).flip(0)
    for index in range(max(1, len(values))):
        pair = [one[index : index + 1] if values else one for one in (prediction, target)]
        tracked, loss = pair[0].clone().requires_grad_(), f.MSE()
        expected = F.mse_loss(tracked, pair[1])
        expected.backward()
        assert tracked.grad is not None
        torch.testing.assert_close(loss.forward(*pair), expected.detach(), equal_nan=True)
        torch.testing.assert_close(loss.backward(), tracked.grad, equal_nan=True)


@pytest.mark.parametrize("block", [f.ReLU(), f.LeakyReLU(), f.Sigmoid()], ids=repr)
@pytest.mark.parametrize("shape", [(0,), (0, 3, 4, 4), (2, 0, 4)])
def test_empty_tensors(block: f.Module, shape: tuple[int, ...]) -> None:
    """Activations of no numbers are no numbers."""
    x = torch.empty(shape)
    assert block.forward(x).shape == x.shape
    assert block.backward(x).shape == x.shape


BLOCKS: list[tuple[f.Module, tuple[int, ...]]] = [
    (f.Conv2d(3, 4, 3, 2, 1), (3, 8, 9)),
    (f.Conv2d(4, 4, 3, groups=2), (4, 8, 9)),
    (f.TransposeConv2d(3, 4, 4, 2, 1), (3, 5, 6)),
    (f.Upsampling(3, 4, 3, padding=1), (3, 5, 6)),
    (f.NearestUpsampling(), (3, 5, 6)),
    (f.NearestUpsampling(1), (3, 5, 6)),
    (f.ReLU(), (3, 5, 6)),
    (f.LeakyReLU(), (3, 5, 6)),
    (f.Sigmoid(), (3, 5, 6)),
    (f.Sequential(f.Conv2d(3, 4, 3), f.ReLU(), f.Upsampling(4, 5, 3)), (3, 5, 6)),
]


@pytest.mark.parametrize(("block", "shape"), BLOCKS, ids=repr)
@pytest.mark.parametrize("count", [1, 3])
def test_outputs_can_be_viewed(block: f.Module, shape: tuple[int, ...], count: int) -> None:
    """Contiguous inputs and gradients give contiguous ones, which `view` takes, as torch's are."""
    x = torch.randn(count, *shape)
    y = block.forward(x)
    y.view(-1)
    block.backward(torch.randn(y.shape)).view(-1)


@pytest.mark.parametrize(("block", "shape"), BLOCKS, ids=repr)
def test_the_order_of_memory_changes_no_value(block: f.Module, shape: tuple[int, ...]) -> None:
    """Inputs and gradients whose channels lie last give the same, and answers in that order."""
    x = torch.randn(3, *shape)
    y = block.forward(x)
    g = torch.randn(y.shape)
    expected = block.backward(g)
    again = block.forward(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(again, y)
    torch.testing.assert_close(block.backward(g.to(memory_format=torch.channels_last)), expected)
    assert again.stride(1) == 1


class Witness(f.Module):
    """Hands on what comes, and remembers how far apart the channels of a pixel lie in memory."""

    def __init__(self) -> None:
        self.strides: list[int] = []

    def _forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        self.strides.append(x.stride(1))
        return (x.clone(),)

    def _backward(self, gradient: torch.Tensor) -> torch.Tensor:
        self.strides.append(gradient.stride(1))
        return gradient.clone()


def test_channels_stay_together_between_layers() -> None:
    """In a network, no layer puts a batch of images into another order, which would cost time."""
    witness, up = Witness(), f.TransposeConv2d(8, 8, 4, 2, 1)
    layers = f.Conv2d(3, 8, 4, 2, 1), f.ReLU(), up, f.Sigmoid(), f.Upsampling(8, 3, 3, padding=1)
    net = f.Sequential(*(one for layer in layers for one in (witness, layer)))
    y = net.forward(torch.rand(2, 3, 8, 8))
    net.backward(torch.rand(y.shape))
    assert witness.strides == [1] * 2 * len(layers)
    assert y.is_contiguous()


@pytest.mark.parametrize(("block", "shape"), BLOCKS, ids=repr)
@pytest.mark.parametrize("count", [1, 2])
def test_no_memory_is_handed_out(block: f.Module, shape: tuple[int, ...], count: int) -> None:
    """What comes out does not share the memory of what went in."""
    x = torch.randn(count, *shape)
    y = block.forward(x)
    g = torch.randn(y.shape)
    x_grad = block.backward(g)
    places = [tensor.data_ptr() for tensor in (x, y, g, x_grad)]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 17, 64])
def test_float32_is_as_close_as_torch_asks(count: int) -> None:
    """In float32, outputs and gradients pass torch's own comparison at its default tolerances."""
    torch.manual_seed(count)
    x = torch.randn(count, 3, 32, 32)
    for ours, theirs in [
        (f.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(3, 16, 3, 2, 1)),
        (f.TransposeConv2d(3, 16, 4, 2, 1), nn.ConvTranspose2d(3, 16, 4, 2, 1)),
    ]:
        ours.load_state_dict(dict(theirs.state_dict()))
        tracked = x.clone().requires_grad_()
        expected = theirs(tracked)
        g = torch.randn(expected.shape) / expected.numel()  # as of a mean over all elements
        expected.backward(g)
        torch.testing.assert_close(ours.forward(x), expected.detach())
        torch.testing.assert_close(ours.backward(g), tracked.grad)
        for name, _, own in ours.named():
            torch.testing.assert_close(own, getattr(theirs, name).grad)
