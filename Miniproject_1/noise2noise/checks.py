"""What may come in: images, pairs of noisy images, numbers of epochs.

Each check names what came and what was expected, and runs before anything else happens. This
file and `progress.py` lie in both miniprojects, byte for byte the same, because neither may import
the other; that is also why they use nothing that the second miniproject may not.
"""

from pathlib import Path
from typing import Optional, Tuple

from .tensor import Tensor


def check_images(images: object, name: str = "test_input") -> Tensor:
    """Return `images`, detached, if it is (N, 3, H, W) or (3, H, W), finite and in [0, 255].

    Raises:
        TypeError: not a tensor, or a boolean or complex one.
        ValueError: another shape, an empty batch, NaN, infinity, or values outside [0, 255].
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"{name} must be a tensor (N, 3, H, W), got a {type(images).__name__}")
    if images.is_complex() or str(images.dtype) == "torch.bool":
        raise TypeError(f"{name} must be uint8 or floating point, got {images.dtype}")
    shape = tuple(images.shape)
    if len(shape) not in (3, 4) or shape[-3] != 3:
        raise ValueError(f"{name} must have the shape (N, 3, H, W) or (3, H, W), got {shape}")
    if images.numel() == 0:
        raise ValueError(f"{name} must not be empty, got the shape {shape}")
    images = images.detach()
    low, high = float(images.min()), float(images.max())
    if not (0 <= low and high <= 255):  # NaN fails both
        raise ValueError(f"{name} must lie in [0, 255], got values from {low} to {high}")
    return images


def check_pairs(first: object, second: object) -> Tuple[Tensor, Tensor]:
    """Return both sets of noisy images if each passes `check_images` and both are (N, 3, H, W).

    Raises:
        TypeError, ValueError: as `check_images`; ValueError if the shapes differ.
    """
    inputs = check_images(first, "train_input")
    targets = check_images(second, "train_target")
    if inputs.dim() != 4:
        raise ValueError(f"train_input must be (N, 3, H, W), got {tuple(inputs.shape)}")
    if inputs.shape != targets.shape:
        raise ValueError(
            "train_input and train_target must have the same shape, "
            f"got {tuple(inputs.shape)} and {tuple(targets.shape)}"
        )
    return inputs, targets


def check_epochs(num_epochs: object) -> int:
    """Return `num_epochs` if it is a whole number of at least 1.

    Raises:
        TypeError: not an int (a bool is none).
        ValueError: less than 1.
    """
    if isinstance(num_epochs, bool) or not isinstance(num_epochs, int):
        raise TypeError(f"num_epochs must be a positive whole number, got {num_epochs!r}")
    if num_epochs < 1:
        raise ValueError(f"num_epochs must be at least 1, got {num_epochs}")
    return num_epochs


def check_checkpoint(checkpoint: Optional[Path]) -> Optional[Path]:
    """Return where to save a training's state to, if its folder exists, or None if nowhere.

    Raises:
        FileNotFoundError: no such folder.
    """
    if checkpoint is not None and not Path(checkpoint).absolute().parent.is_dir():
        raise FileNotFoundError(f"checkpoint must lie in an existing folder, got {checkpoint}")
    return None if checkpoint is None else Path(checkpoint)
