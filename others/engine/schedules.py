"""Learning rates over a training: each maps the share that is done, in (0, 1), to a factor."""

import math
from typing import Callable


def constant(share: float) -> float:
    """1 all the time."""
    return 1.0


def cosine(share: float, warm_up: float = 0.05) -> float:
    """A linear rise over the share `warm_up`, then half a cosine to 0 (Loshchilov, 2017)."""
    if share < warm_up:
        return share / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (share - warm_up) / (1 - warm_up))


def ramp_down(share: float) -> float:
    """1 until a share of 0.3 is left, then a squared half cosine to 0, as in Noise2Noise."""
    done = max(0.0, (share - 0.7) / 0.3)
    return (0.5 + 0.5 * math.cos(math.pi * done)) ** 2


def exponential(share: float) -> float:
    """1 at the beginning and 0.001 at the end, by the same factor in equal times."""
    return 1e-3**share


def cosine_restarts(share: float) -> float:
    """Half a cosine to 0 and back to 1, three times alike (Loshchilov, 2017, with T_mult 1)."""
    return 0.5 + 0.5 * math.cos(math.pi * (3 * share % 1))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": constant,
    "cosine": cosine,
    "ramp_down": ramp_down,
    "exponential": exponential,
    "cosine_restarts": cosine_restarts,
}
