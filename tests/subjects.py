"""The two miniprojects as what tests are about: their parts by name, their weights, tiny pairs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = dict[str, Tensor]


class Subject:
    """One of the two miniprojects, with one name for what each calls by a name of its own."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.package = f"Miniproject_{number}"
        self.parts = "noise2noise" if number == 1 else "framework"

    def part(self, name: str) -> ModuleType:
        """The module `name` behind `model.py`."""
        return importlib.import_module(f"{self.package}.{self.parts}.{name}")

    def random(self, seed: int) -> Any:
        """What its augmentation draws from."""
        return torch.Generator().manual_seed(seed) if self.number == 1 else Random(seed)

    def untrained(self, seed: int = 0) -> Any:
        """A Model as it is made."""
        torch.manual_seed(seed)
        return importlib.import_module(f"{self.package}.model").Model()

    def rough(self, seed: int = 0) -> Any:
        """A Model with random weights; an untrained one of Miniproject 1 answers with its input."""
        model = self.untrained(seed)
        if self.number == 1:
            torch.nn.init.normal_(model.network.head.weight, std=0.01)
        return model

    def shipped(self) -> Any:
        """A Model with the weights that come with it."""
        model = self.untrained()
        model.load_pretrained_model()
        return model


def weights_of(model: Any) -> Weights:
    """A copy of the parameters by name."""
    return {name: value.clone() for name, value in model.network.state_dict().items()}


def loss(model: Any, first: Tensor, second: Tensor) -> float:
    """The mean squared error of the answer to each noisy copy against the other copy."""
    ways = (first, second), (second, first)
    return sum(float((model.predict(a) - b.float()).square().mean()) for a, b in ways)


def same_bits(one: Weights, other: Weights) -> bool:
    """Whether both hold the same values under the same names."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def noisy_images(
    count: int, height: int = 16, width: int = 16, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Two noisy copies and the clean originals of smooth images: uint8, (N, 3, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = 30 + 195 * torch.rand(count, 3, 3, 3, generator=generator)
    clean = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)
    noise = 25 * torch.randn(2, *clean.shape, generator=generator)
    first, second, original = torch.stack((*(clean + noise), clean)).round().clamp(0, 255).byte()
    return first, second, original


@contextmanager
def default_type(dtype: torch.dtype) -> Iterator[None]:
    """A default of floating point that another submission may have set on its import."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
