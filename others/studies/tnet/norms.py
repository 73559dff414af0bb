"""A network with batch normalisation, evaluated in other ways than the one it was left in.

In training each batch is normalised by its own mean and variance, in evaluation by running averages
of them. The momentum of those averages does not enter the training at all, so that another one can
be had afterwards: the weights stay as they are, and the averages go on over batches of training
images. With momentum None they start anew and are plain means over all those batches.
"""

from __future__ import annotations

import copy
from typing import Callable, Iterator

import torch
from torch import Tensor, nn

MOMENTA = (0.5, 0.1, 0.01, None)
BATCHES = (4, 32, 250)  # images that are normalised together
TRAINED_WITH = 32  # images in a batch of the training
ESTIMATED_ON = 100  # such batches

Score = Callable[[nn.Module, int], float]  # network, images in a batch -> dB


def layers(net: nn.Module) -> Iterator[nn.BatchNorm2d]:
    """The batch normalisations of a network."""
    return (layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d))


@torch.no_grad()
def estimated_again(net: nn.Module, images: Tensor, momentum: float | None) -> nn.Module:
    """A copy of `net` in evaluation mode, with running statistics of `images` (N, 3, H, W)."""
    fresh = copy.deepcopy(net).eval()
    for layer in layers(fresh):
        if momentum is None:
            layer.reset_running_stats()
        layer.momentum = momentum
        layer.train()
    for batch in images.split(TRAINED_WITH):
        fresh(batch)
    return fresh.eval()


def batchwise(net: nn.Module) -> nn.Module:
    """A copy of `net` that normalises every batch by itself, and else is in evaluation mode."""
    fresh = copy.deepcopy(net).eval()
    for layer in layers(fresh):
        layer.momentum = 0.0  # the running statistics stay as they are
        layer.train()
    return fresh


def evaluations(net: nn.Module, train_images: Tensor, score: Score) -> dict[str, float]:
    """PSNR per image, in dB, by how the network is evaluated.

    Args:
        train_images: noisy ones, uint8 (N, 3, H, W), to estimate statistics on.
        score: the PSNR of a network that is handed so many images at once.
    """
    found = {"running statistics of the training": score(copy.deepcopy(net).eval(), 100)}
    images = train_images[: TRAINED_WITH * ESTIMATED_ON].float() / 255
    for momentum in MOMENTA:
        name = f"estimated again, momentum {momentum}"
        found[name] = score(estimated_again(net, images, momentum), 100)
    for batch in BATCHES:
        found[f"statistics of each batch of {batch}"] = score(batchwise(net), batch)
    return found
