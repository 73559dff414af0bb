"""The two peak signal-to-noise ratios in use here, in dB; on one set of images about 1 dB apart.

*Per image* is the mean of every image's own value, and what the course's test script scores.
*Pooled* takes one mean squared error over everything: the formula in the EE-559 mini-project
handout, under "Evaluation and Submission". Say which one, wherever a figure is given.
"""

import torch
from torch import Tensor


def psnrs(denoised: Tensor, clean: Tensor) -> Tensor:
    """-10 log10 of the mean squared error of each image, (N,); infinite for one that is exact.

    Both are float tensors (N, C, H, W) in [0, 1]; TypeError or ValueError if they are not.
    """
    _check(denoised, clean)
    return -10 * torch.log10((denoised - clean).square().mean((1, 2, 3)))


def psnr_per_image(denoised: Tensor, clean: Tensor) -> float:
    """The mean of the images' own PSNRs, which `psnrs` gives; its errors are those of `psnrs`."""
    return float(psnrs(denoised, clean).mean())


def psnr_pooled(denoised: Tensor, clean: Tensor) -> float:
    """-10 log10 of the mean squared error over all images plus 1e-8, as in the handout.

    Both are float tensors (N, C, H, W) in [0, 1]; TypeError or ValueError if they are not.
    """
    _check(denoised, clean)
    return float(-10 * torch.log10((denoised - clean).square().mean() + 1e-8))


def _check(denoised: Tensor, clean: Tensor) -> None:
    for name, images in (("denoised", denoised), ("clean", clean)):
        if not isinstance(images, Tensor) or not images.is_floating_point():
            kind = getattr(images, "dtype", type(images).__name__)
            raise TypeError(f"{name} is {kind}; expected a float tensor in [0, 1]")
    if denoised.shape != clean.shape:
        shapes = f"denoised has shape {tuple(denoised.shape)}, clean {tuple(clean.shape)}"
        raise ValueError(f"{shapes}; expected the same shape twice")
    if clean.dim() != 4 or clean.numel() == 0:
        raise ValueError(f"got shape {tuple(clean.shape)}; expected (N, C, H, W), none of them 0")
    for name, images in (("denoised", denoised), ("clean", clean)):
        low, high = float(images.min()), float(images.max())
        if not (low >= 0 and high <= 1):
            raise ValueError(f"{name} has values from {low:g} to {high:g}; expected 0 to 1")
