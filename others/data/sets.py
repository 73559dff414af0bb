"""Sets of images that draw a whole batch at once, on the device where their pixels lie.

A *set of pairs* has `len`, the `device` of its pixels, `to(device)` for the same set there,
`config`, which tells it from other sets, and `batch(indices, generator)`, which gives input and
target (N, 3, H, W) in [0, 1]. A *source* has `images(indices, generator)` instead of `batch`, which
gives clean images. All randomness comes from the generator, so that any process can draw any batch.
Anything else with `len` and `[]` is taken for a torch Dataset of pairs.
"""

import copy
from typing import Any, Callable, Protocol

import torch
from torch import Generator, Tensor
from torch.utils.data import Dataset, default_collate

from Miniproject_1.noise2noise.augmentation import augment
from others.data.course import check_pair
from others.data.noise import clean_of
from others.data.seeds import global_seed
from others.records.configuration import describe, describe_call

Batch = tuple[Tensor, Tensor]
AUGMENTATIONS = ("none", "turn", "exchange")


class Source(Protocol):
    """Clean images, drawn by their numbers."""

    @property
    def device(self) -> torch.device: ...

    @property
    def config(self) -> dict[str, Any]: ...

    def __len__(self) -> int: ...

    def to(self, device: torch.device) -> Any: ...

    def images(self, indices: Tensor, generator: Generator) -> Tensor: ...


class PairSet(Protocol):
    """Pairs of input and target, drawn by their numbers."""

    @property
    def device(self) -> torch.device: ...

    def __len__(self) -> int: ...

    def batch(self, indices: Tensor, generator: Generator) -> Batch: ...


def checksum(pixels: Tensor) -> int:
    """The sum of all values, by which a configuration tells one set of images from another."""
    return int(pixels.sum(dtype=torch.int64))


class Pairs:
    """Two uint8 tensors (N, 3, H, W), as a course file holds them.

    Args:
        augmentation: "none"; "turn" for one of the eight symmetries of the square, drawn for each
            batch; "exchange" for that and a swap of input and target in random pixels, which is
            right for two noisy copies whose pixels have independent noise, and wrong for clean
            targets.

    Raises:
        ValueError: other tensors, or an unknown augmentation.
    """

    def __init__(self, images: Tensor, targets: Tensor, augmentation: str = "none") -> None:
        self.input, self.target = check_pair((images, targets), "pairs")
        if augmentation not in AUGMENTATIONS:
            expected = ", ".join(AUGMENTATIONS)
            raise ValueError(f"unknown augmentation {augmentation!r}; expected one of {expected}")
        self.augmentation = augmentation

    @property
    def device(self) -> torch.device:
        return self.input.device

    @property
    def config(self) -> dict[str, Any]:
        return {
            "class": "Pairs",
            "shape": list(self.input.shape),
            "checksums": [checksum(self.input), checksum(self.target)],
            "augmentation": self.augmentation,
        }

    def to(self, device: torch.device) -> "Pairs":
        return Pairs(self.input.to(device), self.target.to(device), self.augmentation)

    def __len__(self) -> int:
        return len(self.input)

    def batch(self, indices: Tensor, generator: Generator) -> Batch:
        """Pairs in [0, 1], augmented."""
        x, d = self.input[indices].float() / 255, self.target[indices].float() / 255
        if self.augmentation == "none":
            return x, d
        return augment(x, d, generator, exchange=self.augmentation == "exchange")


class Noisy:
    """Noise added to clean images whenever they are drawn: a new one each time.

    Args:
        source: of clean images.
        noise: what `others.data.noise.make_noise` gives.
        noisy_targets: Noise2Noise: the target is a second noisy copy instead of the clean image.
    """

    def __init__(
        self, source: Source, noise: Callable[..., Tensor], noisy_targets: bool = False
    ) -> None:
        self.source, self.noise, self.noisy_targets = source, noise, noisy_targets

    @property
    def device(self) -> torch.device:
        return self.source.device

    @property
    def config(self) -> dict[str, Any]:
        return {
            "class": "Noisy",
            "source": describe(self.source),
            "noise": describe_call(self.noise),
            "noisy_targets": self.noisy_targets,
        }

    def to(self, device: torch.device) -> "Noisy":
        moved = copy.copy(self)
        moved.source = self.source.to(device)
        return moved

    def __len__(self) -> int:
        return len(self.source)

    def batch(self, indices: Tensor, generator: Generator) -> Batch:
        """Noisy images, and their targets."""
        source = self.source.images(indices, generator)
        noisy = self.noise(source, generator)
        if self.noisy_targets:
            return noisy, self.noise(source, generator)
        return noisy, clean_of(self.noise, source)


class Items:
    """A torch Dataset of pairs of tensors, all of one shape, as a set that draws batches.

    What it draws from torch's global generator follows from the batch's own generator.
    """

    device = torch.device("cpu")

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    @property
    def config(self) -> dict[str, Any]:
        return {"class": "Items", "dataset": describe(self.dataset)}

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]  # map-style Datasets have a length

    def batch(self, indices: Tensor, generator: Generator) -> Batch:
        """The pairs with these numbers, stacked."""
        seed = int(torch.randint(2**62, (1,), generator=generator))
        with global_seed(seed, self.device):
            x, d = default_collate([self.dataset[i] for i in indices.tolist()])
        return x, d


def as_pairs(data: Any, device: torch.device) -> PairSet:
    """`data` as a set of pairs, on `device` if it can be moved; TypeError if it is neither kind."""
    if hasattr(data, "batch"):
        return data.to(device) if hasattr(data, "to") else data
    if not (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
        kind = type(data).__name__
        raise TypeError(f"got a {kind}; expected a set with `batch` or a torch Dataset of pairs")
    return Items(data)
