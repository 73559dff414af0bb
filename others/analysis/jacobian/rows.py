"""The Jacobian of a denoiser at one image: its rows as masks of weights, its product with an image.

Row i of J(x) holds the weights by which the noisy pixels make up output pixel i. A network without
biases is f(x) = J(x) x, so that the rows explain its answer completely. `python -m
others.analysis.jacobian` measures them.
"""

import torch
from torch import Tensor, nn

ROWS_AT_ONCE = 64  # rows of the Jacobian that one backward pass computes


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
    """The mask of weights (H, W) by which the input pixels make up one output pixel.

    The weight of an input pixel is how much lighter the output pixel gets (in the mean of its
    channels) when the input pixel gets lighter by 1 in all channels. A mean over n pixels has the
    weight 1 / n at these.
    """
    return row(net, x, pixel).sum(0)


def effective_area(weights: Tensor) -> float:
    """(Σ|w|)² / Σ w² of a mask w, in pixels: n for the mask of a mean over n pixels."""
    return float(weights.abs().sum().square() / weights.square().sum())


def linear_part(net: nn.Module, x: Tensor) -> Tensor:
    """J(x) x, of the shape of x. It is all of f(x) if f has no biases, by Euler's theorem."""
    with torch.enable_grad():
        _, product = torch.autograd.functional.jvp(net, x.detach(), x.detach())
    return product  # type: ignore[return-value]  # a tensor for a tensor


def jacobian(net: nn.Module, x: Tensor, patch: int | None = None) -> Tensor:
    """The Jacobian at x (1, C, H, W) as a matrix (C H W, C H W): a row for each output value.

    With `patch`, only the rows and columns of a square in the middle, `patch` pixels a side.
    """
    places = torch.arange(x.numel(), device=x.device)  # of values in the flattened image
    if patch is not None:
        top, left = ((side - patch) // 2 for side in x.shape[-2:])
        places = places.view(x.shape[1:])[:, top : top + patch, left : left + patch].flatten()
    rows = []
    for chosen in places.split(ROWS_AT_ONCE):
        # Copy number k is asked for output value chosen[k] alone. A copy's answer depends on that
        # copy only, so the gradient of the sum of these values holds one row of J in each copy.
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
    """Σ s² over singular values s: k for a projection onto k dimensions, which has k of them 1."""
    return float(values.square().sum())


def mask_sums(net: nn.Module, x: Tensor) -> Tensor:
    """(H, W): the sum of the mask of every pixel of x (1, C, H, W).

    The sum of a row of J is that row times an image of ones, so J times ones gives all sums.
    """
    with torch.enable_grad():
        _, product = torch.autograd.functional.jvp(net, x.detach(), torch.ones_like(x))
    return product[0].mean(0)  # type: ignore[index]  # a tensor for a tensor
