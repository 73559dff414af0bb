"""Folders of images, and random crops of them.

The files are decoded once and kept as uint8. The crops of a batch are then read from that tensor at
once, on whatever device it is: a training opens no file and needs no workers that load images.
"""

import copy
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Generator, Tensor

from others.data.packed import PackedImages
from others.data.sets import checksum
from others.files.image_file import read_picture
from others.files.kinds import REFUSED_SUFFIXES, SUFFIXES


def image_files(folder: Path) -> list[Path]:
    """The images directly in `folder`, sorted by name; FileNotFoundError if there is none.

    Images of kinds that are refused are among them, and links that lead nowhere: reading them gives
    an error that says so, and no image of a folder is skipped without a word.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected a folder of images")
    # A link that leads to itself is no folder to os.path.isdir, and an error to entry.is_dir.
    suffixes = (*SUFFIXES, *REFUSED_SUFFIXES)
    with os.scandir(folder) as entries:
        names = sorted(
            entry.name
            for entry in entries
            if entry.name.lower().endswith(suffixes) and not os.path.isdir(entry)
        )
    if not names:
        raise FileNotFoundError(f"{folder}: no images in it; expected {', '.join(SUFFIXES)}")
    return [folder / name for name in names]


def middle(image: Tensor, side: int) -> Tensor:
    """The square in the middle of (C, H, W), as (1, C, side, side); ValueError for less."""
    height, width = image.shape[-2:]
    if min(height, width) < side:
        raise ValueError(f"an image of {height}x{width} pixels; expected {side}x{side} at least")
    top, left = (height - side) // 2, (width - side) // 2
    return image[None, :, top : top + side, left : left + side]


def read_image(path: Path) -> Tensor:
    """An image to train on or to measure with: uint8 (3, H, W), as it is to be seen.

    Grey is repeated in the three channels, and 16 bits are rounded to 8: 65535 becomes 255.

    Raises:
        FileNotFoundError: no such file.
        OSError: a file that is damaged or no image.
        ValueError: an image of a kind that is not read (`others.files.kinds`), or one with
            transparent pixels, which have no colour of their own. An alpha channel in which
            every pixel is opaque says nothing and is dropped.
    """
    picture = read_picture(path)
    if picture.alpha is not None and bool((picture.alpha != picture.white).any()):
        raise ValueError(f"{path}: has transparent pixels; expected an image without")
    values = picture.colour
    if picture.white == 65535:
        values = (values.int() + 128) // 257  # 257 = 65535 / 255; + 128: to the nearest
    return values.to(torch.uint8).expand(3, -1, -1).contiguous()


def read_images(files: Sequence[Path]) -> dict[str, Tensor]:
    """The images that can be read, by their paths; a warning for each that cannot.

    ValueError if none can.
    """
    images = {}
    for path in files:
        try:
            images[str(path)] = read_image(path)
        except (OSError, ValueError) as error:
            warnings.warn(f"skipped, cannot be read: {error}", stacklevel=2)
    if not images:
        names = ", ".join(str(path) for path in files[:3])
        raise ValueError(f"none of {len(files)} images could be read: {names} ...")
    return images


class Crops:
    """A source of random crops: of each image one, at another place whenever it is drawn.

    Args:
        images: uint8 (3, H, W), of any sizes, by their names.
        size: of the crops, in pixels: a side, or height and width.
        turned: whether each crop is turned and flipped into one of the eight symmetries of the
            square.

    Raises:
        ValueError: no images, images smaller than the crop, or turned crops that are not square.
    """

    def __init__(
        self, images: Mapping[str, Tensor], size: int | tuple[int, int], turned: bool = False
    ) -> None:
        self.size = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        self.turned = turned
        self._check(images)
        self.packed = PackedImages(list(images.values()))
        self.config = {
            "class": "Crops",
            "images": len(images),
            "checksum": checksum(self.packed.pixels),
            "size": list(self.size),
            "turned": turned,
        }

    def _check(self, images: Mapping[str, Tensor]) -> None:
        height, width = self.size
        if len(images) == 0 or height < 1 or width < 1:
            raise ValueError(f"{len(images)} images, crops of {height}x{width}; expected some")
        if self.turned and height != width:
            raise ValueError(f"crops of {height}x{width} cannot be turned; expected squares")
        small = [
            f"{name} has {image.shape[1]}x{image.shape[2]}"
            for name, image in images.items()
            if image.shape[1] < height or image.shape[2] < width
        ]
        if small:
            raise ValueError(
                f"{len(small)} of {len(images)} images are smaller than the crop of "
                f"{height}x{width} pixels: {'; '.join(small[:3])}"
            )

    @property
    def device(self) -> torch.device:
        return self.packed.device

    def to(self, device: torch.device) -> "Crops":
        moved = copy.copy(self)
        moved.packed = self.packed.to(device)
        return moved

    def __len__(self) -> int:
        return len(self.packed)

    def images(self, indices: Tensor, generator: Generator) -> Tensor:
        """A crop of each of the images with these numbers: (N, 3, height, width) in [0, 1]."""
        top, left = self._corners(indices, generator)
        rows, columns = self._steps(len(indices), generator)
        return self.packed.read(indices, top + rows, left + columns).float() / 255

    def _corners(self, indices: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Top and left (N, 1, 1), each possible place equally likely."""
        height, width = self.packed.sizes[indices].unbind(1)
        free = torch.stack([height - self.size[0], width - self.size[1]]) + 1
        share = torch.rand(free.shape, generator=generator, device=self.device)
        top, left = (share * free).long()[..., None, None]
        return top, left

    def _steps(self, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Which row and column of the crop each of its pixels shows, broadcast to (N, h, w).

        Three coins turn a crop: whether rows are counted from below, whether columns are counted
        from the right, and whether rows and columns change places. That makes 8 symmetries.
        """
        height, width = self.size
        rows = torch.arange(height, device=self.device)[:, None]
        columns = torch.arange(width, device=self.device)
        if not self.turned:
            return rows, columns
        coins = torch.randint(2, (3, count, 1, 1), generator=generator, device=self.device).bool()
        rows = torch.where(coins[0], height - 1 - rows, rows)
        columns = torch.where(coins[1], width - 1 - columns, columns)
        rows, columns = torch.broadcast_tensors(rows, columns)
        return torch.where(coins[2], rows.mT, rows), torch.where(coins[2], columns.mT, columns)
