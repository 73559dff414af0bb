"""The assignment's data: images with white Gaussian noise, in [-1, 1] (questions 1 to 3).

`NoisyBSDSDataset` reads the Berkeley segmentation images (Martin et al., 2001; train/ holds 200,
test/ 100), or any folder with these two subfolders. Who has none can generate one.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils.data import Dataset

from others.data.course import PathLike
from others.data.images import Crops, image_files, read_images
from others.data.noise import make_noise
from others.data.seeds import seed_of, seeded
from others.data.sets import Batch, Noisy

MODES = ("train", "test")


class NoisyBSDSDataset(Dataset[Batch]):
    """Pairs (noisy, clean) of random crops (3, height, width) in [-1, 1].

    Noise of standard deviation `sigma`, of 255, is 2 sigma / 255 in [-1, 1]. It is not clipped.

    Args:
        root_dir: folder with the subfolders train/ and test/.
        mode: which of the two.
        image_size: height and width of the crops.
        noisy_targets: Noise2Noise: (noisy, noisy), two copies of the crop with independent noise.
        turned: each crop in one of the eight symmetries of the square.
        seed: with one, item i is always the same crop with the same noise; without, another one
            each time, drawn from torch's global generator.

    Raises:
        FileNotFoundError: no such folder, or no image in it.
        ValueError: an unknown mode, a crop larger than an image, a sigma outside [0, 255].
    """

    def __init__(
        self,
        root_dir: PathLike,
        mode: str = "train",
        image_size: tuple[int, int] = (180, 180),
        sigma: float = 30,
        *,
        noisy_targets: bool = False,
        turned: bool = False,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}; expected one of {', '.join(MODES)}")
        self.mode, self.image_size, self.sigma, self.seed = mode, tuple(image_size), sigma, seed
        images = read_images(image_files(Path(root_dir) / mode))
        crops = Crops(images, (image_size[0], image_size[1]), turned)
        self.pairs = Noisy(crops, make_noise("gaussian", sigma), noisy_targets)

    @property
    def device(self) -> torch.device:
        return self.pairs.device

    @property
    def config(self) -> dict[str, Any]:
        return {**self.pairs.config, "class": "NoisyBSDSDataset", "mode": self.mode}

    def to(self, device: torch.device) -> NoisyBSDSDataset:
        moved = copy.copy(self)
        moved.pairs = self.pairs.to(device)
        return moved

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        settings = f"mode={self.mode}, image_size={self.image_size}, sigma={self.sigma}"
        return f"NoisyBSDSDataset({settings})"

    def __getitem__(self, index: int) -> Batch:
        index = range(len(self))[index]  # counts from the end below 0; IndexError beyond it
        drawn = self.seed is None
        seed = int(torch.randint(2**62, (1,))) if drawn else seed_of(self.seed, index)
        generator = seeded(seed, self.device)
        noisy, target = self.batch(torch.tensor([index], device=self.device), generator)
        return noisy[0], target[0]

    def batch(self, indices: Tensor, generator: Generator) -> Batch:
        """New crops of the images with these numbers, with new noise: two (N, 3, H, W)."""
        noisy, target = self.pairs.batch(indices, generator)
        return 2 * noisy - 1, 2 * target - 1
