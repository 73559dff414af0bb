"""What the noise is: its law, measured on images whose noise is known."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from others.analysis import noise_law


def test_the_law_of_a_known_noise() -> None:
    """White normal noise has no mean, no correlation, kurtosis 3, and no taste for edges."""
    generator = Generator().manual_seed(0)
    clean = torch.rand(200, 3, 16, 16, generator=generator) * 0.5 + 0.25
    one, two = (clean + 0.1 * torch.randn(clean.shape, generator=generator) for _ in range(2))
    found = noise_law.measure_noise(one, two, clean)
    assert found["std"] == pytest.approx(0.1, rel=0.02)
    assert abs(found["mean"]) < 0.001
    assert found["kurtosis"] == pytest.approx(3, rel=0.05)
    assert found["tail"] == pytest.approx(0.0027, rel=0.2)
    assert all(abs(value) < 0.02 for value in found["correlations"].values())
    assert all(group["share"] == pytest.approx(0.1, rel=0.1) for group in found["by_contrast"])
    bins = found["histogram"]
    assert sum(bins["density"]) * bins["step"] == pytest.approx(1, abs=1e-4)


def test_contrast_by_hand() -> None:
    """The contrast of a pixel is its largest difference to a neighbour."""
    image = torch.tensor([[0.0, 0.0, 0.4], [0.0, 0.1, 0.4]]).expand(1, 3, 2, 3)
    expected = torch.tensor([[0.0, 0.4, 0.4], [0.1, 0.3, 0.3]])
    assert torch.allclose(noise_law.contrast(image)[0], expected)
