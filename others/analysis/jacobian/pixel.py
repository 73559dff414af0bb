"""What one output pixel of a model depends on: its row of the Jacobian, and SmoothGrad."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from others.analysis.jacobian.rows import linear_part, mask
from others.analysis.panels import magnitude
from others.analysis.smooth_grad import loss_score, output_score, smooth_grad
from others.data.seeds import seeded
from others.networks.pretrained import differentiable


class Row(NamedTuple):
    """A row of the Jacobian, and what it leaves unexplained."""

    answer: Tensor  # (3, H, W)
    weights: Tensor  # (H, W)
    rest: Tensor | None  # f(x) - J(x) x, (3, H, W); None where the model has no forward derivative


def row_of(name: str, noisy: Tensor, pixel: tuple[int, int]) -> Row:
    """The row of one output pixel (row, column) at an image (1, 3, H, W)."""
    net = differentiable(name)
    weights = mask(net, noisy, pixel)
    with torch.no_grad():
        answer = net(noisy)
    # autograd derives a product J v from two backward passes, of which our framework has one.
    rest = None if name == "miniproject_2" else (answer - linear_part(net, noisy))[0]
    return Row(answer[0], weights, rest)


def gradients_of(
    name: str, noisy: Tensor, clean: Tensor, pixel: tuple[int, int], n: int, sigma: float
) -> list[Tensor]:
    """SmoothGrad (H, W) of the output and of the loss at a pixel."""
    net, place = differentiable(name), torch.tensor(pixel)
    scores = (output_score(net, place), loss_score(net, clean, place))
    return [magnitude(smooth_grad(score, noisy, n, sigma, seeded(0))) for score in scores]
