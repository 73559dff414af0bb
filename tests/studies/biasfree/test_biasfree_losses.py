"""Losses and penalties of the bias-free denoisers, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from others.networks.catalogue import make_network
from others.studies.biasfree.objective import LossSettings, Objective, dead_zone, hinge_mae
from others.studies.biasfree.regularisers import (
    L1,
    L2,
    EffectiveField,
    Regulariser,
    SoftOrthogonal,
    SoftOrthonormal,
    penalty,
)

KERNEL = torch.tensor(
    [[[[1.0]], [[2.0]]], [[[0.0]], [[-3.0]]]]
)  # W = (1 2; 0 −3), W Wᵀ = (5 −6; −6 9)


@pytest.mark.parametrize(
    ("term", "value"),
    [
        (L1(a=1), 6),
        (L2(b=1), 14),
        (SoftOrthonormal(a=0), 16 + 36 + 36 + 64),
        (SoftOrthonormal(factor=0, a=1), 5 + 6 + 6 + 9),
        (SoftOrthogonal(a=0), 72),
        (SoftOrthogonal(factor=0, a=1, b=1), 12 + 72),
        (EffectiveField(a=1), 6),
        (EffectiveField(a=0, b=1), 14),
    ],
)
def test_regularisers_by_hand(term: Regulariser, value: float) -> None:
    """Each penalty of a 1x1 kernel is its formula, worked out by hand."""
    assert float(term(KERNEL)) == pytest.approx(value)


def test_erf_costs_most_in_the_middle() -> None:
    """The middle of 3x3 taps costs 1 / (1 + 4 e^-½ + 4 e^-1), and a corner e^-1 times as much."""
    taps = torch.eye(9).view(9, 1, 1, 3, 3)
    costs = torch.stack([EffectiveField(a=1)(tap) for tap in taps]).view(3, 3)
    middle = 1 / (1 + 4 * math.exp(-0.5) + 4 * math.exp(-1))
    assert float(costs[1, 1]) == pytest.approx(middle)
    assert float(costs[0, 0]) == pytest.approx(middle * math.exp(-1))
    assert float(costs.sum()) == pytest.approx(1)


def test_penalties_of_a_network() -> None:
    """All kernels count, all terms are added, and rows at right angles cost nothing."""
    net = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 1))
    for layer in (net[0], net[2]):
        layer.weight.data.copy_(KERNEL)  # type: ignore[operator, union-attr]
    terms = [L1(a=1), L2(b=1)]
    assert penalty(net, terms).item() == pytest.approx(2 * (6 + 14))
    assert penalty(net, []).item() == 0
    assert float(SoftOrthogonal()(torch.diag(torch.tensor([3.0, 0.2])).view(2, 2, 1, 1))) == 0


def test_hinge_is_a_dead_zone() -> None:
    """Below the hinge an error costs nothing, from there on all of it, at most the cutoff."""
    errors = torch.tensor([0.0, 0.9, -0.9, 1.0, -1.5, 30.0])
    found = dead_zone(errors, 1.0, 20.0)
    torch.testing.assert_close(found, torch.tensor([0.0, 0.0, 0.0, 1.0, 1.5, 20.0]))
    y, d = torch.tensor([[[[0.5, 0.5]]]]), torch.tensor([[[[0.5, 0.5 + 2 / 255]]]])
    assert float(hinge_mae(y, d)) == pytest.approx(1, abs=1e-4)
    assert float(hinge_mae(y, d, hinge=2.5)) == 0


def test_objective() -> None:
    """Error of all scales plus the regularisers times their factor; a flat error is all in the
    coarsest scale."""
    net = make_network("biasfree_6")
    y, d = torch.full((1, 3, 8, 8), 0.5), torch.full((1, 3, 8, 8), 0.5 - 3 / 255)
    assert float(hinge_mae(y, d, scales=3)) == pytest.approx(3, abs=1e-3)
    terms = (L2(b=1.0),)
    squares = sum(v.square().sum().item() for v in net.parameters() if v.dim() == 4)
    loss = Objective(net, LossSettings(scales=3, regularisation=0.5, regularisers=terms))
    assert loss(y, d).item() == pytest.approx(3 + 0.5 * squares, rel=1e-4)
