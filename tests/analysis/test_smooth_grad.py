"""SmoothGrad against the closed forms that linear networks have."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator, Tensor, nn

from others.analysis.smooth_grad import loss_score, output_score, smooth_grad

COUNT, SIDE = 2, 5
PIXELS = torch.tensor([[1, 2], [4, 0]])


def seeded(seed: int = 0) -> Generator:
    """A generator of its own for each use."""
    return Generator().manual_seed(seed)


class Linear(nn.Module):
    """f(x) = A x + b, on all 3 * SIDE * SIDE values of an image, in float64."""

    def __init__(self) -> None:
        super().__init__()
        size = 3 * SIDE * SIDE
        self.matrix = torch.randn(size, size, generator=seeded(1), dtype=torch.float64)
        self.offset = torch.randn(size, generator=seeded(2), dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.matrix.T + self.offset).view_as(x)


def images(seed: int = 3) -> Tensor:
    """(COUNT, 3, SIDE, SIDE), float64."""
    return torch.rand(COUNT, 3, SIDE, SIDE, generator=seeded(seed), dtype=torch.float64)


def mask(pixels: Tensor | None) -> Tensor:
    """1 where the score looks, (COUNT, 3, SIDE, SIDE)."""
    chosen = torch.ones(COUNT, 3, SIDE, SIDE, dtype=torch.float64)
    if pixels is not None:
        chosen.zero_()
        for image, (row, column) in enumerate(pixels.tolist()):
            chosen[image, :, row, column] = 1
    return chosen


def mean_noise(x: Tensor, n: int, sigma: float) -> Tensor:
    """The mean of the noise that `smooth_grad` adds with `seeded()`."""
    std = sigma * (x.amax((1, 2, 3), keepdim=True) - x.amin((1, 2, 3), keepdim=True))
    generator = seeded()
    return std * sum(torch.empty_like(x).normal_(generator=generator) for _ in range(n)) / n


@pytest.mark.parametrize("pixels", [None, PIXELS], ids=["whole", "pixel"])
@pytest.mark.parametrize(("n", "sigma"), [(1, 0.0), (1, 0.3), (7, 0.2)])
def test_output_of_a_linear_network(pixels: Tensor | None, n: int, sigma: float) -> None:
    """s = m·(A x + b) has the gradient Aᵀm everywhere, so noise changes nothing."""
    net, x = Linear(), images()
    found = smooth_grad(output_score(net, pixels), x, n, sigma, seeded())
    expected = (mask(pixels).flatten(1) @ net.matrix).view_as(x)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("pixels", [None, PIXELS], ids=["whole", "pixel"])
@pytest.mark.parametrize(("n", "sigma"), [(1, 0.0), (1, 0.3), (7, 0.2)])
def test_loss_of_a_linear_network(pixels: Tensor | None, n: int, sigma: float) -> None:
    """s = |m (A x + b − t)|² / M has the gradient 2 Aᵀ m (A x + b − t) / M, which is linear in x:
    its mean over noisy copies is its value at x plus the mean noise."""
    net, x, target, seen = Linear(), images(), images(4), mask(pixels)
    found = smooth_grad(loss_score(net, target, pixels), x, n, sigma, seeded())
    error = seen * (net(x + mean_noise(x, n, sigma)) - target)
    scale = seen.flatten(1).sum(1)[:, None, None, None]
    expected = 2 * (error.flatten(1) @ net.matrix).view_as(x) / scale
    torch.testing.assert_close(found, expected)


def test_noise_averages_out() -> None:
    """For a gradient that is linear in x, sixteen times the copies leave a quarter of the error."""
    net, x, target = Linear(), images(), images(4)
    score = loss_score(net, target)
    plain = smooth_grad(score, x, 1, 0)
    errors = [
        (smooth_grad(score, x, n, 0.2, seeded()) - plain).square().mean().sqrt() for n in (16, 256)
    ]
    assert 0.12 < errors[1] / errors[0] < 0.5


def test_one_pixel_for_all_images() -> None:
    """A single row and column stands for each image's own."""
    net, x = Linear(), images()
    one = smooth_grad(output_score(net, torch.tensor([1, 2])), x, 1, 0)
    torch.testing.assert_close(one[0], smooth_grad(output_score(net, PIXELS), x, 1, 0)[0])


def test_smooth_grad_leaves_everything_as_it_was() -> None:
    """No gradient stays in image or network, and autograd may be off around it."""
    net, x = nn.Conv2d(3, 3, 3, padding=1), images().float()
    with torch.no_grad():
        assert smooth_grad(output_score(net), x, 2, 0.1, seeded()).abs().sum() > 0
    assert x.grad is None
    assert net.weight.grad is None
    assert not x.requires_grad


def test_impossible_questions_are_refused() -> None:
    """No copies, negative noise, pixels of another shape or outside the image."""
    score, x = output_score(Linear()), images()
    for n, sigma in ((0, 0.1), (1, -0.1), (1, math.nan)):
        with pytest.raises(ValueError, match="expected at least 1 and at least 0"):
            smooth_grad(score, x, n, sigma)
    with pytest.raises(ValueError, match=r"pixels are \(3, 2\); expected \(2,\) or \(2, 2\)"):
        output_score(Linear(), torch.zeros(3, 2, dtype=torch.long))(x)
    for outside in ([0, SIDE], [-1, 0]):
        with pytest.raises(ValueError, match="outside the image of 5x5"):
            output_score(Linear(), torch.tensor(outside))(x)
