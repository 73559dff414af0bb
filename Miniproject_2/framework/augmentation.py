"""New noisy pairs from old ones."""

from random import Random
from typing import Tuple

from torch import arange

from .symmetries import turn
from .tensor import Tensor


def augment(
    first: Tensor,
    second: Tensor,
    random: Random,
    exchange: bool = True,
    symmetries: bool = True,
) -> Tuple[Tensor, Tensor]:
    """Exchange pixels between the two copies, then flip and turn both alike.

    The noise of each pixel is independent of its neighbours' and of its twin's, so any mixture of
    the two copies is as good a noisy image as they are, and so is its complement.

    Args:
        first, second: (N, C, H, W), noisy copies of the same images.
        random: where the coins come from.
        exchange, symmetries: whether to do the one and the other.

    Returns:
        A new pair of the same shape; where the turn is by a quarter, (N, C, W, H).
    """
    if exchange:
        shape = (len(first), 1, *first.shape[-2:])  # one coin a pixel, for all its channels
        coin = coins(shape[0] * shape[2] * shape[3], random).view(shape).to(first.device)
        first, second = first.where(coin, second), second.where(coin, first)
    which = random.randrange(8) if symmetries else 0
    return turn(first, which), turn(second, which)


def coins(count: int, random: Random) -> Tensor:
    """`count` fair coins, as booleans."""
    size = -(-count // 8)
    drawn = random.getrandbits(8 * size).to_bytes(size, "little")
    whole = arange(8).new_tensor(list(drawn))
    return (whole.unsqueeze(1) & 2 ** arange(8)).bool().flatten()[:count]
