"""What a denoiser does to one image, as a matrix: its Jacobian, row by row and in singular values.

    python -m others.analysis.jacobian --model biasfree_12 [--images FOLDER] [--sigma 10 30 60]
        [--output PNG] [--json PATH]
    python -m others.analysis.jacobian --model miniproject_1

A network without biases is f(x) = J(x) x with its Jacobian J(x): every output pixel is a weighted
mean of the noisy pixels, and row i of J is the mask of weights of pixel i (Mohan et al., "Robust
and interpretable blind image denoising via bias-free convolutional neural networks", ICLR 2020,
section 5). With biases, f(x) = J(x) x + b(x), and b(x) is what the masks leave unexplained. For
each noise level the command gives, as means and standard deviations over images:

    sum        of a mask, the mean over pixels off the border: 1 where a lighter image is answered
               with one that is lighter by as much. It is of pixels whose three clean values are
               at least σ away from black and white
    clipped    the same of the other pixels. Much of their noise is clipped, so that noisy values
               differ less than the clean ones, and a denoiser has to stretch them
    area       of a mask in pixels, (Σ|w|)² / Σ w²: n for a mean over n pixels
    own        the weight of the pixel itself
    dimension  Σ s² over the singular values s of a block of J: how the outputs of a square patch
               depend on the inputs of the same patch. If J were a projection, this would be the
               dimension of the space onto which it projects
    alignment  Σ s |u · v| / Σ s over left and right singular vectors u and v: 1 if J is symmetric
    bias       the root mean square of b(x), in grey levels

Images are generated unless a folder is named. The noise is that of the bias-free trainings and
their table: truncated normal, clipped, rounded. The picture shows the masks of three pixels at
every noise level: one in a flat place, one at an edge, and one where neighbouring pixels differ
most.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from others.analysis.jacobian.rows import (
    effective_area,
    effective_dimension,
    jacobian,
    linear_part,
    mask,
    mask_sums,
    spectrum,
)
from others.analysis.scoring import LEVELS, checksum, squares, with_noise
from others.data.images import middle
from others.engine import command
from others.networks.pretrained import load_network
from others.records.estimates import estimate
from others.records.json_files import save_json

COUNT = 8  # images
CROP = 128  # pixels along a side of the square that is taken from the middle of an image
PATCH = 16  # pixels along a side of the patch whose singular values are computed
WINDOW = 20  # pixels to each side of the pixel whose mask is drawn
SIGMAS = [10, 30, 60]  # of the noise, in grey levels
Figures = dict[str, Any]


def measure_jacobian(
    net: nn.Module, clean: Tensor, sigma: float, patch: int, *seed: object
) -> Figures:
    """The figures of one image (1, 3, H, W), H = W, with noise of `sigma` grey levels.

    The mask is that of the pixel in the middle. The singular values are those of the patch around
    it, `patch` pixels a side; the network sees WINDOW pixels around the patch as well:

        +---------------------------+  the image, whose inner half (in either direction)
        |      +-------------+      |  gives the sums of masks: away from the border, where
        |      |   +-----+   |      |  the network has padded the image
        |      |   |patch|<->| WINDOW
        |      |   +-----+   |      |
        |      +-------------+      |
        +---------------------------+
    """
    x = with_noise(clean, sigma, True, *seed)
    side = clean.shape[-1]
    pixel = (side // 2, side // 2)
    weights = mask(net, x, pixel)
    part = middle(x[0], min(side, patch + 2 * WINDOW))
    values, alignment = spectrum(jacobian(net, part, patch))
    inner = slice(side // 4, side - side // 4)
    sums = mask_sums(net, x)[inner, inner]
    from_grey = (clean[0, :, inner, inner] - 0.5).abs().amax(0)
    safe = from_grey <= 0.5 - sigma / LEVELS
    with torch.no_grad():
        bias = net(x) - linear_part(net, x)
    return {
        "sum": float(sums[safe].mean()),  # NaN without such pixels
        "clipped": float(sums[~safe].mean()),
        "area": effective_area(weights),
        "own": float(weights[pixel]),
        "dimension": effective_dimension(values),
        "alignment": alignment,
        "bias": 255 * float(bias.square().mean().sqrt()),
    }


def summary(each: Sequence[Figures]) -> Figures:
    """Mean and standard deviation of each figure of `measure_jacobian` over the images with it."""
    found = {}
    for name in each[0]:
        figure = estimate([one[name] for one in each if not math.isnan(one[name])])
        if figure.count:
            found[name] = {"mean": figure.mean, "std": figure.std}
    return found


def telling_pixels(clean: Tensor) -> dict[str, tuple[int, int]]:
    """Three pixels (row, column) of an image (1, 3, H, W), at least WINDOW off its border.

    "flat" has the smallest differences between neighbours around it, "lively" the largest, both
    over 15x15 pixels. "edge" has large ones next to it (3x3) but small ones farther off.
    """
    grey = clean.mean(1, keepdim=True)
    wide = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    squares = (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]).square()
    squares = squares + (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]).square()
    near, far = (F.avg_pool2d(squares, size, 1, size // 2)[0, 0] for size in (3, 15))
    found = {}
    for name, score in (("flat", -far), ("edge", near - 4 * far), ("lively", far)):
        inside = score[WINDOW:-WINDOW, WINDOW:-WINDOW]
        row, column = divmod(int(inside.argmax()), inside.shape[1])
        found[name] = (WINDOW + row, WINDOW + column)
    return found


def draw_masks(
    net: nn.Module, clean: Tensor, sigmas: Sequence[float], path: Path, model: str
) -> None:
    """Draw, for each noise level, the noisy and the denoised image and the masks of three pixels.

    A colour bar beside each mask gives its scale: weights, which have no unit.
    """
    from others.analysis.panels import add_scale, grid, save, show  # matplotlib is slow to import

    pixels = telling_pixels(clean)
    figure, axes = grid(len(sigmas), 2 + len(pixels))
    figure.suptitle(f"{model}: the weight of each noisy pixel in the denoised pixel that is marked")
    for line, sigma in zip(axes, sigmas):
        x = with_noise(clean, sigma)
        with torch.no_grad():
            answer = net(x).clamp(0, 1)[0]
        show(line[0], (f"noisy, σ = {sigma:g} grey levels", x[0].clamp(0, 1)))
        for place, column in pixels.values():
            line[0].plot(column, place, "s", markersize=7, fillstyle="none", color="lime")
        show(line[1], ("denoised", answer))
        for axis, (name, pixel) in zip(line[2:], pixels.items()):
            weights = mask(net, x, pixel)
            title = f"{name}: Σ {float(weights.sum()):.2f}, {effective_area(weights):.0f} pixels"
            near = [slice(place - WINDOW, place + WINDOW + 1) for place in pixel]
            weights = weights[near[0], near[1]]
            show(axis, (title, weights), torch.tensor([WINDOW, WINDOW]), signed=True)
            add_scale(figure, axis, "weight")
    save(figure, path, dpi=72)


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    result.add_argument(
        "--model",
        required=True,
        metavar="NAME",
        help="a model of others.denoise but miniproject_2, whose gradients torch does not know",
    )
    result.add_argument("--weights", type=Path, metavar="FILE", help="other weights of the model")
    result.add_argument("--images", type=Path, metavar="FOLDER", help="images, else generated")
    result.add_argument(
        "--count", type=command.whole(1), default=COUNT, help="images, of which the first is drawn"
    )
    result.add_argument(
        "--sigma",
        type=command.number(0),
        nargs="+",
        default=SIGMAS,
        help="noise levels, of 255",
    )
    result.add_argument(
        "--patch", type=command.whole(1), default=PATCH, help="pixels a side for singular values"
    )
    result.add_argument(
        "--crop",
        type=command.whole(2 * WINDOW + 1),
        default=CROP,
        help="pixels a side of each image's middle",
    )
    result.add_argument(
        "--output", type=command.output, help="picture (default: out/jacobian_NAME.png)"
    )
    result.add_argument("--json", type=command.output, help="also write the figures here")
    return result


def run(options: argparse.Namespace) -> None:
    """Measure and draw what is asked for."""
    if options.patch > options.crop:
        raise command.UsageError(f"--patch is {options.patch}; expected --crop pixels at most")
    net = load_network(options.model, options.weights)
    clean = squares(options.images, options.crop, options.count)
    images = clean.split(1)
    rows: dict[str, Figures] = {}
    for sigma in options.sigma:
        each = [measure_jacobian(net, x, sigma, options.patch, n) for n, x in enumerate(images)]
        rows[f"{sigma:g}"] = found = summary(each)
        spread = {name: f" ± {f['std']:.2g}" if len(each) > 1 else "" for name, f in found.items()}
        shown = (f"{name} {f['mean']:.3g}{spread[name]}" for name, f in found.items())
        print(f"σ {sigma:g}: {', '.join(shown)}", flush=True)
    output = options.output or Path("out") / f"jacobian_{options.model}.png"
    model = options.model if options.weights is None else f"{options.model} ({options.weights})"
    draw_masks(net, images[0], options.sigma, output, model)
    print(f"{output}: the masks of three pixels")
    if options.json:
        setting = {"model": options.model, "images": len(images), "checksum": checksum(clean)}
        sizes = {"crop": options.crop, "patch": options.patch}
        save_json(options.json, {**setting, **sizes, "rows": rows})
        print(f"{options.json}: the figures")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
