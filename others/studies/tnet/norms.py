"""A network with batch normalisation, evaluated with other statistics than its training left in it.

In training, each batch is normalised by its own mean and variance. In evaluation, running averages
of these take their place. The momentum of the averages has no effect on the training, so another
momentum can be tried on a trained network: its weights stay as they are, and the averages are
updated on batches of training images. With a momentum of None they start anew, and become the plain
means over all of these batches.
"""

import copy
from typing import Callable, Iterator

import torch
from torch import Tensor, nn

MOMENTA = (0.5, 0.1, 0.01, None)
BATCHES = (4, 32, 250)  # images that are normalised together
TRAINED_WITH = 32  # images in a batch of the training
ESTIMATED_ON = 100  # batches of this size that statistics are estimated on

Score = Callable[[nn.Module, int], float]  # network and images in a batch, to PSNR in dB


def layers(net: nn.Module) -> Iterator[nn.BatchNorm2d]:
    """The batch normalisation layers of a network."""
    return (layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d))


@torch.no_grad()
def estimated_again(net: nn.Module, images: Tensor, momentum: float | None) -> nn.Module:
    """A copy of `net` in evaluation mode, with its running averages updated on `images`.

    Args:
        images: float (N, 3, H, W) in [0, 1].
        momentum: weight of the newest batch in the averages; None for plain means.
    """
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
    """A copy of `net` that normalises each batch by the batch's own mean and variance.

    All its other layers, such as dropout, are in evaluation mode.
    """
    fresh = copy.deepcopy(net).eval()
    for layer in layers(fresh):
        layer.momentum = 0.0  # leaves the running averages as they are
        layer.train()
    return fresh


def evaluations(net: nn.Module, train_images: Tensor, score: Score) -> dict[str, float]:
    """PSNR per image, in dB, by the statistics that the network normalises with.

    Args:
        train_images: noisy training images, uint8 (N, 3, H, W), to estimate statistics on.
        score: gives the PSNR of a network, and takes the number of images in a batch.
    """
    found = {"running statistics of the training": score(copy.deepcopy(net).eval(), 100)}
    images = train_images[: TRAINED_WITH * ESTIMATED_ON].float() / 255
    for momentum in MOMENTA:
        name = f"estimated again, momentum {momentum}"
        found[name] = score(estimated_again(net, images, momentum), 100)
    for batch in BATCHES:
        found[f"statistics of each batch of {batch}"] = score(batchwise(net), batch)
    return found
