"""What a denoiser does to one image, as a matrix: its Jacobian, row by row and in singular values.

    python -m others.analysis.jacobian --model biasfree_12 --images FOLDER [--sigma 10 30 60]
        [--json PATH]
    python -m others.analysis.jacobian --model miniproject_1 --images FOLDER

A network without biases is f(x) = J(x) x with its Jacobian J(x): every output pixel is a weighted
mean of the noisy pixels, and row i of J is the mask of weights of pixel i (Mohan et al., "Robust
and interpretable blind image denoising via bias-free convolutional neural networks", ICLR 2020,
section 5). With biases, f(x) = J(x) x + b(x), and b(x) is what the masks leave unexplained. For
each noise level the command gives, as means and standard deviations over images:

    sum        of a mask, over all pixels but those near the border: 1 where grey stays grey
    area       of a mask in pixels, (Σ|w|)² / Σ w²: n for a mean over n pixels
    own        the weight of the pixel itself
    dimension  Σ s² over the singular values s of J's block for a patch (its pixels of the output
               by its pixels of the input; what is around it is seen): that of the space onto
               which J projects, were it a projection
    alignment  Σ s |u · v| / Σ s over left and right singular vectors u and v: 1 if symmetric
    bias       the root mean square of b(x), in grey levels

Noise is that of the bias-free trainings and their table: truncated normal, clipped, rounded. The
picture has the masks of three pixels at every noise level:
of a flat place, of an edge, and of where neighbours differ most.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from Miniproject_1.model import Model
from others.analysis.scoring import with_noise
from others.data.images import image_files, middle, read_image
from others.networks.pretrained import load_named
from others.records.json_files import save_json

CROP = 128  # pixels along a side of what is looked at, from the middle of an image
WINDOW = 20  # pixels to each side of the pixel whose mask is drawn
ROWS = 64  # of the Jacobian that are computed at once
Row = dict[str, Any]


def row(net: nn.Module, x: Tensor, pixel: tuple[int, int], channel: int | None = None) -> Tensor:
    """A row of the Jacobian as an image: d f(x)[channel, pixel] / dx.

    Args:
        x: (1, C, H, W).
        pixel: row and column.
        channel: of the output; None for the mean over them.

    Returns:
        (C, H, W). Network and image are left as they were.
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        values = net(x)[0, :, pixel[0], pixel[1]]
        (gradient,) = torch.autograd.grad(values.mean() if channel is None else values[channel], x)
    return gradient[0]


def mask(net: nn.Module, x: Tensor, pixel: tuple[int, int]) -> Tensor:
    """(H, W): how much lighter an output pixel gets, per unit, as each input pixel gets lighter.

    Both are taken over all channels: 1 / n at n pixels for a mean over them.
    """
    return row(net, x, pixel).sum(0)


def effective_area(weights: Tensor) -> float:
    """(Σ|w|)² / Σ w² of a mask, in pixels."""
    return float(weights.abs().sum().square() / weights.square().sum())


def linear_part(net: nn.Module, x: Tensor) -> Tensor:
    """J(x) x, of the shape of x: all of f(x) if nothing in it has a bias."""
    with torch.enable_grad():
        _, product = torch.autograd.functional.jvp(net, x.detach(), x.detach())
    return product  # type: ignore[return-value]  # a tensor for a tensor


def jacobian(net: nn.Module, x: Tensor, patch: int | None = None) -> Tensor:
    """All rows for (1, C, H, W): (C H W, C H W), output by input.

    With `patch`, only the rows and columns of the square of so many pixels a side in the middle.
    """
    places = torch.arange(x.numel(), device=x.device)
    if patch is not None:
        top, left = ((side - patch) // 2 for side in x.shape[-2:])
        places = places.view(x.shape[1:])[:, top : top + patch, left : left + patch].flatten()
    rows = []
    for chosen in places.split(ROWS):
        copies = x.detach().expand(len(chosen), -1, -1, -1).clone().requires_grad_()
        with torch.enable_grad():
            values = net(copies).flatten(1).gather(1, chosen[:, None]).sum()
            rows.append(torch.autograd.grad(values, copies)[0].flatten(1)[:, places])
    return torch.cat(rows)


def spectrum(matrix: Tensor) -> tuple[Tensor, float]:
    """The singular values in falling order, and the alignment Σ s |u · v| / Σ s."""
    left, values, right = torch.linalg.svd(matrix.double())
    cosines = (left * right.T).sum(0).abs()
    return values, float((values * cosines).sum() / values.sum())


def effective_dimension(values: Tensor) -> float:
    """Σ s² over singular values."""
    return float(values.square().sum())


def load_differentiable(name: str, weights: Path | None = None) -> nn.Module:
    """A pretrained model whose gradients torch knows: (N, 3, H, W) in [0, 1] to the same.

    Args:
        name: "miniproject_1", a network of `others.networks.catalogue`, or a bias-free model.
        weights: others than those that come with the project.

    Raises:
        ValueError: an unknown name or the weights of another network.
        FileNotFoundError: no weights.
    """
    if name == "miniproject_1":
        model = Model()
        model.load_pretrained_model(weights)
        return model.network.cpu().eval()
    return load_named(name, weights)


def sums(net: nn.Module, x: Tensor) -> Tensor:
    """The sum of the mask of every pixel of (1, C, H, W): (H, W)."""
    with torch.enable_grad():
        _, product = torch.autograd.functional.jvp(net, x.detach(), torch.ones_like(x))
    return product[0].mean(0)  # type: ignore[index]  # a tensor for a tensor


def measure(net: nn.Module, clean: Tensor, sigma: float, patch: int, *seed: object) -> Row:
    """The figures of one image (1, 3, H, W) at one noise level, at the pixel in its middle.

    The singular values are those of a patch around it, of `patch` pixels a side, of which the
    network sees WINDOW pixels around; sums are over the inner half of the image's sides.
    """
    x = with_noise(clean, sigma, True, *seed)
    side = clean.shape[-1]
    pixel = (side // 2, side // 2)
    weights = mask(net, x, pixel)
    part = middle(x[0], min(side, patch + 2 * WINDOW))
    values, alignment = spectrum(jacobian(net, part, patch))
    inner = slice(side // 4, side - side // 4)
    with torch.no_grad():
        bias = net(x) - linear_part(net, x)
    return {
        "sum": float(sums(net, x)[inner, inner].mean()),
        "area": effective_area(weights),
        "own": float(weights[pixel]),
        "dimension": effective_dimension(values),
        "alignment": alignment,
        "bias": 255 * float(bias.square().mean().sqrt()),
    }


def summary(rows: Sequence[Row]) -> Row:
    """Mean and standard deviation of each figure over images."""
    spread = statistics.stdev if len(rows) > 1 else lambda values: 0.0
    return {
        name: {"mean": statistics.fmean(values), "std": spread(values)}
        for name in rows[0]
        for values in [[row[name] for row in rows]]
    }


def telling_pixels(clean: Tensor, margin: int = WINDOW) -> dict[str, tuple[int, int]]:
    """Where (1, 3, H, W) is flattest, has its steepest edge, and is liveliest, off the border."""
    grey = clean.mean(1, keepdim=True)
    slope = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    squares = (slope[..., 2:, 1:-1] - slope[..., :-2, 1:-1]).square()
    squares = squares + (slope[..., 1:-1, 2:] - slope[..., 1:-1, :-2]).square()
    near, far = (F.avg_pool2d(squares, size, 1, size // 2)[0, 0] for size in (3, 15))
    found = {}
    for name, score in (("flat", -far), ("edge", near - 4 * far), ("lively", far)):
        inside = score[margin:-margin, margin:-margin]
        place = int(inside.argmax())
        found[name] = (margin + place // inside.shape[1], margin + place % inside.shape[1])
    return found


def draw(net: nn.Module, clean: Tensor, sigmas: Sequence[float], path: Path) -> None:
    """A PNG: for each noise level the noisy and denoised image, and the masks of three pixels."""
    from others.analysis.panels import grid, save, show  # matplotlib: only where one is drawn

    pixels = telling_pixels(clean)
    figure, axes = grid(len(sigmas), 2 + len(pixels))
    for line, sigma in zip(axes, sigmas):
        x = with_noise(clean, sigma)
        with torch.no_grad():
            answer = net(x).clamp(0, 1)[0]
        show(line[0], (f"noisy, σ = {sigma:g}", x[0].clamp(0, 1)))
        for place, column in pixels.values():
            line[0].plot(column, place, "s", markersize=7, fillstyle="none", color="lime")
        show(line[1], ("denoised", answer))
        for axis, (name, pixel) in zip(line[2:], pixels.items()):
            weights = mask(net, x, pixel)
            title = f"{name}: Σ {float(weights.sum()):.2f}, area {effective_area(weights):.0f}"
            near = [slice(place - WINDOW, place + WINDOW + 1) for place in pixel]
            weights = weights[near[0], near[1]]
            show(axis, (title, weights), torch.tensor([WINDOW, WINDOW]), signed=True)
    save(figure, path)


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.analysis.jacobian",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, metavar="NAME", help="miniproject_1, or a net")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="other weights of it")
    parser.add_argument("--images", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--first", type=int, default=0, help="image, by name; it is drawn (0)")
    parser.add_argument("--count", type=int, default=10, help="images from that one on (10)")
    parser.add_argument("--sigma", type=float, nargs="+", default=[10, 30, 60], help="of 255")
    parser.add_argument("--patch", type=int, default=16, help="pixels a side for the SVD (16)")
    parser.add_argument("--crop", type=int, default=CROP, help=f"pixels a side ({CROP})")
    parser.add_argument("--output", type=Path, help="picture (out/jacobian_NAME.png)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and draw what is asked for."""
    given = options(arguments)
    try:
        if not 1 <= given.patch <= given.crop or given.crop <= 2 * WINDOW or given.count < 1:
            raise ValueError(f"expected a crop above {2 * WINDOW}, a patch within it, and an image")
        net = load_differentiable(given.model, given.weights)
        files = image_files(given.images)[given.first :][: given.count]
        if given.first < 0 or not files:
            raise ValueError(f"{given.images}: no image {given.first}; the first one is 0")
        images = [middle(read_image(path), given.crop).float() / 255 for path in files]
        rows: dict[str, Row] = {}
        for sigma in given.sigma:
            each = [measure(net, x, sigma, given.patch, n) for n, x in enumerate(images)]
            rows[f"{sigma:g}"] = summary(each)
            shown = (f"{n} {v['mean']:.3g} ± {v['std']:.2g}" for n, v in rows[f"{sigma:g}"].items())
            print(f"σ {sigma:g}: {', '.join(shown)}", flush=True)
        output = given.output or Path("out") / f"jacobian_{given.model}.png"
        draw(net, images[0], given.sigma, output)
        print(output)
    except (ValueError, OSError) as error:
        sys.exit(f"python -m others.analysis.jacobian: {error}")
    if given.json:
        setting = {"model": given.model, "images": len(images), "crop": given.crop}
        save_json(given.json, {**setting, "patch": given.patch, "rows": rows})


if __name__ == "__main__":
    main()
