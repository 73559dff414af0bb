"""Pairs from which little or nothing can be learned: finite, and never worse."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.subjects import Subject, loss, noisy_images, weights_of

Pair = tuple[Tensor, Tensor]


def drawn(count: int, height: int, width: int) -> Pair:
    """Two noisy copies of random images."""
    noisy_a, noisy_b, _ = noisy_images(count, height, width)
    return noisy_a, noisy_b


def constant(first: float, second: float) -> Pair:
    """Five pairs of images with one value each."""
    return torch.full((5, 3, 8, 8), first), torch.full((5, 3, 8, 8), second)


def same(images: Tensor) -> Pair:
    """Images as both copies."""
    return images, images


def repeated(first: Tensor, second: Tensor) -> Pair:
    """One pair as five."""
    return first.expand(5, -1, -1, -1), second.expand(5, -1, -1, -1)


PAIRS: dict[str, Callable[[], Pair]] = {
    "one pair": lambda: drawn(1, 8, 8),
    "the same pair five times": lambda: repeated(*drawn(1, 8, 8)),
    "input and target are the same": lambda: same(drawn(5, 8, 8)[0]),
    "black": lambda: constant(0, 0),
    "white": lambda: constant(255, 255),
    "grey": lambda: constant(100.5, 100.5),
    "black and white": lambda: constant(0, 255),
    "one pixel": lambda: drawn(5, 1, 1),
    "one pair of one pixel": lambda: drawn(1, 1, 1),
    "3x7": lambda: drawn(5, 3, 7),
    "1x500": lambda: drawn(2, 1, 500),
    "1000x1000": lambda: drawn(1, 1000, 1000),
}


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("name", PAIRS)
def test_degenerate_pairs(subject: Subject, name: str) -> None:
    """Training twice on such pairs leaves finite weights and answers, and no larger a loss.

    A hundredth of a squared grey level is allowed for: trainings judge without the self-ensemble
    that `predict` adds.
    """
    noisy_a, noisy_b = PAIRS[name]()
    model = subject.rough()
    losses = [loss(model, noisy_a, noisy_b)]
    for _ in range(1 if name == "1000x1000" else 2):
        model.train(noisy_a, noisy_b, 2)
        losses.append(loss(model, noisy_a, noisy_b))
    assert all(math.isfinite(value) for value in losses)
    assert all(after <= before + 0.01 for before, after in zip(losses, losses[1:])), losses
    assert all(bool(value.isfinite().all()) for value in weights_of(model).values())
