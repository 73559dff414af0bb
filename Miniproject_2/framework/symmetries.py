"""The eight flips and rotations of the square: for augmentation and for self-ensembles.

This file lies in both miniprojects, byte for byte the same, because neither may import the other.
"""

from typing import Callable, Sequence

from .tensor import Tensor

# By 0, 180, 90 and 270 degrees, as `turn` counts. All eight turns take twice the time for 0.01 dB.
ROTATIONS = 0, 3, 5, 6


def turn(images: Tensor, which: int) -> Tensor:
    """One of the eight symmetries, by the bits of `which`: flip columns, rows, the diagonal."""
    if which & 1:
        images = images.flip(-1)
    if which & 2:
        images = images.flip(-2)
    return images.transpose(-1, -2) if which & 4 else images


def turn_back(images: Tensor, which: int) -> Tensor:
    """The inverse of `turn`: the quarter turns 5 and 6 undo each other, the rest themselves."""
    return turn(images, {5: 6, 6: 5}.get(which, which))


def self_ensemble(
    network: Callable[[Tensor], Tensor], images: Tensor, turns: Sequence[int] = range(8)
) -> Tensor:
    """The mean of the network's answers to turns of an image, each turned back.

    Args:
        turns: which of the eight, as for `turn`; ROTATIONS are four of them.

    Source: Timofte, Rothe, Van Gool, "Seven ways to improve example-based single image super
    resolution", 2016.
    """
    answers = (turn_back(network(turn(images, which)), which) for which in turns)
    return sum(answers, images * 0) / len(turns)
