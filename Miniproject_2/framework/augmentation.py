"""New noisy pairs from old ones."""

from random import Random
from typing import Tuple

from torch import arange

from .symmetries import turn
from .tensor import Tensor


def augment(
    noisy_a: Tensor,
    noisy_b: Tensor,
    random: Random,
    exchange: bool = True,
    symmetries: bool = True,
) -> Tuple[Tensor, Tensor]:
    """Exchange pixels between the two copies, then flip and turn both alike.

    The noise of each pixel is independent of its neighbours' and of its twin's, so any mixture of
    the two copies is as good a noisy image as they are, and so is its complement.

    Args:
        noisy_a, noisy_b: (N, C, H, W), noisy copies of the same images.
        random: where the coins come from.
        exchange, symmetries: whether to do the one and the other.

    Returns:
        A new pair of the same shape; where the turn is by a quarter, (N, C, W, H).
    """
    if exchange:
        count, _, height, width = noisy_a.shape  # one coin a pixel, for all its channels
        coin = coins(count * height * width, random).view(count, 1, height, width)
        coin = coin.to(noisy_a.device)
        noisy_a, noisy_b = noisy_a.where(coin, noisy_b), noisy_b.where(coin, noisy_a)
    which = random.randrange(8) if symmetries else 0
    return turn(noisy_a, which), turn(noisy_b, which)


def coins(count: int, random: Random) -> Tensor:
    """`count` fair coins, as booleans on the CPU: the bits of random bytes, the lowest bit first.

    The byte 6, which is 00000110 in binary, gives the coins 0, 1, 1, 0, 0, 0, 0, 0.
    """
    size = -(-count // 8)
    drawn = random.getrandbits(8 * size).to_bytes(size, "little")
    bits = 2 ** arange(8, device="cpu")
    whole = bits.new_tensor(list(drawn))
    return (whole.unsqueeze(1) & bits).bool().flatten()[:count]
