"""Training and validation sets from a folder: the course's files, or images to add noise to."""

from pathlib import Path
from typing import Callable

import torch
from torch import Tensor

from others.data.course import TRAIN, VALIDATION, load_pair
from others.data.images import Crops, image_files, read_images
from others.data.noise import clean_of
from others.data.sets import Noisy, Pairs

CROP = 128  # pixels a side, unless another size is asked for
HELD_OUT = 10  # one image in ten validates, where a folder has no images set apart for it


def is_course(folder: Path) -> bool:
    """Whether there is a file of the course in it."""
    return any((folder / name).exists() for name in (TRAIN, VALIDATION))


def course_sets(
    folder: Path, augmentation: str = "none", limit: int | None = None
) -> tuple[Pairs, Pairs]:
    """The pairs in train_data.pkl and those, with clean targets, in val_data.pkl.

    Args:
        limit: pairs to take of each; None for all.

    Raises:
        FileNotFoundError, ValueError: as `others.data.course.load_pair`.
    """
    (noisy, other), (val_noisy, clean) = (load_pair(folder / n) for n in (TRAIN, VALIDATION))
    train = Pairs(noisy[:limit], other[:limit], augmentation)
    return train, Pairs(val_noisy[:limit], clean[:limit])


def image_sets(
    folder: Path,
    noise: Callable[..., Tensor],
    noisy_targets: bool = True,
    crop: int = CROP,
    turned: bool = False,
    limit: int | None = None,
) -> tuple[Noisy, Noisy]:
    """Random crops of images, with noise added whenever they are drawn.

    Args:
        folder: see `split_files`.
        noise: what `others.data.noise.make_noise` gives.
        noisy_targets: train on a second noisy copy; validation is against clean images always.
        crop: pixels a side.
        turned: training crops in one of the eight symmetries of the square.
        limit: images to take of each; None for all.

    Raises:
        FileNotFoundError: a folder that is missing or has no images.
        ValueError: images smaller than the crop, none that can be read, or a crop that is no
            multiple of the noise's cells.
    """
    clean_of(noise, torch.zeros(1, 3, crop, crop))  # cells that do not fit are refused before work
    train_files, val_files = (files[:limit] for files in split_files(folder))
    train = Crops(read_images(train_files), crop, turned)
    val = Crops(read_images(val_files), crop)
    return Noisy(train, noise, noisy_targets), Noisy(val, noise)


def split_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images to train on and those to validate on.

    Images to train on are in `folder`/train if there is such a folder, else in `folder`. Images to
    validate on are in `folder`/val or `folder`/test. If neither exists, the last tenth of the
    images by name validates and is not trained on. FileNotFoundError where there are no images.
    """
    inner = folder / "train"
    train = image_files(inner if inner.is_dir() else folder)
    for name in ("val", "test"):
        if (folder / name).is_dir():
            return train, image_files(folder / name)
    held_out = max(1, len(train) // HELD_OUT)
    if len(train) < 2:
        raise FileNotFoundError(
            f"{folder}: one image in it; expected two at least, because the last ones validate"
        )
    return train[:-held_out], train[-held_out:]
