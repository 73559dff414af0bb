"""Muon: SGD with steps that are made orthogonal, against torch's and against its definition."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from Miniproject_2 import framework as f
from Miniproject_2.framework.optimizers import orthogonal
from others.networks.prescribed import torch_twin
from tests.reference import relative_error


def network() -> f.Sequential:
    """A small network with a wide and a tall weight."""
    torch.manual_seed(0)
    return f.Sequential(f.Conv2d(3, 40, 3, 2, 1), f.ReLU(), f.TransposeConv2d(40, 3, 2, 2))


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
@pytest.mark.parametrize("options", [{"lr": 0.02}, {"lr": 0.3, "momentum": 0.8}], ids=str)
def test_twenty_steps_of_muon_equal_torch(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights are torch.optim.Muon's as matrices, and biases torch.optim.SGD's, to 1e-8.

    torch rounds to bfloat16 inside; to compare the mathematics, it is kept from it here.
    """
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    torch.manual_seed(0)
    x, target = torch.rand(3, 3, 16, 16).double(), torch.rand(3, 3, 16, 16).double()
    own = network()
    own.forward(x)
    reference = torch_twin(own).double()
    kernels = [one for one in reference.parameters() if one.dim() > 1]
    weights = [one.detach().flatten(1).requires_grad_() for one in kernels]  # the same memory
    biases = [one for one in reference.parameters() if one.dim() == 1]
    loss, optimizer = f.MSE(), f.Muon(own, bias_factor=0.5 / options["lr"], **options)
    theirs = [
        torch.optim.Muon(weights, weight_decay=0, **options),
        torch.optim.SGD(biases, 0.5, options.get("momentum", 0.95)),
    ]
    for _ in range(20):
        loss.forward(own.forward(x), target)
        optimizer.zero_grad()
        own.backward(loss.backward())
        optimizer.step()
        reference.zero_grad()
        nn.functional.mse_loss(reference(x), target).backward()
        for matrix, kernel in zip(weights, kernels):
            assert kernel.grad is not None
            matrix.grad = kernel.grad.flatten(1)
        for one in theirs:
            one.step()
    for name, value in own.state_dict().items():
        assert relative_error(value, reference.state_dict()[name]) < 1e-8


@pytest.mark.parametrize("shape", [(5, 40), (40, 5), (12, 12), (1, 7)])
def test_muon_s_steps_are_nearly_orthogonal(shape: tuple[int, int]) -> None:
    """Singular values from 1/500 of the norm on all come out between 0.65 and 1.25."""
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape).double(), full_matrices=False)
    values = torch.logspace(-4, 0, min(shape)).double()
    values = values.clamp(min=values.norm() / 500)
    found = orthogonal(left * values @ right)
    inside = left.t() @ found @ right.t()
    assert (inside - torch.diag(inside.diagonal())).abs().max() < 1e-9  # U and V are as they were
    assert 0.65 < inside.diagonal().min()
    assert inside.diagonal().max() < 1.25


def test_muon_leaves_a_weight_without_gradient() -> None:
    """A gradient of zero is a step of zero, not NaN."""
    net = network()
    before = net.state_dict()
    f.Muon(net).step()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_muon_without_momentum() -> None:
    """Without momentum, from the start or from a later step on, steps are those of the gradient."""
    torch.manual_seed(0)
    first, second, bias = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2), torch.randn(4)
    for momentum in (0, 0.9):
        pairs = [(torch.zeros(4, 3, 2, 2), first.clone()), (torch.zeros(4), bias)]
        optimizer = f.Muon(pairs, 1.0, momentum, nesterov=False)
        optimizer.step()
        optimizer.momentum = 0
        for value, gradient in pairs:
            value.zero_()
            gradient.copy_(second if gradient.dim() > 1 else bias)
        optimizer.step()
        expected = -orthogonal(second.flatten(1)).view(second.shape)
        torch.testing.assert_close(pairs[0][0], expected)
        torch.testing.assert_close(pairs[1][0], -100 * bias)


def test_muon_in_16_bits_and_without_nesterov() -> None:
    """Numbers of 16 bits change a step by a few hundredths; Nesterov's part is optional."""
    torch.manual_seed(0)
    gradient = torch.randn(40, 3, 3, 3)
    steps = {}
    for name, options in {
        "plain": {},
        "short": {"bfloat16": True},
        "own": {"nesterov": False},
    }.items():
        weight = torch.zeros(40, 3, 3, 3)
        f.Muon([(weight, gradient)], lr=1.0, **options).step()
        steps[name] = weight
    assert relative_error(steps["short"], steps["plain"]) < 0.1
    # Of a first step, g + momentum · g and g have one direction, and the length does not matter.
    assert relative_error(steps["own"], steps["plain"]) < 1e-3


def test_the_norm_of_16_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Muon's step is right where torch sums up 16 bits in 16 bits, as torch 1.11 does.

    A norm that is ten times too small makes the iteration diverge.
    """
    norm = torch.Tensor.norm

    def short_norm(matrix: torch.Tensor) -> torch.Tensor:
        return norm(matrix) / (10 if matrix.element_size() == 2 else 1)

    monkeypatch.setattr(torch.Tensor, "norm", short_norm)
    matrix = torch.randn(16, 40, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrix.bfloat16()).float())
    assert 0.5 < float(values.min()) < float(values.max()) < 1.3
