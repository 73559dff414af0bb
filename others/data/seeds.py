"""Random generators, and seeds for them that are computed from what they are for."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator

CPU = torch.device("cpu")


def seed_of(*parts: object) -> int:
    """A seed that is the same on every machine for the same parts, and another for other parts.

    seed_of(0, 3, "order") is for the order of the images in epoch 3 of a training with the seed 0,
    and seed_of(0, 3, 17) for the batch 17 of that epoch. The parts are hashed as Python prints
    them: adding them up instead would give (0, 3) and (1, 2) one seed.
    """
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big")  # 56 bits: torch takes 63


def seeded(seed: int = 0, device: torch.device = CPU) -> Generator:
    """A generator on a device, in the state that the seed gives."""
    return Generator(device).manual_seed(seed)


@contextmanager
def global_seed(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Inside, torch's own generators start from `seed`; afterwards they are as they were before.

    It is for code that takes no generator: the initial weights of a module, dropout.
    """
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng([device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.manual_seed(seed)
        yield
