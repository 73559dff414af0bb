"""The noise that blind denoisers are trained on, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Generator

from others.data.corruptions import (
    Corruption,
    CorruptionSettings,
    Strength,
    quantised,
    smoothed,
    truncated_normal,
)


def test_truncated_normal() -> None:
    """Within two standard deviations, with mean 0, std 0.880 and mean size 0.723."""
    values = truncated_normal((400, 500), Generator().manual_seed(0))
    assert float(values.abs().max()) <= 2.0001
    assert float(values.mean()) == pytest.approx(0, abs=0.01)
    assert float(values.std()) == pytest.approx(0.8796, abs=0.005)
    assert float(values.abs().mean()) == pytest.approx(0.7228, abs=0.005)


def only(kind: str, low: float, high: float, **other: Any) -> Corruption:
    """One kind of noise, neither clipped nor smoothed unless asked for."""
    off = {"additive": Strength()}
    chosen = {kind: Strength(low, high, weight=1)}
    return Corruption(CorruptionSettings(**{**off, **chosen, "clip": False, **other}))


def test_additive_noise() -> None:
    """An image's noise has 0.88 of the drawn deviation, and one field or one for each channel."""
    clean = torch.full((400, 3, 16, 16), 0.5)
    noise = only("additive", 0, 80, per_channel=0.5)(clean, Generator().manual_seed(0)) - clean
    stds = 255 * noise.flatten(1).std(1) / 0.88
    assert float(stds.max()) < 83
    assert float(stds.mean()) == pytest.approx(40, abs=4)
    shared = (noise[:, 0] == noise[:, 1]).flatten(1).all(1)
    assert float(shared.float().mean()) == pytest.approx(0.5, abs=0.08)


def test_noise_that_is_neither_cut_off_nor_clipped() -> None:
    """Without a cut the deviation is σ; a share of the images keeps values outside [0, 1]."""
    clean, generator = torch.full((400, 3, 16, 16), 0.5), Generator().manual_seed(0)
    noise = only("additive", 80, 80, per_channel=1, cut=0)(clean, generator) - clean
    assert 255 * float(noise.std()) == pytest.approx(80, rel=0.01)
    mixed = only("additive", 80, 80, cut=0, clip=True, unclipped=0.75)(clean, generator)
    outside = ((mixed < 0) | (mixed > 1)).flatten(1).any(1)
    assert float(outside.float().mean()) == pytest.approx(0.75, abs=0.08)
    stored = 255 * mixed[~outside]
    torch.testing.assert_close(stored, stored.round())


def test_other_corruptions() -> None:
    """Multiplicative noise is relative; subsampling repeats pixels; quantisation rounds."""
    ramp = torch.linspace(0, 1, 64).expand(2, 3, 64, 64).contiguous()
    noise = only("multiplicative", 0.2, 0.2, per_channel=1)(ramp, Generator().manual_seed(0)) - ramp
    stds = noise.transpose(1, 3).flatten(2).std(2)[0] / 0.88
    torch.testing.assert_close(stds, 0.2 * ramp[0, 0, 0], atol=0.015, rtol=0)
    coarse = only("subsampling", 2, 2)(ramp, Generator().manual_seed(0))
    assert torch.equal(coarse[..., ::2], coarse[..., 1::2])
    torch.testing.assert_close(
        quantised(torch.tensor([0.0, 6.0, 14.0, 255.0]) / 255, torch.tensor(10.0)) * 255,
        torch.tensor([0.0, 10.0, 10.0, 255.0]),
    )


def test_power() -> None:
    """Strengths are low + (high − low) u^power, for every kind of noise."""
    drawn = Strength(1, 17, power=4).draw(4001, Generator().manual_seed(0)).flatten()
    assert float(drawn.median()) == pytest.approx(1 + 16 / 2**4, abs=0.15)
    assert float(drawn.max()) <= 17
    ramp = torch.linspace(0, 1, 64).expand(200, 3, 8, 64).contiguous()
    weak = Strength(1, 8, power=50, weight=1)
    none = Strength()
    mostly_one = Corruption(CorruptionSettings(none, none, weak, none, clip=False))
    changed = (mostly_one(ramp, Generator().manual_seed(0)) != ramp).flatten(1).any(1)
    assert float(changed.float().mean()) < 0.2


def test_smoothing() -> None:
    """A flat image stays as it is; white noise loses most of its variance."""
    flat = torch.full((1, 3, 6, 6), 0.3)
    torch.testing.assert_close(smoothed(flat), flat)
    noisy = torch.randn(1, 3, 64, 64, generator=Generator().manual_seed(0))
    side = torch.tensor([1.0, math.exp(-0.5), math.exp(-0.5)])
    gain = float((side / side.sum()).square().sum())
    assert float(smoothed(noisy).std()) == pytest.approx(gain, rel=0.05)


def test_corruptions_are_drawn_for_each_image() -> None:
    """Kinds come by their weights; the result is in steps of 1 / 255, and follows from the seed."""
    use = CorruptionSettings(
        additive=Strength(10, 10, weight=1),
        quantisation=Strength(255, 255, weight=3),
        smoothing=0,
    )
    clean = torch.full((400, 3, 4, 4), 100 / 255)
    noisy = Corruption(use)(clean, Generator().manual_seed(0))
    black = (noisy == 0).flatten(1).all(1)
    assert float(black.float().mean()) == pytest.approx(0.75, abs=0.07)
    grey = 255 * noisy
    torch.testing.assert_close(grey, grey.round(), atol=1e-4, rtol=0)
    assert torch.equal(noisy, Corruption(use)(clean, Generator().manual_seed(0)))
    assert not torch.equal(noisy, Corruption(use)(clean, Generator().manual_seed(1)))
