"""An image and its noise, chosen by name, as the pages of the demo show them.

source = source_of("generated", 9, Path("data"))
noisy, clean = Subject(source, "gaussian", 25, draw=0).images()
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from others.data.course import VALIDATION, load_pair
from others.data.generated import mosaic, scene
from others.data.noise import CELL, cell_mean, clean_of, make_noise
from others.data.seeds import seeded

SIDE = 256  # pixels a side that are shown of a file
NUMBERS = 16  # images of each kind
IMAGES = {
    "generated": "generated, 32×32",
    "mosaic": "four generated, 64×64",
    "validation": "validation file, 32×32",
}
# Of each noise the default of its level, then low, high and step of the slider.
LEVELS: dict[str, tuple[float, tuple[float, float, float]]] = {
    "point_sampling": (1.0, (0.0, 2.0, 0.1)),
    "gaussian": (25.0, (0.0, 100.0, 1.0)),
    "poisson": (30.0, (1.0, 100.0, 1.0)),
    "impulse": (0.05, (0.0, 0.5, 0.01)),
    "none": (0.0, (0.0, 0.0, 1.0)),
}
NOISES = {
    "point_sampling": "the course's point sampling",
    "gaussian": "Gaussian",
    "poisson": "Poisson",
    "impulse": "random impulses",
    "none": "none",
}


class Source(NamedTuple):
    """An image before noise."""

    clean: Tensor  # (1, 3, H, W) in [0, 1]
    scene: Tensor | None = None  # CELL times as large, from which point sampling draws
    noisy: Tensor | None = None  # by point sampling, where the file has it


class Subject(NamedTuple):
    """An image with its noise."""

    source: Source
    noise: str
    level: float
    draw: int  # seed of the noise

    def images(self) -> tuple[Tensor, Tensor]:
        """The noisy and the clean image, (1, 3, H, W); the noisy one may leave [0, 1]."""
        source = self.source
        if self.noise == "none":
            return source.clean, source.clean
        if self.noise != "point_sampling":
            noise = make_noise(self.noise, self.level)
            return noise(source.clean, seeded(self.draw)), source.clean
        if source.noisy is not None:
            return source.noisy, source.clean
        noise = make_noise("point_sampling", self.level)
        fine = source.clean if source.scene is None else source.scene
        return noise(fine, seeded(self.draw)), clean_of(noise, fine)


@lru_cache(maxsize=NUMBERS)
def source_of(image: str, number: int, data: Path) -> Source:
    """A source by its name in IMAGES; FileNotFoundError or ValueError where there is no file."""
    if image == "validation":
        noisy, clean = load_pair(data / VALIDATION)
        place = slice(number % len(clean), number % len(clean) + 1)
        return Source(clean[place].float() / 255, noisy=noisy[place].float() / 255)
    fine = mosaic(number) if image == "mosaic" else scene(number)
    return Source(cell_mean(fine), fine)


def source_of_file(colour: Tensor, white: int) -> Source:
    """What is shown of a file: the middle, at most SIDE pixels along a side, in whole cells.

    ValueError for a file that is smaller than a cell.
    """
    if min(colour.shape[1:]) < CELL:
        size = f"{colour.shape[2]}x{colour.shape[1]}"
        raise ValueError(f"the file has {size} pixels; expected at least {CELL}x{CELL}")
    height, width = (min(SIDE, side) // CELL * CELL for side in colour.shape[1:])
    top, left = (colour.shape[1] - height) // 2, (colour.shape[2] - width) // 2
    part = colour[:, top : top + height, left : left + width]
    return Source(part.expand(3, -1, -1)[None].float() / white)
