"""Losses, what they converge to, and the schedules of the learning rate."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator, Tensor

from others.engine.losses import LOSSES, annealed_l0, hdr, l1, l2
from others.engine.schedules import (
    SCHEDULES,
    constant,
    cosine,
    cosine_restarts,
    exponential,
    ramp_down,
)


def samples() -> Tensor:
    """Values with three different statistics: mode 0.2, median about 0.3, mean about 0.44."""
    uniform = torch.rand(1200, generator=Generator().manual_seed(0))
    return torch.cat([torch.full((800,), 0.2), 0.2 + 0.8 * uniform])


@pytest.mark.parametrize(
    ("name", "statistic"),
    [
        ("l2", samples().mean().item()),
        ("l1", samples().median().item()),
        ("annealed_l0", 0.2),
    ],
)
def test_minimisers(name: str, statistic: float) -> None:
    """Of all constants, the mean minimises L2, the median L1, the mode annealed L0 near the end."""
    values = samples()
    assert values.mean() > values.median() + 0.1
    assert values.median() > 0.28
    constants = torch.arange(0, 1, 0.01)
    losses = [LOSSES[name](value.expand_as(values), values, 0.95) for value in constants]
    assert constants[torch.stack(losses).argmin()] == pytest.approx(statistic, abs=0.006)


def test_hdr_converges_to_the_mean() -> None:
    """The gradient of the relative loss is zero where the prediction is the mean, and leads there
    from both sides."""
    values = samples()
    slopes = []
    for offset in (-0.1, 0.0, 0.1):
        answer = (values.mean() + offset).requires_grad_()
        hdr(answer.expand_as(values), values).backward()
        assert answer.grad is not None
        slopes.append(answer.grad.item())
    assert slopes[0] < -0.1
    assert slopes[1] == pytest.approx(0, abs=1e-5)
    assert slopes[2] > 0.1


def test_losses_by_hand() -> None:
    """Errors of 0.5 and 0: each loss's value on two numbers."""
    prediction, target = torch.tensor([[1.0, 0.2]]), torch.tensor([[0.5, 0.2]])
    assert l2(prediction, target).item() == pytest.approx(0.125)
    assert l1(prediction, target).item() == pytest.approx(0.25)
    assert annealed_l0(prediction, target, 0.0).item() == pytest.approx(0.125)
    assert annealed_l0(prediction, target, 0.5).item() == pytest.approx(0.25)
    assert annealed_l0(prediction, target, 1.0).item() == pytest.approx(1)
    assert hdr(prediction, target).item() == pytest.approx(0.5 * (0.5 / 1.01) ** 2)


def test_hdr_gradient() -> None:
    """No gradient goes through the denominator, and predictions below 0 do not blow it up."""
    prediction = torch.tensor([0.4, -0.01], requires_grad=True)
    hdr(prediction, torch.tensor([0.5, 0.5])).backward()
    expected = torch.tensor([-0.1 / 0.41**2, -0.51 / 0.01**2])
    torch.testing.assert_close(prediction.grad, expected)


@pytest.mark.parametrize("name", LOSSES)
def test_parts_of_a_batch(name: str) -> None:
    """The loss of a batch is the mean of its parts' losses: what several processes rely on."""
    first, second = torch.rand(2, 6, 3, 4, 4, generator=Generator().manual_seed(1))
    loss = LOSSES[name]
    whole = loss(first, second, 0.3)
    parts = (2 * loss(first[:2], second[:2], 0.3) + 4 * loss(first[2:], second[2:], 0.3)) / 6
    torch.testing.assert_close(whole, parts)


def test_schedules_by_hand() -> None:
    """Constant; cosine after a linear rise; Noise2Noise's squared cosine over the last 30 %.

    An exponential fall by a thousand; a cosine that starts anew at every third.
    """
    assert [constant(share) for share in (0.1, 0.9)] == [1, 1]
    assert cosine(0.1, warm_up=0.2) == pytest.approx(0.5)
    assert cosine(0.6, warm_up=0.2) == pytest.approx(0.5)
    assert ramp_down(0.69) == 1
    assert ramp_down(0.85) == pytest.approx(0.25)
    assert exponential(2 / 3) == pytest.approx(0.01)
    assert [cosine_restarts(share) for share in (0, 1 / 6, 0.5)] == pytest.approx([1, 0.5, 0.5])
    assert cosine_restarts(0.34) > 0.99 > 0.01 > cosine_restarts(0.33)
    for name, schedule in SCHEDULES.items():
        factors = [schedule(k / 100) for k in range(1, 100)]
        assert all(0 < factor <= 1 for factor in factors)
        assert max(factors) == pytest.approx(1, abs=0.1)
        assert factors[-1] < 0.01 or name == "constant"
        assert math.isfinite(sum(factors))
