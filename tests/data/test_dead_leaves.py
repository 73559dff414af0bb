"""The generated images: seeded, sampled as the course's are, and like photographs."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from others.data import dead_leaves
from others.data.dead_leaves import CELL, LEAVES, SIDE, SIZE, render, render_all
from others.data.generated import (
    clean_of_pairs,
    draw_places,
    leaves,
    mosaic,
    noisy_and_clean,
    noisy_pairs,
    scene,
)
from others.data.seeds import seeded
from others.engine.metrics import psnr_per_image, psnr_pooled

Generate = Callable[[int, Generator], "tuple[Tensor, Tensor]"]


def cell_pixels(seed: int, count: int) -> Tensor:
    """All 64 pixels of every cell of the scenes behind a seed: (N, 3, H, W, 64)."""
    return render_all(next(dead_leaves.draw_scenes(count, seeded(seed))))


def whole(pixels: Tensor) -> Tensor:
    """Put cells (N, 3, H, W, 64) together: (N, 3, 8 H, 8 W)."""
    return pixels.unflatten(-1, (CELL, CELL)).transpose(3, 4).flatten(4).flatten(2, 3)


@functools.cache
def validation_images() -> tuple[Tensor, Tensor]:
    """Noisy and clean images in [0, 1]."""
    noisy, clean = noisy_and_clean(150, seeded(1))
    return noisy / 255, clean / 255


@pytest.mark.parametrize("generate", [noisy_pairs, noisy_and_clean])
def test_the_same_seed_gives_the_same_bytes(generate: Generate) -> None:
    """A seed decides every byte, whatever the number of threads; another gives other images."""
    threads = torch.get_num_threads()
    once = generate(6, seeded(3))
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        again = generate(6, seeded(3))
    finally:
        torch.set_num_threads(threads)
    for images, same in zip(once, again):
        assert images.dtype == torch.uint8
        assert images.shape == (6, 3, SIZE, SIZE)
        assert images.is_contiguous()
        assert torch.equal(images, same)
    assert not torch.equal(once[0], generate(6, seeded(4))[0])


def test_the_global_random_state_is_left_alone() -> None:
    """Randomness comes from the generator that is passed in, from nowhere else."""
    before = torch.get_rng_state()
    noisy_pairs(1, seeded(0))
    assert torch.equal(before, torch.get_rng_state())


def test_a_noisy_pixel_is_one_pixel_of_its_own_cell() -> None:
    """Red, green and blue of each noisy pixel stand together somewhere in the pixel's own cell."""
    pixels = cell_pixels(7, 20)
    noisy, _ = noisy_and_clean(20, seeded(7))
    for images in (*noisy_pairs(20, seeded(7)), noisy):
        assert (pixels == images[..., None]).all(1).any(-1).all()


def test_every_pixel_of_a_cell_is_as_likely() -> None:
    """The place in the cell is uniform: none of 64 counts is 5 standard deviations off."""
    places = draw_places(100, 2, seeded(0))
    expected = places.numel() / 64
    assert (places.flatten().bincount() - expected).abs().max() < 5 * math.sqrt(expected)


def test_a_clean_image_is_the_rounded_mean_of_each_cell() -> None:
    """Clean images are the mean over each 8x8 square of the scene, to half a grey level."""
    scene = whole(cell_pixels(7, 4))
    mean = torch.nn.functional.avg_pool2d(scene.double(), CELL)
    _, clean = noisy_and_clean(4, seeded(7))
    assert (clean - mean).abs().max() <= 0.5


def test_the_clean_images_of_pairs_belong_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clean images are the means of the scenes that the pairs show, in every batch of scenes."""
    monkeypatch.setattr(dead_leaves, "BATCH", 2)
    pairs, clean = noisy_pairs(5, seeded(7)), clean_of_pairs(5, seeded(7))
    assert clean.shape == (5, 3, SIZE, SIZE)
    generator, start = seeded(7), 0
    for scenes in dead_leaves.draw_scenes(5, generator):
        places = draw_places(len(scenes.shapes.x), 2, generator)
        shown = slice(start, start := start + len(places))
        both = render(scenes, places).unbind(-1)
        assert all(torch.equal(images[shown], image) for images, image in zip(pairs, both))
        mean = render_all(scenes).double().mean(-1)
        assert (clean[shown] - mean).abs().max() <= 0.5


def test_the_noise_of_the_two_copies_is_independent() -> None:
    """Given the scene, both noises have mean zero and are uncorrelated, also between neighbours."""
    mean = cell_pixels(5, 50).float().mean(-1)
    a, b = (images - mean for images in noisy_pairs(50, seeded(5)))
    power = float((a * a).mean())
    assert power > 100
    assert abs(float(a.mean())) < 0.3
    assert abs(float(b.mean())) < 0.3
    assert abs(float((a * b).mean())) < 0.02 * power
    assert abs(float((a[..., 1:] * a[..., :-1]).mean())) < 0.02 * power
    assert abs(float((a[:, :, 1:] * a[:, :, :-1]).mean())) < 0.02 * power


@pytest.mark.parametrize("seed", range(5))
def test_the_noise_is_as_strong_as_in_the_course(seed: int) -> None:
    """At every seed, noisy against clean is 20.7 dB per image to within 0.7 dB."""
    first, second = (images / 255 for images in noisy_pairs(300, seeded(seed)))
    two_noises = (first - second).square().mean((1, 2, 3))  # twice the error of one
    assert float(-10 * torch.log10(two_noises / 2).mean()) == pytest.approx(20.7, abs=0.7)


def test_noisy_against_clean_is_like_photographs() -> None:
    """The mean, the pooled value and the spread over images are those of photographs."""
    noisy, clean = validation_images()
    values = torch.tensor([psnr_per_image(a[None], b[None]) for a, b in zip(noisy, clean)])
    assert psnr_per_image(noisy, clean) == pytest.approx(20.7, abs=0.7)
    assert psnr_pooled(noisy, clean) == pytest.approx(19.8, abs=0.7)
    assert 2.5 < float(values.std()) < 4


def test_pixel_statistics_are_like_photographs() -> None:
    """Brightness, contrast, correlation of the colours and the power spectrum, near 1 / f^2.7."""
    clean = validation_images()[1]
    assert float(clean.mean()) == pytest.approx(0.46, abs=0.06)
    assert float(clean.std()) == pytest.approx(0.27, abs=0.05)
    correlation = torch.corrcoef(clean.transpose(0, 1).flatten(1))
    assert 0.6 < float(correlation[0, 2]) < float(correlation[0, 1]) < 0.97
    window = torch.hann_window(SIZE, periodic=False)
    grey = clean.mean(1)
    grey = (grey - grey.mean((1, 2), keepdim=True)) * window * window[:, None]
    power = torch.fft.fft2(grey).abs().square().mean(0)
    low, high = ((power[0, f] + power[f, 0]).log2() for f in (3, 12))  # two octaves apart
    assert -3.2 < float(high - low) / 2 < -2.2


def test_a_leaf_is_painted_where_it_is() -> None:
    """A white 32x16 rectangle around (40, 100) on black fills just the pixels that it covers."""
    scenes = next(dead_leaves.draw_scenes(1, seeded(0)))
    nowhere = (-1e4, -1e4, 0.0, 1.0, 1.0, 0.5, 0.0, 0.0)
    shapes = dead_leaves.Shapes(*(torch.full((1, LEAVES), value) for value in nowhere))
    for leaf, box in ((0, (128, 128, 512, 512)), (9, (40, 100, 16, 8))):
        for field, value in zip((shapes.x, shapes.y, shapes.half_width, shapes.half_height), box):
            field[:, leaf] = value
    colour = torch.zeros(1, LEAVES)
    surfaces = dead_leaves.Surfaces(*[colour.clone() for _ in scenes.surfaces])
    for field in surfaces[:3]:
        field[:, 9] = 1
    pixels = render_all(dead_leaves.Scenes(shapes, surfaces, scenes.tile))
    expected = torch.zeros(1, 3, SIDE, SIDE, dtype=torch.uint8)
    expected[:, :, 92:108, 24:56] = 255
    assert torch.equal(whole(pixels), expected)


def test_looking_at_near_leaves_only_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering a square with the leaves near it gives what all leaves together give."""
    fast = cell_pixels(11, 2)
    every_leaf = torch.arange(LEAVES - 1, -1, -1).expand((SIZE // dead_leaves.BLOCK) ** 2, -1)
    monkeypatch.setattr(dead_leaves, "leaves_near_blocks", lambda shapes: every_leaf)
    assert torch.equal(cell_pixels(11, 2), fast)


def test_scenes_at_full_resolution() -> None:
    """A scene is the one that its seed gives, and a mosaic has four of them in a square."""
    assert torch.equal(scene(4), leaves(1, seeded(4)) / 255)
    assert torch.equal(scene(4), whole(cell_pixels(4, 1)) / 255)
    four = leaves(4, seeded(4)) / 255
    found = mosaic(4)
    assert found.shape == (1, 3, 2 * SIDE, 2 * SIDE)
    corners = [found[0, :, y : y + SIDE, x : x + SIDE] for y in (0, SIDE) for x in (0, SIDE)]
    assert torch.equal(torch.stack(corners), four)
