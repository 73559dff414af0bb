"""Muon of Miniproject 1 against torch's own, and against that of Miniproject 2."""

import pytest
import torch
from torch import nn

import Miniproject_2.framework.optimizers as miniproject_2
from Miniproject_1.noise2noise.muon import Muon, is_hidden, orthogonal
from others.data.seeds import seeded


def test_hidden_kernels_change_as_torch_changes_matrices() -> None:
    """Kernels as matrices give the steps of torch.optim.Muon, up to its 16 bits; Adam the rest."""
    torch.manual_seed(0)
    first, inner, last = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 1), nn.Conv2d(16, 3, 3)
    net, kernel = nn.Sequential(first, inner, last), inner.weight
    assert [one for one in net.parameters() if is_hidden(one)] == [kernel]
    matrix = nn.Parameter(kernel.detach().flatten(1).clone())
    stem = nn.Parameter(first.weight.detach().clone())
    ours = Muon(net, lr=0.01, adam_share=0.3)
    muon = torch.optim.Muon([matrix], lr=0.01, weight_decay=0)
    adam = torch.optim.Adam([stem], lr=0.003, betas=(0.9, 0.99))
    for _ in range(5):
        gradients = [torch.randn_like(parameter) for parameter in net.parameters()]
        for parameter, gradient in zip(net.parameters(), gradients):
            parameter.grad = gradient
        stem.grad, matrix.grad = gradients[0], gradients[2].flatten(1)
        for optimizer in (ours, muon, adam):
            optimizer.step()
    torch.testing.assert_close(kernel.detach().flatten(1), matrix.detach(), rtol=0, atol=1e-3)
    torch.testing.assert_close(first.weight, stem)


@pytest.mark.parametrize("shape", [(4, 36), (36, 4), (8, 8), (1, 5)])
def test_both_miniprojects_have_the_same_iteration(shape: tuple[int, int]) -> None:
    """A wide, a tall and a square matrix become those that the hand-written framework makes."""
    matrix = torch.randn(shape, generator=seeded(0), dtype=torch.float64)
    torch.testing.assert_close(orthogonal(matrix), miniproject_2.orthogonal(matrix))


def test_a_rate_of_zero_changes_nothing() -> None:
    """Adam's rate follows Muon's, so that both stand still at a rate of zero."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3))
    before = [parameter.detach().clone() for parameter in net.parameters()]
    optimizer = Muon(net, lr=0.1)
    optimizer.param_groups[0]["lr"] = 0.0
    net(torch.randn(1, 3, 9, 9, generator=seeded(0))).square().sum().backward()
    optimizer.step()
    for parameter, value in zip(net.parameters(), before):
        assert torch.equal(parameter, value)
