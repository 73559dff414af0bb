"""The two PSNRs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Generator

from others.engine.metrics import psnr_per_image, psnr_pooled


def test_psnr_by_hand() -> None:
    """Errors of 0.1 and 0.01 everywhere: 20 and 40 dB, 30 dB per image; pooled, of their mean."""
    clean = torch.full((2, 3, 4, 4), 0.5, dtype=torch.float64)
    denoised = clean + torch.tensor([0.1, 0.01], dtype=torch.float64)[:, None, None, None]
    assert psnr_per_image(denoised, clean) == pytest.approx(30)
    assert psnr_pooled(denoised, clean) == pytest.approx(-10 * math.log10(0.00505 + 1e-8))
    assert psnr_pooled(clean, clean) == pytest.approx(80)  # the handout's 1e-8
    assert psnr_per_image(clean, clean) == math.inf


@pytest.mark.parametrize("psnr", [psnr_per_image, psnr_pooled])
def test_psnr_refuses_other_input(psnr: Callable[[Any, Any], float]) -> None:
    """Different shapes, other dimensions, nothing, 0..255, NaN: errors that say what came."""
    images = torch.rand(2, 3, 4, 4, generator=Generator().manual_seed(0))
    with pytest.raises(ValueError, match=r"\(1, 3, 4, 4\), clean \(2, 3, 4, 4\)"):
        psnr(images[:1], images)
    with pytest.raises(ValueError, match=r"got shape \(3, 4, 4\); expected \(N, C, H, W\)"):
        psnr(images[0], images[0])
    with pytest.raises(ValueError, match=r"got shape \(0, 3, 4, 4\)"):
        psnr(images[:0], images[:0])
    with pytest.raises(ValueError, match=r"denoised has values from .*; expected 0 to 1"):
        psnr(images * 255, images)
    with pytest.raises(ValueError, match=r"clean has values from nan to nan"):
        psnr(images, images * math.nan)
    with pytest.raises(TypeError, match=r"clean is torch\.uint8; expected a float tensor"):
        psnr(images, images.byte())
    with pytest.raises(TypeError, match=r"denoised is list"):
        psnr([0.5], images)
