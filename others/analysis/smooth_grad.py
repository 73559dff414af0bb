"""SmoothGrad: which pixels of a noisy image move a denoiser's answer, or its loss.

SmoothGrad is the gradient of a score with respect to the input, averaged over copies of the input
with more noise (Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017):

    G(x) = 1/n sum_i ds(x + e_i)/dx,  e_i normal with the standard deviation sigma (max x - min x).

The scores are those of the report on TNet (section 3): the loss and the output, each at one pixel
or over the whole image. Images are float (N, 3, H, W) in [0, 1]; the noisy copies are not clipped.
"""

from typing import Callable

import torch
from torch import Generator, Tensor

Network = Callable[[Tensor], Tensor]
Score = Callable[[Tensor], Tensor]  # (N, 3, H, W) -> (N,), each number of its own image alone


def output_score(network: Network, pixels: Tensor | None = None) -> Score:
    """The sum of the output's channels, over the whole image or at one pixel.

    Args:
        pixels: integers (N, 2) or (2,), row and column for each image or for all.

    Raises:
        ValueError: when the score is computed, for pixels of another shape or outside the image.
    """
    return lambda images: _chosen(network(images), pixels).flatten(1).sum(1)


def loss_score(network: Network, target: Tensor, pixels: Tensor | None = None) -> Score:
    """The mean squared error to `target` (N, 3, H, W), over the whole image or at one pixel.

    Args:
        pixels: integers (N, 2) or (2,), row and column for each image or for all.

    Raises:
        ValueError: when the score is computed, for pixels of another shape or outside the image.
    """

    def score(images: Tensor) -> Tensor:
        return _chosen(network(images) - target, pixels).square().flatten(1).mean(1)

    return score


def smooth_grad(
    score: Score, images: Tensor, n: int, sigma: float, generator: Generator | None = None
) -> Tensor:
    """The gradient of each image's score, (N, 3, H, W), averaged over n noisy copies.

    With n = 1 and sigma = 0 it is the plain gradient. The paper finds n = 50 enough, and sigma from
    0.1 to 0.2 best for photographs.

    Args:
        sigma: standard deviation of the noise, as a share of each image's range.
        generator: of the noise, on the device of the images; torch's own unless given.

    Raises:
        ValueError: n below 1 or sigma below 0.
    """
    if n < 1 or not sigma >= 0:
        raise ValueError(f"n is {n} and sigma {sigma}; expected at least 1 and at least 0")
    std = sigma * (images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True))
    total = torch.zeros_like(images)
    for _ in range(n):
        noise = torch.empty_like(images).normal_(generator=generator)
        copies = (images + std * noise).requires_grad_()
        with torch.enable_grad():
            total += torch.autograd.grad(score(copies).sum(), copies)[0]
    return total / n


def _chosen(values: Tensor, pixels: Tensor | None) -> Tensor:
    """(N, 3, H, W) as it is, or (N, 3) at one pixel of each image."""
    if pixels is None:
        return values
    count, _, height, width = values.shape
    if pixels.shape not in ((2,), (count, 2)):
        raise ValueError(f"pixels are {tuple(pixels.shape)}; expected (2,) or ({count}, 2)")
    rows, columns = pixels.expand(count, 2).unbind(1)
    if min(rows.min(), columns.min()) < 0 or rows.max() >= height or columns.max() >= width:
        raise ValueError(f"pixels reach outside the image of {height}x{width}")
    return values[torch.arange(count, device=values.device), :, rows, columns]
