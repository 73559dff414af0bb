"""What the noise of point-sampled images is: white, unbiased, heavy-tailed, strong at edges.

Noise is what a noisy copy of an image has beyond the clean image: (N, 3, H, W), in shares of the
range from black to white.
"""

from typing import Any

import torch
from torch import Tensor

from others.records.estimates import estimate

GROUPS = 10  # of pixels, from the flattest tenth to the sharpest
REACH, STEP = 8.0, 0.5  # of the histogram, in standard deviations
TAIL = 3.0  # standard deviations, which a normal variable exceeds in 0.27 % of all cases


def correlation(one: Tensor, other: Tensor) -> float:
    """The correlation of two tensors of one shape, both of the mean zero."""
    scale = (one.square().mean() * other.square().mean()).sqrt()
    return round(float((one * other).mean() / scale), 4)


def correlations(noise_a: Tensor, noise_b: Tensor | None) -> dict[str, float]:
    """The correlations of one copy's noise with its neighbours', and with the other copy's."""
    red, green, _ = noise_a.unbind(1)
    copies = {} if noise_b is None else {"copies": correlation(noise_a, noise_b)}
    return {
        "right": correlation(noise_a[..., 1:], noise_a[..., :-1]),
        "below": correlation(noise_a[..., 1:, :], noise_a[..., :-1, :]),
        "diagonal": correlation(noise_a[..., 1:, 1:], noise_a[..., :-1, :-1]),
        "red and green": correlation(red, green),
        **copies,
    }


def contrast(clean: Tensor) -> Tensor:
    """The largest difference (N, H, W) between a grey pixel and its four neighbours."""
    grey = clean.mean(1)
    found = torch.zeros_like(grey)
    across, down = (grey[:, :, 1:] - grey[:, :, :-1]).abs(), (grey[:, 1:] - grey[:, :-1]).abs()
    for part, step in (
        (found[:, :, 1:], across),
        (found[:, :, :-1], across),
        (found[:, 1:], down),
        (found[:, :-1], down),
    ):
        part.copy_(torch.maximum(part, step))
    return found


def by_contrast(noise: Tensor, clean: Tensor) -> list[dict[str, float]]:
    """The mean contrast, the noise and its share of all squared noise, of GROUPS of pixels.

    Pixels are sorted by their contrast, and each group has the same number of them.
    """
    local, power = contrast(clean).flatten(), noise.square().mean(1).flatten()
    order = local.argsort().chunk(GROUPS)
    return [
        {
            "contrast": round(float(local[chosen].mean()), 4),
            "std": round(float(power[chosen].mean().sqrt()), 4),
            "share": round(float(power[chosen].sum() / power.sum()), 4),
        }
        for chosen in order
    ]


def histogram(noise: Tensor) -> dict[str, Any]:
    """The density of the noise over its standard deviation, in bins of STEP from -REACH."""
    values = (noise / noise.square().mean().sqrt()).flatten()
    bins = round(2 * REACH / STEP)
    counts = torch.histc(values, bins, -REACH, REACH)
    density = (counts / (len(values) * STEP)).tolist()
    return {"start": -REACH, "step": STEP, "density": [round(one, 7) for one in density]}


def measure_noise(noisy_a: Tensor, noisy_b: Tensor | None, clean: Tensor) -> dict[str, Any]:
    """Everything about one or two noisy copies of clean images, all (N, 3, H, W) in [0, 1]."""
    noise_a, noise_b = noisy_a - clean, None if noisy_b is None else noisy_b - clean
    power = noise_a.square().mean()
    scaled = noise_a / power.sqrt()
    mean = estimate(noise_a.mean((1, 2, 3)).double().tolist(), normal=True)  # as it was published
    return {
        "images": len(clean),
        "std": round(float(power.sqrt()), 5),
        "mean": round(mean.mean, 6),
        "mean_confidence": round(mean.confidence, 6),
        "kurtosis": round(float(scaled.pow(4).mean()), 3),
        "tail": round(float((scaled.abs() > TAIL).float().mean()), 5),
        "correlations": correlations(noise_a, noise_b),
        "by_contrast": by_contrast(noise_a, clean),
        "histogram": histogram(noise_a),
    }
