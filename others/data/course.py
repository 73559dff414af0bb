"""The course's data files: train_data.pkl (noisy, noisy) and val_data.pkl (noisy, clean).

Each is a torch.save'd tuple of two uint8 tensors (N, 3, H, W). Where one is missing,
`python -m others.generate` writes one with generated images. A file that is already there, such as
the course's own, is used as it is and never written to. `--clean` adds clean_data.pkl, for the
measurements that compare with clean targets: the first noisy image of each pair of train_data.pkl,
and its clean image, which is known of generated images alone.
"""

import os
import shlex
import zipfile
from pathlib import Path
from typing import Callable, Union

import torch
from torch import Tensor

from Miniproject_1.noise2noise.checkpoint import check_archive
from Miniproject_1.noise2noise.checks import repeats_memory
from Miniproject_1.noise2noise.files import write_atomically
from others.data.generated import clean_of_pairs, noisy_and_clean, noisy_pairs
from others.data.seeds import seeded

TRAIN, VALIDATION, CLEAN = "train_data.pkl", "val_data.pkl", "clean_data.pkl"
EXPECTED = "expected a tuple of two uint8 tensors of the same shape (N, 3, H, W)"

PathLike = Union[str, "os.PathLike[str]"]


def check_whole(name: str, number: int, least: int) -> None:
    """ValueError unless `number` is a whole number from `least` on."""
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number < 2**62:
        raise ValueError(f"{name} is {number!r}; expected a whole number from {least} on")


def check_pair(pair: object, source: str) -> tuple[Tensor, Tensor]:
    """Return the two tensors, or raise a ValueError that names `source` and what it holds."""
    if not isinstance(pair, (tuple, list)):
        raise ValueError(f"{source}: holds one {type(pair).__name__}; {EXPECTED}")
    if len(pair) != 2 or not all(isinstance(images, Tensor) for images in pair):
        kinds = ", ".join(type(images).__name__ for images in pair[:4])
        raise ValueError(f"{source}: holds {len(pair)} objects ({kinds}); {EXPECTED}")
    one, other = pair
    if not holds_values(one) or not holds_values(other):
        raise ValueError(f"{source}: holds tensors without memory for each value; {EXPECTED}")
    found = " and ".join(f"{images.dtype} {tuple(images.shape)}" for images in pair)
    right = one.dim() == 4 and one.shape[1] == 3 and one.numel() > 0
    if not right or one.shape != other.shape or {one.dtype, other.dtype} != {torch.uint8}:
        raise ValueError(f"{source}: holds {found}; {EXPECTED}, none of them empty")
    return one, other


def holds_values(images: Tensor) -> bool:
    """Whether a tensor has memory for each of its values; a sparse one, for example, has not."""
    if images.is_nested or images.layout != torch.strided or images.device.type == "meta":
        return False
    return not repeats_memory(images)


def load_pair(path: PathLike) -> tuple[Tensor, Tensor]:
    """Read two uint8 tensors (N, 3, H, W) without running any code from the file.

    FileNotFoundError if there is none; OSError if it cannot be read; ValueError if it is damaged or
    holds something else. Each message names the file.
    """
    path = Path(path)
    # `others.generate` would not write there either.
    if os.path.lexists(path) and not path.is_file():
        raise FileNotFoundError(f"{path}: a folder, a device or a dead link; expected a file")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no file here; {way_to(path)}")
    try:
        if zipfile.is_zipfile(path):  # what torch before 1.6 wrote is none
            check_archive(path)
        pair = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make torch.load raise a dozen unrelated kinds
        if isinstance(error, OSError) and error.filename is not None:  # no access to the file
            raise
        reason = f"not a whole file written by torch.save ({type(error).__name__})"
        raise ValueError(f"{path}: {path.stat().st_size} bytes, {reason}; {EXPECTED}") from error
    return check_pair(pair, str(path))


def way_to(path: Path) -> str:
    """How a missing file can be had: the command that generates it, if there is one."""
    if path.name not in (TRAIN, VALIDATION, CLEAN):
        return EXPECTED
    options = shlex.quote(str(path.parent)) + (" --clean" if path.name == CLEAN else "")
    return f"`python -m others.generate {options}` writes one of generated images"


def load_first(path: PathLike, pairs: int) -> tuple[Tensor, Tensor]:
    """The first `pairs` pairs of a file, two uint8 tensors (pairs, 3, H, W).

    ValueError if it has fewer; other errors as for `load_pair`.
    """
    one, other = load_pair(path)
    if len(one) < pairs:
        raise ValueError(f"{path} has {len(one)} pairs; expected at least {pairs}")
    return one[:pairs], other[:pairs]


def save_pair(path: PathLike, one: Tensor, other: Tensor) -> None:
    """Write two uint8 tensors (N, 3, H, W): the whole file or nothing; ValueError for others."""
    path = Path(path)
    check_pair((one, other), f"not written to {path}")
    write_atomically(path, lambda file: torch.save((one, other), file))


def noisy_a_and_clean(train: Path, pairs: int, seed: int) -> tuple[Tensor, Tensor]:
    """One noisy image of each generated pair in `train`, and its clean version.

    ValueError if `train` holds anything else.
    """
    noisy_a, _ = noisy_pairs(pairs, seeded(seed))
    found, _ = load_pair(train)
    if not torch.equal(found, noisy_a):
        raise ValueError(
            f"{train}: its {len(found)} pairs are not the {pairs} that this seed generates; "
            "expected them, because clean images are known of generated ones alone"
        )
    return noisy_a, clean_of_pairs(pairs, seeded(seed))


def make_data(
    folder: PathLike, pairs: int = 2000, validation: int = 500, seed: int = 0, clean: bool = False
) -> None:
    """Generate the files that `folder` lacks, and say on stdout which it had.

    Each file depends on the seed and its number of images alone. ValueError for a number below 1 or
    a negative seed, and for a file that is there but cannot be used; then nothing is written.
    """
    check_whole("pairs", pairs, 1)
    check_whole("validation", validation, 1)
    check_whole("seed", seed, 0)
    train, val = Path(folder) / TRAIN, Path(folder) / VALIDATION
    made: dict[Path, Callable[[], tuple[Tensor, Tensor]]] = {
        train: lambda: noisy_pairs(pairs, seeded(2 * seed))
    }
    if clean:
        made[Path(folder) / CLEAN] = lambda: noisy_a_and_clean(train, pairs, 2 * seed)
    made[val] = lambda: noisy_and_clean(validation, seeded(2 * seed + 1))
    missing = [path for path in made if not os.path.lexists(path)]
    for path in made:
        if path not in missing:
            print(f"{path}: there already, kept ({len(load_pair(path)[0])} pairs)")
    train.parent.mkdir(parents=True, exist_ok=True)
    for path in missing:
        images = made[path]()
        save_pair(path, *images)
        print(f"{path}: generated ({len(images[0])} pairs)")
