"""Generated scenes (`data.dead_leaves`) as noisy and clean images, and as whole photographs.

Noisy images are drawn by the law of the course's data. A noisy image is a point sample: each pixel
is one pixel of the scene, picked at random in the pixel's own cell, the same one for red, green and
blue. A clean image is the mean over each cell.
"""

from pathlib import Path

import torch
from torch import Generator, Tensor

from others.data.dead_leaves import CELL, SIZE, draw_scenes, render, render_all
from others.data.seeds import seeded
from others.files.image_file import write_picture
from others.files.kinds import Picture

FOLDERS = ("train", "test")  # of a folder of generated photographs


def draw_places(count: int, samples: int, generator: Generator) -> Tensor:
    """A pixel picked uniformly in each cell, independently `samples` times."""
    return torch.randint(CELL * CELL, (count, SIZE, SIZE, samples), generator=generator)


def mean_of_cells(pixels: Tensor) -> Tensor:
    """The mean of (N, 3, SIZE, SIZE, all pixels of a cell), rounded, uint8 (N, 3, SIZE, SIZE)."""
    return pixels.float().mean(-1).round().to(torch.uint8)


def noisy_pairs(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Two noisy images of each of `count` scenes, independent given the scene.

    Both are uint8 of shape (count, 3, 32, 32).
    """
    pairs = []
    for scenes in draw_scenes(count, generator):
        pairs.append(render(scenes, draw_places(len(scenes.shapes.x), 2, generator)))
    noisy_a, noisy_b = torch.cat(pairs).unbind(-1)
    return noisy_a.contiguous(), noisy_b.contiguous()


def clean_of_pairs(count: int, generator: Generator) -> Tensor:
    """The clean images of the scenes that `noisy_pairs(count, generator)` shows.

    Args:
        generator: in the state that it was in when the pairs were drawn.

    Returns:
        The mean over each cell, rounded: uint8 of shape (count, 3, 32, 32).
    """
    clean = []
    for scenes in draw_scenes(count, generator):
        # Drawn as for the pairs and thrown away: the next scenes come out of the same generator.
        draw_places(len(scenes.shapes.x), 2, generator)
        clean.append(mean_of_cells(render_all(scenes)))
    return torch.cat(clean)


def noisy_and_clean(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """A noisy image of each of `count` scenes, and the mean over each cell, rounded.

    Both are uint8 of shape (count, 3, 32, 32).
    """
    noisy, clean = [], []
    for scenes in draw_scenes(count, generator):
        places = draw_places(len(scenes.shapes.x), 1, generator)
        pixels = render_all(scenes)
        noisy.append(pixels.gather(-1, places[:, None].expand(-1, 3, -1, -1, -1)).squeeze(-1))
        clean.append(mean_of_cells(pixels))
    return torch.cat(noisy), torch.cat(clean)


def generate(folder: Path, train: int = 24, test: int = 16) -> None:
    """Fill folder/train and folder/test with generated images of 256x256 pixels.

    They are dead leaves, as `others.data.dead_leaves` explains. Files that are there are kept.
    """
    generator = seeded()
    for mode, count in zip(FOLDERS, (train, test)):
        (folder / mode).mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(leaves(count, generator)):
            path = folder / mode / f"{number:03}.png"
            if not path.exists():
                write_picture(path, Picture(image.int(), None, 255))


def scene(seed: int) -> Tensor:
    """One scene of dead leaves at full resolution: (1, 3, 256, 256) in [0, 1]."""
    return leaves(1, seeded(seed)).float() / 255


def mosaic(seed: int) -> Tensor:
    """Four scenes in a square: (1, 3, 512, 512) in [0, 1]."""
    above, below = leaves(4, seeded(seed)).float().div(255).split(2)
    return torch.cat([torch.cat(list(above), 2), torch.cat(list(below), 2)], 1)[None]


def leaves(count: int, generator: Generator) -> Tensor:
    """Scenes of dead leaves at full resolution: uint8 (count, 3, 256, 256)."""
    images = []
    for scenes in draw_scenes(count, generator):
        pixels = render_all(scenes).unflatten(-1, (CELL, CELL))
        images.append(pixels.transpose(3, 4).flatten(4, 5).flatten(2, 3))
    return torch.cat(images)
