"""SmoothGrad against closed forms; the measures of influence on networks whose answer is known."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from others.analysis import influence
from others.analysis.influence import Smoothing, estimate, measure, rank_correlation, verdict
from others.analysis.smooth_grad import loss_score, output_score, smooth_grad
from others.data.course import VALIDATION, save_pair
from others.networks.catalogue import make_network
from others.records.weights import save_weights

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


def test_estimate_and_verdict_by_hand() -> None:
    """1, 2, 3 and a missing one: mean 2 ± 1.96 / sqrt(3), which says nothing about its sign."""
    row = estimate(torch.tensor([1.0, math.nan, 2.0, 3.0]))
    assert row == {"images": 3, "mean": 2, "std": 1, "confidence": pytest.approx(1.1316, abs=1e-4)}
    assert verdict(row) == "holds"
    assert verdict({**row, "mean": -2}) == "refuted"
    assert verdict({**row, "mean": 1}) == "undecided"


def test_rank_correlation_by_hand() -> None:
    """Only the order counts; of equal values each has the mean of their ranks."""
    first = torch.tensor([[1.0, 2, 3, 4], [1, 2, 3, 4], [1, 1, 2, 2]])
    second = torch.tensor([[1.0, 10, 11, 99], [4, 3, 2, 0], [5, 5, 7, 7]])
    torch.testing.assert_close(rank_correlation(first, second), torch.tensor([1.0, -1, 1]))


def scenes(count: int = 24, side: int = 16) -> tuple[Tensor, Tensor]:
    """Noisy and clean images: flat halves of different grey, their edge upright or level."""
    clean = torch.full((count, 3, side, side), 0.2)
    clean[::2, :, :, side // 2 :] = 0.7
    clean[1::2, :, side // 2 :] = 0.7
    noise = 0.05 * torch.randn(clean.shape, generator=seeded())
    return (clean + noise).clamp(0, 1), clean


def box(x: Tensor) -> Tensor:
    """The mean over 3x3 pixels: every weight is 1/9, whatever the image."""
    kernel = torch.full((3, 1, 3, 3), 1 / 9)
    return F.conv2d(x, kernel, padding=1, groups=3)


def bilateral(x: Tensor) -> Tensor:
    """A mean over 3x3 pixels, weighted by exp(−(d / 0.15)²) for a difference in grey d."""
    patches = F.unfold(x, 3, padding=1).view(len(x), 3, 9, *x.shape[-2:])
    difference = (patches - x.unsqueeze(2)).mean(1, keepdim=True)
    weight = torch.exp(-((difference / 0.15) ** 2)).detach()
    return (weight * patches).sum(2) / weight.sum(2)


def test_a_mean_filter_has_the_same_weight_everywhere() -> None:
    """Each weight is 1/9 at every noise, across and along an edge; neither claim holds."""
    result = measure(box, *scenes(), Smoothing(2, 0.1))
    weights = [row["own weight"]["mean"] for row in result["pixels by their noise"]]
    weights += [row["own weight"]["mean"] for row in result["one pixel moved"]["rows"]]
    sides = result["edges"]["rows"][0]
    weights += [sides[name]["mean"] for name in ("across", "along", "behind", "pixel itself")]
    assert weights == pytest.approx([1 / 9] * len(weights), abs=1e-4)
    assert sides["two across"]["mean"] == sides["two along"]["mean"] == 0
    assert [row["share left"]["mean"] for row in result["one pixel moved"]["rows"][1:]] == (
        pytest.approx([1 / 9] * 3, abs=1e-4)
    )
    assert result["edges"]["an edge stops influence"]["verdict"] == "undecided"


def test_an_edge_stops_the_influence_in_a_bilateral_filter() -> None:
    """Where weights fall with the difference, across is less than along; and a pixel that differs
    from all its neighbours keeps its own weight, so the first claim is refuted."""
    result = measure(bilateral, *scenes(), Smoothing(1, 0.0))
    assert result["edges"]["an edge stops influence"]["verdict"] == "holds"
    assert result["edges"]["rows"][0]["across"]["mean"] < 0.02
    moved = result["one pixel moved"]
    assert moved["own weight falls with its noise"]["verdict"] == "refuted"
    assert moved["noisy pixel weighs less than a neighbour"]["verdict"] == "refuted"


def test_ranks_of_noise_and_gradients() -> None:
    """For f(x) = x the loss's gradient is the noise itself: their ranks agree."""
    noisy, clean = scenes(4)
    result = measure(lambda x: x, noisy, clean.clone(), Smoothing(1, 0.0))
    assert result["rank correlation"]["noise and gradient of the loss"]["mean"] > 0.9


def test_images_without_an_edge_are_refused() -> None:
    """Flat images cannot say anything about edges."""
    flat = torch.full((2, 3, 16, 16), 0.5)
    with pytest.raises(ValueError, match="no image has a straight edge"):
        influence.at_edges(box, flat, flat, Smoothing(1, 0.0))


def test_the_command_writes_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command measures a checkpoint on validation images, and says what of the claims holds."""
    noisy, clean = ((255 * x).round().byte() for x in scenes(6, 32))
    save_pair(tmp_path / VALIDATION, noisy, clean)
    torch.manual_seed(0)
    save_weights(make_network("tnet"), tmp_path / "weights.pth")
    arguments: list[Any] = ["--weights", tmp_path / "weights.pth", "--data", tmp_path, "--n", 1]
    arguments += ["--json", tmp_path / "claims.json"]
    monkeypatch.setattr(sys, "argv", ["influence", *map(str, arguments)])
    influence.main()
    assert "an edge stops influence" in capsys.readouterr().out
    assert json.loads((tmp_path / "claims.json").read_text())["smoothing"]["n"] == 1
    monkeypatch.setattr(sys, "argv", ["influence", "--weights", str(tmp_path / "none.pth")])
    with pytest.raises(SystemExit, match=r"none\.pth"):
        influence.main()
