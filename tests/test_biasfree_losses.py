"""Losses, penalties and noise of the bias-free denoisers, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Generator, nn

from others.data.corruptions import (
    Corruption,
    CorruptionSettings,
    Strength,
    quantised,
    smoothed,
    truncated_normal,
)
from others.networks.catalogue import make_network
from others.studies.biasfree.objective import (
    LossSettings,
    Objective,
    dead_zone,
    hinge_mae,
    multi_scale_mae,
)
from others.studies.biasfree.regularisers import REGULARISERS, erf, penalty, soft_orthogonal


def seeded(seed: int = 0) -> Generator:
    """Its seed."""
    return Generator().manual_seed(seed)


KERNEL = torch.tensor(
    [[[[1.0]], [[2.0]]], [[[0.0]], [[-3.0]]]]
)  # W = (1 2; 0 −3), W Wᵀ = (5 −6; −6 9)


@pytest.mark.parametrize(
    ("name", "parameters", "value"),
    [
        ("l1", {"a": 1}, 6),
        ("l2", {"b": 1}, 14),
        ("soft_orthonormal", {"a": 0}, 16 + 36 + 36 + 64),
        ("soft_orthonormal", {"factor": 0, "a": 1}, 5 + 6 + 6 + 9),
        ("soft_orthogonal", {"a": 0}, 72),
        ("soft_orthogonal", {"factor": 0, "a": 1, "b": 1}, 12 + 72),
        ("erf", {"a": 1}, 6),
        ("erf", {"a": 0, "b": 1}, 14),
    ],
)
def test_regularisers_by_hand(name: str, parameters: dict[str, float], value: float) -> None:
    """Each penalty of a 1x1 kernel is its formula, worked out by hand."""
    assert float(REGULARISERS[name](KERNEL, **parameters)) == pytest.approx(value)


def test_erf_costs_most_in_the_middle() -> None:
    """Of a 3x3 kernel the middle costs 1 / (1 + 4 e^-½ + 4 e^-1), a corner e^-1 times as much."""
    taps = torch.eye(9).view(9, 1, 1, 3, 3)
    costs = torch.stack([erf(tap, a=1) for tap in taps]).view(3, 3)
    middle = 1 / (1 + 4 * math.exp(-0.5) + 4 * math.exp(-1))
    assert float(costs[1, 1]) == pytest.approx(middle)
    assert float(costs[0, 0]) == pytest.approx(middle * math.exp(-1))
    assert float(costs.sum()) == pytest.approx(1)


def test_penalties_of_a_network() -> None:
    """All kernels count, all terms are added, and rows at right angles cost nothing."""
    net = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 1))
    for layer in (net[0], net[2]):
        layer.weight.data.copy_(KERNEL)  # type: ignore[operator, union-attr]
    terms = [{"name": "l1", "a": 1}, {"name": "l2", "b": 1}]
    assert penalty(net, terms).item() == pytest.approx(2 * (6 + 14))
    assert penalty(net, []).item() == 0
    assert float(soft_orthogonal(torch.diag(torch.tensor([3.0, 0.2])).view(2, 2, 1, 1))) == 0


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
    assert float(multi_scale_mae(y, d)) == pytest.approx(3, abs=1e-3)
    terms = ({"name": "l2", "b": 1.0},)
    squares = sum(v.square().sum().item() for v in net.parameters() if v.dim() == 4)
    loss = Objective(net, LossSettings(scales=3, regularisation=0.5, regularisers=terms))
    assert loss(y, d).item() == pytest.approx(3 + 0.5 * squares, rel=1e-4)


def test_truncated_normal() -> None:
    """Within two standard deviations, with mean 0, std 0.880 and mean size 0.723."""
    values = truncated_normal((400, 500), seeded())
    assert float(values.abs().max()) <= 2.0001
    assert float(values.mean()) == pytest.approx(0, abs=0.01)
    assert float(values.std()) == pytest.approx(0.8796, abs=0.005)
    assert float(values.abs().mean()) == pytest.approx(0.7228, abs=0.005)


def only(kind: str, low: float, high: float, **other: Any) -> Corruption:
    """One kind of noise, neither clipped nor smoothed unless asked for."""
    off = {"additive": Strength()}
    chosen = {kind: Strength(low, high, weight=1)}
    return Corruption(CorruptionSettings(**{**off, **chosen, "clip": False, **other}))


def test_additive_noise() -> None:
    """Its deviation is 0.88 of one drawn for each image; one field, or one for each channel."""
    clean = torch.full((400, 3, 16, 16), 0.5)
    noise = only("additive", 0, 80, per_channel=0.5)(clean, seeded()) - clean
    stds = 255 * noise.flatten(1).std(1) / 0.88
    assert float(stds.max()) < 83
    assert float(stds.mean()) == pytest.approx(40, abs=4)
    shared = (noise[:, 0] == noise[:, 1]).flatten(1).all(1)
    assert float(shared.float().mean()) == pytest.approx(0.5, abs=0.08)


def test_other_corruptions() -> None:
    """Multiplicative noise is relative; subsampling repeats pixels; quantisation rounds."""
    ramp = torch.linspace(0, 1, 64).expand(2, 3, 64, 64).contiguous()
    noise = only("multiplicative", 0.2, 0.2, per_channel=1)(ramp, seeded()) - ramp
    stds = noise.transpose(1, 3).flatten(2).std(2)[0] / 0.88
    torch.testing.assert_close(stds, 0.2 * ramp[0, 0, 0], atol=0.015, rtol=0)
    coarse = only("subsampling", 2, 2)(ramp, seeded())
    assert torch.equal(coarse[..., ::2], coarse[..., 1::2])
    torch.testing.assert_close(
        quantised(torch.tensor([0.0, 6.0, 14.0, 255.0]) / 255, torch.tensor(10.0)) * 255,
        torch.tensor([0.0, 10.0, 10.0, 255.0]),
    )


def test_power() -> None:
    """Strengths are low + (high − low) u^power, for every kind of noise."""
    drawn = Strength(1, 17, power=4).draw(4001, seeded()).flatten()
    assert float(drawn.median()) == pytest.approx(1 + 16 / 2**4, abs=0.15)
    assert float(drawn.max()) <= 17
    ramp = torch.linspace(0, 1, 64).expand(200, 3, 8, 64).contiguous()
    weak = Strength(1, 8, power=50, weight=1)
    none = Strength()
    mostly_one = Corruption(CorruptionSettings(none, none, weak, none, clip=False))
    changed = (mostly_one(ramp, seeded()) != ramp).flatten(1).any(1)
    assert float(changed.float().mean()) < 0.2


def test_smoothing() -> None:
    """A flat image stays as it is; white noise loses most of its variance."""
    flat = torch.full((1, 3, 6, 6), 0.3)
    torch.testing.assert_close(smoothed(flat), flat)
    noisy = torch.randn(1, 3, 64, 64, generator=seeded())
    side = torch.tensor([1.0, math.exp(-0.5), math.exp(-0.5)])
    gain = float((side / side.sum()).square().sum())
    assert float(smoothed(noisy).std()) == pytest.approx(gain, rel=0.05)


def test_corruptions_are_drawn_for_each_image() -> None:
    """Kinds come by their weights; the result is in steps of 1 / 255, and follows from the seed."""
    use = CorruptionSettings(
        additive=Strength(10, 10, weight=1),
        quantisation=Strength(255, 255, weight=3),
        smoothing=0,
    )
    clean = torch.full((400, 3, 4, 4), 100 / 255)
    noisy = Corruption(use)(clean, seeded())
    black = (noisy == 0).flatten(1).all(1)
    assert float(black.float().mean()) == pytest.approx(0.75, abs=0.07)
    grey = 255 * noisy
    torch.testing.assert_close(grey, grey.round(), atol=1e-4, rtol=0)
    assert torch.equal(noisy, Corruption(use)(clean, seeded()))
    assert not torch.equal(noisy, Corruption(use)(clean, seeded(1)))
