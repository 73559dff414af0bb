"""Augmentation: the eight symmetries, and new noisy pairs from old ones."""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch import Tensor

from Miniproject_1.noise2noise.augmentation import corrupt
from Miniproject_2.framework.augmentation import coins
from tests.subjects import Subject, noisy_images


def pair() -> tuple[Tensor, Tensor]:
    """Two noisy copies of two images that are not square, as floats."""
    first, second, _ = noisy_images(2, 8, 12)
    return first.float(), second.float()


def test_symmetries(subject: Subject) -> None:
    """The eight symmetries are distinct, keep every pixel, and each is undone by its inverse."""
    symmetries, image = subject.part("symmetries"), torch.arange(48.0).view(2, 2, 3, 4)
    square, turned = torch.arange(9.0).view(1, 1, 3, 3), []
    for which in range(8):
        assert torch.equal(symmetries.turn_back(symmetries.turn(image, which), which), image)
        turned.append(tuple(symmetries.turn(square, which).flatten().tolist()))
    assert len(set(turned)) == 8
    assert all(sorted(values) == list(range(9)) for values in turned)


def test_self_ensemble(subject: Subject) -> None:
    """The ensemble of a map is its mean over the symmetries, and commutes with each of them."""
    symmetries, (image, _) = subject.part("symmetries"), pair()

    def shift(images: Tensor) -> Tensor:
        return images.roll(1, -1) * 2

    answer = symmetries.self_ensemble(shift, image)
    for which in range(8):
        turned = symmetries.self_ensemble(shift, symmetries.turn(image, which))
        assert torch.allclose(symmetries.turn_back(turned, which), answer)
    neighbours = [image.roll(step, axis) for step in (1, -1) for axis in (-1, -2)]
    assert torch.allclose(answer, 2 * torch.stack(neighbours).mean(0))


def test_exchange(subject: Subject) -> None:
    """Each pixel of the copies stays or changes sides with all channels, half of them each way;
    then one symmetry turns both, any of the eight."""
    augment, symmetries = subject.part("augmentation").augment, subject.part("symmetries")
    (first, second), draw = pair(), subject.random(0)
    total, drawn, stayed = first + second, set(), []
    for _ in range(200):
        ours, theirs = augment(first, second, draw)
        fitting = [
            which for which in range(8) if torch.equal(ours + theirs, symmetries.turn(total, which))
        ]
        assert len(fitting) == 1
        drawn.update(fitting)
        ours, theirs = (symmetries.turn_back(image, fitting[0]) for image in (ours, theirs))
        stays = ((ours == first) & (theirs == second)).all(1)
        changes = ((ours == second) & (theirs == first)).all(1)
        assert (stays | changes).all()
        stayed.append(stays)
    assert drawn == set(range(8))
    by_place = torch.stack(stayed).float().mean(0)  # of 200 throws, at each pixel
    assert abs(by_place.mean() - 0.5) < 0.01
    assert 0.3 < by_place.min() < by_place.max() < 0.7


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("symmetries", [True, False])
def test_augmentation_can_be_switched_off(
    subject: Subject, exchange: bool, symmetries: bool
) -> None:
    """Without the exchange a copy stays itself; without symmetries nothing is turned."""
    augment, (first, second) = subject.part("augmentation").augment, pair()
    draw, turned, mixed = subject.random(0), False, False
    for _ in range(20):
        ours, theirs = augment(first, second, draw, exchange, symmetries)
        same = ours.shape == first.shape and torch.equal(ours + theirs, first + second)
        turned |= not same
        mixed |= sorted(ours.flatten().tolist()) != sorted(first.flatten().tolist())
    assert turned == symmetries
    assert mixed == exchange


def test_other_noises() -> None:
    """A share of the inputs gets Gaussian noise, a share random pixels; the others stay."""
    images, draw = torch.full((4000, 3, 8, 8), 0.5), torch.Generator().manual_seed(0)
    noisy = corrupt(images, 0.2, 0.1, draw)
    changed = (noisy != images).flatten(1).float().mean(1)
    louder = changed > 0.9
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    assert abs(louder.float().mean() - 0.2) < 0.03
    assert abs(((changed > 0) & ~louder).float().mean() - 0.1) < 0.02
    assert changed[~louder].max() < 0.3
    deviation = (noisy[louder] - 0.5).square().mean().sqrt()
    assert abs(deviation - 50 / 255 / 3**0.5) < 0.02  # of a uniform level: its root mean square
    assert torch.equal(corrupt(images, 0.0, 0.0, draw), images)


def test_augmentation_is_seeded(subject: Subject) -> None:
    """The same seed gives the same pair, another seed another, and the old pair is not changed."""
    augment, (first, second) = subject.part("augmentation").augment, pair()
    (once, _), (again, _), (other, _) = (
        augment(first, second, subject.random(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(once, again)
    assert once.shape != other.shape or not torch.equal(once, other)
    assert torch.equal(first, pair()[0])
    assert torch.equal(second, pair()[1])


def test_coins() -> None:
    """A coin is fair at each of the eight bits of a byte, and does not know the one before it."""
    thrown = coins(80_000, Random(0)).view(-1, 8)
    assert thrown.dtype == torch.bool
    heads = thrown.float().mean(0)
    assert (heads - 0.5).abs().max() < 0.02  # four standard deviations of a mean of 10,000
    same_as_last = (thrown.flatten()[1:] == thrown.flatten()[:-1]).float().mean()
    assert abs(same_as_last - 0.5) < 0.01
    assert [len(coins(count, Random(0))) for count in (1, 7, 8, 9, 130)] == [1, 7, 8, 9, 130]
