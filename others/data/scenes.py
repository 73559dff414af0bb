"""Generated photographs: scenes of dead leaves (`others.data.dead_leaves`) at full resolution."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Generator, Tensor

from others.data import dead_leaves
from others.data.seeds import seeded
from others.files.image_file import write_picture
from others.files.kinds import Picture

FOLDERS = ("train", "test")


def generate(folder: Path, train: int = 24, test: int = 16, seed: int = 0) -> None:
    """Fill folder/train and folder/test with generated images of 256x256 pixels.

    They are dead leaves, as `others.data.dead_leaves` explains. Files that are there are kept.
    """
    generator = seeded(seed)
    for mode, count in zip(FOLDERS, (train, test)):
        (folder / mode).mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(leaves(count, generator)):
            path = folder / mode / f"{number:03}.png"
            if not path.exists():
                write_picture(path, Picture(image.int(), None, 255))


def leaves(count: int, generator: Generator) -> Tensor:
    """Scenes of dead leaves at full resolution: uint8 (count, 3, 256, 256)."""
    cell = dead_leaves.CELL
    images = []
    for scenes in dead_leaves.draw_scenes(count, generator):
        pixels = dead_leaves.render_all(scenes).unflatten(-1, (cell, cell))
        images.append(pixels.transpose(3, 4).flatten(4, 5).flatten(2, 3))
    return torch.cat(images)
