"""Random images, and folders of them, for the tests of every folder."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from others.data.images import Crops
from others.data.seeds import seeded


def pixels(count: int, height: int, width: int, seed: int = 0) -> Tensor:
    """uint8 (count, 3, H, W)."""
    return torch.randint(256, (count, 3, height, width), generator=seeded(seed)).byte()


def fixed(images: Tensor) -> Crops:
    """A source of these images, uint8 (N, 3, H, W), as they are."""
    height, width = images.shape[2:]
    return Crops({str(number): image for number, image in enumerate(images)}, (height, width))


def write_images(folder: Path, sizes: list[tuple[int, int]], kind: str = "png") -> list[Path]:
    """Images of these heights and widths, named by their number."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.{kind}" for number in range(len(sizes))]
    for path, (height, width) in zip(paths, sizes):
        image = pixels(1, height, width, seed=height)[0].permute(1, 2, 0).contiguous()
        data = bytes(image.flatten().tolist())
        Image.frombytes("RGB", (width, height), data).save(path)
    return paths
