"""What the noise of point-sampled images is: white, without a mean, heavy-tailed, loud at edges.

    python -m others.analysis.noise_law --data DIR [--json PATH]

DIR holds train_data.pkl and clean_data.pkl: two noisy copies of each image, and the clean versions
of the first of them (`python -m others.generate DIR --clean` generates both). Only the noise is
looked at; nothing is trained or chosen. The results go to others/results/noise.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from others.data.course import CLEAN, TRAIN, load_pair
from others.records.json_files import save_json
from others.records.paths import RESULTS

FILE = RESULTS / "noise.json"
GROUPS = 10  # of pixels, from the flattest tenth to the sharpest
REACH, STEP = 8.0, 0.5  # of the histogram, in standard deviations
TAIL = 3.0  # standard deviations, which a normal variable exceeds in 0.27 % of all cases


def correlation(one: Tensor, other: Tensor) -> float:
    """Of two tensors of one shape whose mean is zero."""
    scale = (one.square().mean() * other.square().mean()).sqrt()
    return round(float((one * other).mean() / scale), 4)


def correlations(first: Tensor, second: Tensor) -> dict[str, float]:
    """Of the noise (N, 3, H, W) with its neighbours', its other channels' and its twin's."""
    red, green, _ = first.unbind(1)
    return {
        "right": correlation(first[..., 1:], first[..., :-1]),
        "below": correlation(first[..., 1:, :], first[..., :-1, :]),
        "diagonal": correlation(first[..., 1:, 1:], first[..., :-1, :-1]),
        "red and green": correlation(red, green),
        "copies": correlation(first, second),
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
    """Mean contrast, noise and share of all the squared noise of each group of pixels."""
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


def measure(first: Tensor, second: Tensor, clean: Tensor) -> dict[str, Any]:
    """Everything about two noisy copies of clean images, all (N, 3, H, W) in [0, 1]."""
    one, two = first - clean, second - clean
    means, power = one.mean((1, 2, 3)), one.square().mean()
    scaled = one / power.sqrt()
    return {
        "images": len(clean),
        "std": round(float(power.sqrt()), 5),
        "mean": round(float(means.mean()), 6),
        "mean_confidence": round(float(1.96 * means.std() / len(means) ** 0.5), 6),
        "kurtosis": round(float(scaled.pow(4).mean()), 3),
        "tail": round(float((scaled.abs() > TAIL).float().mean()), 5),
        "correlations": correlations(one, two),
        "by_contrast": by_contrast(one, clean),
        "histogram": histogram(one),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.analysis.noise_law", description=__doc__
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the .pkl files")
    parser.add_argument("--json", type=Path, default=FILE)
    options = parser.parse_args()
    try:
        first, clean = load_pair(options.data / CLEAN)
        noisy, second = (part[: len(clean)] for part in load_pair(options.data / TRAIN))
        if not torch.equal(noisy, first):
            raise ValueError(f"{CLEAN} is not about the first images of {TRAIN}")
        result = measure(*(part.float() / 255 for part in (first, second, clean)))
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    save_json(options.json, result)
    print({name: value for name, value in result.items() if name != "histogram"})


if __name__ == "__main__":
    main()
