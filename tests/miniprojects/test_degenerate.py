"""Pairs from which little or nothing can be learned: finite, and never worse."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.subjects import Subject, loss, noisy_images, weights_of

pytestmark = pytest.mark.usefixtures("narrow")
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


def greys(count: int, height: int, width: int) -> Pair:
    """Pairs of one grey each, the copies a little apart."""
    grey = torch.arange(count).view(-1, 1, 1, 1) * 255 // count
    first = grey.expand(count, 3, height, width).byte()
    return first, (first.int() + 1).clamp(0, 255).byte()


FORTY: dict[str, Callable[[], Pair]] = {
    "one pair": lambda: noisy_images(1)[:2],
    "identical copies": lambda: same(noisy_images(40)[0]),
    "one pair many times": lambda: (
        noisy_images(1)[0].repeat(40, 1, 1, 1),
        noisy_images(1)[1].repeat(40, 1, 1, 1),
    ),
    "constant images": lambda: greys(40, 8, 8),
    "black images": lambda: same(torch.zeros(40, 3, 8, 8)),
    "white images": lambda: same(torch.full((40, 3, 8, 8), 255.0)),
    "one pixel": lambda: noisy_images(40, 1, 1)[:2],
    "3x7 pixels": lambda: noisy_images(40, 3, 7)[:2],
}


def held_out_loss(subject: Subject, model: Any, pairs: tuple[Tensor, ...]) -> float:
    """What a training of the model would compare at its end."""
    padded = getattr(sys.modules[type(model).__module__], "padded", lambda images: images)
    trainer = subject.part("training").Trainer(model.network, *map(padded, pairs), 1)
    return trainer._held_out_loss(*(model.network,) * (subject.number == 1))


@pytest.mark.parametrize("start", ["untrained", "rough", "shipped"])
@pytest.mark.parametrize("kind", FORTY)
def test_forty_degenerate_pairs(
    subject: Subject, kind: str, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs that teach little leave finite weights that do no worse on them than before."""
    if start == "shipped":
        monkeypatch.setattr("Miniproject_2.model.CHANNELS", (128, 256))
    model, pairs = getattr(subject, start)(), FORTY[kind]()
    before = held_out_loss(subject, model, pairs)
    model.train(*pairs, 1)
    assert all(value.isfinite().all() for value in weights_of(model).values())
    assert held_out_loss(subject, model, pairs) <= before
    assert model.predict(pairs[0]).isfinite().all()
