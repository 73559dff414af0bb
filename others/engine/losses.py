"""Losses by their names, and the statistic of the targets that each one converges to.

Where an input x has many targets y, the best constant answer f minimises E[loss(f, y)]:

    l2           d/df E(f − y)² = 2 (f − E y) = 0                  the mean
    l1           d/df E|f − y| = P(y < f) − P(y > f) = 0           the median
    annealed_l0  E|f − y|^γ → P(y ≠ f) as γ → 0                    the mode
    hdr          E[2 (f − y)] / (f + 0.01)² = 0                    the mean, errors relative to it

Noise2Noise (Lehtinen et al., 2018) needs a loss whose statistic the noise leaves alone: zero-mean
noise keeps the mean, a minority of arbitrary pixels keeps the median, and uniformly random ones
keep the mode.

Each loss takes prediction and target (N, C, H, W) and the share of the training that is done, in
[0, 1], and gives the mean over all values. The mean of the losses of two halves of a batch is
therefore the loss of the batch.
"""

from typing import Callable

from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor, float], Tensor]


def l2(prediction: Tensor, target: Tensor, share: float = 0.0) -> Tensor:
    """Mean squared error."""
    return F.mse_loss(prediction, target)


def l1(prediction: Tensor, target: Tensor, share: float = 0.0) -> Tensor:
    """Mean absolute error."""
    return F.l1_loss(prediction, target)


def annealed_l0(prediction: Tensor, target: Tensor, share: float = 0.0) -> Tensor:
    """(|e| + 1e-8)^γ, with γ from 2 down to 0 over the training (Noise2Noise, section 3.2).

    Small γ find the mode only from nearby; the larger ones at the beginning lead there.
    """
    gamma = 2 * (1 - share)
    return ((prediction - target).abs() + 1e-8).pow(gamma).mean()


def hdr(prediction: Tensor, target: Tensor, share: float = 0.0) -> Tensor:
    """(f − y)² / (f + 0.01)² for radiance, whose errors are seen relative to it (section 3.3).

    The denominator counts as a constant: a gradient through it would pull f up, away from the mean.
    Predictions below 0 count as 0 in it.
    """
    scale = prediction.detach().clamp_min(0) + 0.01
    return ((prediction - target) / scale).square().mean()


LOSSES: dict[str, Loss] = {"l2": l2, "l1": l1, "annealed_l0": annealed_l0, "hdr": hdr}
