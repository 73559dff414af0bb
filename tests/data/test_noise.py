"""Every noise keeps what it promises: seeds, ranges, means, deviations."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from others.data.noise import (
    TABLE,
    cell_mean,
    clean_of,
    font_of,
    gaussian,
    make_noise,
    point_sampling,
    strength,
    subsampling,
    text,
)
from others.data.seeds import seeded
from others.engine.losses import LOSSES

BOUNDED = {"impulse", "text", "subsampling", "quantisation", "point_sampling"}
SIZE = 16  # pixels a side, two cells


def clean(count: int = 3, height: int = SIZE, width: int = SIZE, seed: int = 0) -> Tensor:
    """Images in [0, 1] that have black and white pixels."""
    images = torch.rand(count, 3, height, width, generator=seeded(seed))
    return (1.4 * images - 0.2).clamp(0, 1)


@pytest.mark.parametrize("name", TABLE)
def test_seeds(name: str) -> None:
    """The same seed gives the same noise, another draw or seed another one; the clean images stay
    as they are, and torch's own generator is not touched."""
    images, state = clean(), torch.get_rng_state()
    kept = images.clone()
    generator = seeded(1)
    first, second = TABLE[name].add(images, generator), TABLE[name].add(images, generator)
    assert torch.equal(first, TABLE[name].add(images, seeded(1)))
    assert not torch.equal(first, second)
    assert not torch.equal(first, TABLE[name].add(images, seeded(2)))
    assert torch.equal(images, kept)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=8, deadline=None)
@given(
    count=st.integers(1, 3),
    rows=st.integers(1, 3),
    columns=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
def test_shapes_and_ranges(name: str, count: int, rows: int, columns: int, seed: int) -> None:
    """Any size of image keeps its shape (or loses its cells), type and, where promised, range."""
    images = clean(count, 8 * rows, 8 * columns, seed)
    noisy = TABLE[name].add(images, seeded(seed))
    assert noisy.shape == clean_of(TABLE[name].add, images).shape
    assert noisy.dtype == torch.float32
    assert noisy.isfinite().all()
    if name in BOUNDED:
        assert noisy.min() >= 0
        assert noisy.max() <= 1


def constant_colour(count: int) -> Tensor:
    """Images (count, 3, 16, 16) whose channels are 0.2, 0.5 and 0.9."""
    return torch.tensor([0.2, 0.5, 0.9])[:, None, None].expand(count, 3, SIZE, SIZE).contiguous()


X = torch.tensor([0.2, 0.5, 0.9])
STEPS = 7 * X - (7 * X).floor()  # how far a value is between two of 8 levels
STD = {  # of a pixel whose value is X
    "gaussian": torch.full((3,), 25 / 255),
    "poisson": (X / 30).sqrt(),
    "bernoulli": X,  # x sqrt((1 - p) / p), p = 1/2
    "multiplicative": 0.2 * X,
    "quantisation": (STEPS * (1 - STEPS)).sqrt() / 7,
    "subsampling": torch.zeros(3),
    "point_sampling": torch.zeros(3),
}


@pytest.mark.parametrize("name", STD)
def test_mean_and_deviation(name: str) -> None:
    """The mean over draws is the clean image for every noise paired with L2 or the relative loss,
    and the standard deviation what is documented."""
    noisy = TABLE[name].add(constant_colour(400), seeded(0)).transpose(0, 1).flatten(1)
    error = 5 * STD[name] / noisy.shape[1] ** 0.5  # five standard deviations of the mean
    assert ((noisy.mean(1) - X).abs() <= error + 1e-6).all()
    torch.testing.assert_close(noisy.std(1), STD[name], rtol=0.03, atol=1e-6)


def test_which_noises_keep_the_mean() -> None:
    """All noises keep the mean but two, whose losses converge to the median and to the mode."""
    others = {name for name in TABLE if name not in STD}
    assert {TABLE[name].loss for name in others} == {"l1", "annealed_l0"}
    assert {TABLE[name].loss for name in STD} == {"l2", "hdr"}
    assert {row.loss for row in TABLE.values()} == set(LOSSES)


@pytest.mark.parametrize("name", ["impulse", "text"])
def test_replaced_pixels(name: str) -> None:
    """A share of the pixels is replaced, in all channels at once, and the others are untouched; so
    the median over draws is the clean image."""
    images = clean(1, 32, 32).expand(40, -1, -1, -1)
    noisy = make_noise(name, 0.25)(images, seeded(0))
    hit = (noisy != images).any(1)
    assert hit.float().mean() == pytest.approx(0.26, abs=0.05 if name == "text" else 0.02)
    share = hit.float().mean(0)  # of the draws, for each pixel
    assert torch.equal(noisy.median(0).values[:, share < 0.45], images[0][:, share < 0.45])


def test_bernoulli_pixels() -> None:
    """A pixel is 0 in all channels, or divided by the share that stays."""
    images = clean() * 0.9 + 0.1
    noisy = make_noise("bernoulli", 0.25)(images, seeded(0))
    kept = noisy[:, :1] > 0
    torch.testing.assert_close(noisy, torch.where(kept, images * 4, 0.0))
    assert kept.float().mean() == pytest.approx(0.25, abs=0.06)


def test_quantisation_levels() -> None:
    """Values are the two levels around the clean one."""
    images = clean()
    noisy = make_noise("quantisation", 5)(images, seeded(0))
    torch.testing.assert_close(4 * noisy, (4 * noisy).round())
    assert ((noisy - images).abs() < 0.25 + 1e-6).all()


def test_subsampling_by_hand() -> None:
    """Each 2x2 square shows one of its pixels, in an image always the same; at an odd border the
    square is what is left of it, and the mean over draws is the squares' mean."""
    images = torch.arange(15.0).view(1, 1, 3, 5).expand(400, 3, -1, -1)
    noisy = subsampling(images, seeded(0))
    assert set(noisy[:, 0, 0, 0].tolist()) == {0, 1, 5, 6}
    assert set(noisy[:, 0, 2, 4].tolist()) == {14}
    offset = noisy[:, 0, 0, 0]
    torch.testing.assert_close(noisy[:, 0, 0, 2], offset + 2)
    torch.testing.assert_close(noisy[:, 0, :2, :2], offset[:, None, None].expand(-1, 2, 2))
    assert noisy[:, 0, 0, 0].mean() == pytest.approx(3, abs=0.5)


def test_point_sampling_by_hand() -> None:
    """Each pixel is one of its 2x2 cell, the same for all channels, each as likely as another; the
    clean image is the mean over the cell."""
    source = torch.arange(16.0).view(1, 1, 4, 4).expand(2000, 3, -1, -1) / 16
    noisy = point_sampling(source, seeded(0), cell=2)
    assert noisy.shape == (2000, 3, 2, 2)
    assert torch.equal(noisy[:, 0], noisy[:, 2])
    values, counts = noisy[:, 0, 1, 0].unique(return_counts=True)
    torch.testing.assert_close(values * 16, torch.tensor([8.0, 9.0, 12.0, 13.0]))
    assert counts.float() == pytest.approx(500, abs=100)
    expected = torch.tensor([[2.5, 4.5], [10.5, 12.5]]) / 16
    torch.testing.assert_close(cell_mean(source[:1], cell=2)[0, 0], expected)
    torch.testing.assert_close(noisy[:, 0].mean(0), expected, rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("reach", "rows"),
    [(0.0, range(6, 7)), (0.5, range(5, 7)), (1.0, range(4, 8)), (1.5, range(3, 9))],
)
def test_reach(reach: float, rows: range) -> None:
    """Half a cell reaches its middle half, one and a half the neighbours, as far as there are any;
    the clean image is the mean over the cell in any case."""
    source = torch.arange(12.0)[:, None].expand(300, 3, 12, 12)  # three cells, the second is 4..7
    noise = partial(point_sampling, reach=reach, cell=4)
    noisy = noise(source, seeded(0))
    assert set(noisy[:, 0, 1].flatten().tolist()) == set(rows)
    assert set(noisy[:, 0, 0].flatten().tolist()) == {max(0, row - 4) for row in rows}
    assert torch.equal(clean_of(noise, source), cell_mean(source, cell=4))


def test_strengths() -> None:
    """A strength of two numbers is drawn for each image between them."""
    drawn = strength((0.1, 0.3), clean(500), seeded(0))
    assert drawn.shape == (500, 1, 1, 1)
    assert 0.1 <= drawn.min() < 0.11
    assert 0.29 < drawn.max() <= 0.3
    noisy = gaussian(torch.zeros(200, 3, SIZE, SIZE), seeded(0), (0.0, 0.2)).std((1, 2, 3))
    assert noisy.min() < 0.02
    assert noisy.max() > 0.18


def test_levels() -> None:
    """Levels are in the units of the command line; unknown names and levels out of range are
    refused, with what is known and what is possible."""
    noise = make_noise("gaussian", 25)
    assert torch.equal(noise(clean(), seeded(0)), gaussian(clean(), seeded(0)))
    assert make_noise("poisson") is TABLE["poisson"].add
    pair = make_noise("gaussian", (0, 51))
    assert isinstance(pair, partial)
    assert pair.keywords == {"std": (0, 51 / 255)}
    with pytest.raises(ValueError, match=r"unknown noise 'fog'; expected one of .*poisson"):
        make_noise("fog")
    for level in (-1, 256, (3, 2), (1, 2, 3), float("nan")):
        with pytest.raises(ValueError, match=r"the level of gaussian is .*number from 0 to 255"):
            make_noise("gaussian", level)  # pyright: ignore[reportArgumentType]
    for name, row in TABLE.items():
        for level in (row.low, min(row.high, 100)):
            assert make_noise(name, level)(clean(1), seeded(0)).isfinite().all()


def test_refusals() -> None:
    """Cells that do not fit, and text that would cover everything."""
    with pytest.raises(ValueError, match="images of 16x12 pixels; expected multiples of 8"):
        point_sampling(clean(1, 16, 12), seeded(0))
    with pytest.raises(ValueError, match=r"expected 0 to 0\.9"):
        text(clean(1), seeded(0), share=0.95)
    assert font_of(8) is font_of(8)
