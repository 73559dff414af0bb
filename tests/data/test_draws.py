"""Noisy pairs drawn from photographs."""

import pytest
import torch
from torch import Generator, Tensor

from others.data.dead_leaves import SIZE
from others.data.photographs import Photographs

CPU = torch.device("cpu")


def coordinates(height: int, width: int, number: int = 0) -> Tensor:
    """A photograph whose pixels say where they are: (row, column, number)."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns, torch.full_like(rows, number)]).to(torch.uint8)


def test_every_pixel_is_one_of_its_own_cell() -> None:
    """Both copies pick within the cells, each for itself."""
    images = Photographs([coordinates(128, 128)], CPU)
    first, second = images.pairs(50, Generator().manual_seed(0), least=1.0)
    assert first.shape == second.shape == (50, 3, SIZE, SIZE)
    assert first.dtype == second.dtype == torch.uint8
    steps = torch.arange(SIZE)
    flipped = first[:, 1, 0, 0] > first[:, 1, 0, -1]
    assert 10 < int(flipped.sum()) < 40
    for noisy in (first, second):
        upright = torch.where(flipped[:, None, None, None], noisy.flip(3), noisy)
        assert torch.equal(upright[:, 0] // 4, steps[:, None].expand(50, SIZE, SIZE))
        assert torch.equal(upright[:, 1] // 4, steps.expand(50, SIZE, SIZE))
    differ = float((first != second).any(1).float().mean())  # 15/16 if they are independent
    assert 0.9 < differ < 0.97


def test_pairs_are_the_first_two_copies() -> None:
    """They have noise of their own, as all copies have."""
    images = Photographs([coordinates(128, 128)], CPU)
    pair = images.pairs(4, Generator().manual_seed(0), weak=0.5)
    copies = images.copies(5, 4, Generator().manual_seed(0), weak=0.5)
    assert all(torch.equal(one, copy) for one, copy in zip(pair, copies))
    assert all(not torch.equal(a, b) for n, a in enumerate(copies) for b in copies[:n])


def test_the_mean_of_many_is_the_mean_over_the_cells() -> None:
    """The noise has no mean."""
    image = torch.randint(0, 256, (3, 128, 128), generator=Generator().manual_seed(0))
    clean = torch.nn.functional.avg_pool2d(image.float(), 4)
    first, second = Photographs([image.to(torch.uint8)], CPU).pairs(
        2000, Generator().manual_seed(1), least=1.0
    )
    flat = torch.cat([first, second]).float().mean(0)  # each cell and its mirror image, half each
    assert float((flat - (clean + clean.flip(2)) / 2).abs().mean()) < 2.5


def test_a_share_of_the_pairs_has_weak_noise() -> None:
    """In a photograph without noise, the weak pairs alone differ from it, by Gaussian noise."""
    clean = torch.randint(60, 196, (3, 32, 32), generator=Generator().manual_seed(0))
    photograph = clean.repeat_interleave(4, 1).repeat_interleave(4, 2).to(torch.uint8)
    copies = Photographs([photograph], CPU).pairs(
        400, Generator().manual_seed(1), least=1.0, weak=0.25
    )
    stds = []
    for copy in copies:
        upright, flipped = (
            (one.float() - clean).square().mean((1, 2, 3)) for one in (copy, copy.flip(3))
        )
        stds.append(upright.minimum(flipped).sqrt())
    weak = stds[0] > 0
    assert 60 < int(weak.sum()) < 140
    assert int((weak != (stds[1] > 0)).sum()) < 5  # noise of less than half a level is rounded away
    assert 18 < float(stds[0].max()) < 20.5


def test_squares_lie_in_their_photograph() -> None:
    """Whatever its size, and as large as asked for."""
    images = [coordinates(200, 150, 0), coordinates(40, 250, 1), coordinates(32, 32, 2)]
    first, _ = Photographs(images, CPU).pairs(300, Generator().manual_seed(0))
    number = first[:, 2, 0, 0]
    assert set(number.tolist()) == {0, 1, 2}
    assert torch.equal(first[:, 2], number[:, None, None].expand(300, SIZE, SIZE))
    sides = first[:, 0, -1].amax(1).int() - first[:, 0, 0].amin(1).int() + 1
    assert int(sides[number == 0].min()) >= 120  # 4 pixels a cell, more than 0.6 of 150
    assert int(sides[number == 2].min()) > 25  # no square of 128 there: all of it


def test_the_same_generator_draws_the_same_pairs() -> None:
    """Another seed draws others."""
    images = Photographs([coordinates(64, 64)], CPU)
    once, again = (images.pairs(5, Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(once, again))
    assert not torch.equal(once[0], images.pairs(5, Generator().manual_seed(4))[0])


@pytest.mark.parametrize("images", [[], [coordinates(64, 31)]])
def test_too_little_to_draw_from(images: list[Tensor]) -> None:
    """No photographs, or one that is smaller than a noisy image."""
    with pytest.raises(ValueError, match=f"of {SIZE}x{SIZE} at least"):
        Photographs(images, CPU)
