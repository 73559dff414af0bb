"""What may come in: images, pairs of noisy images, numbers of epochs, weights, states.

Each check says in one sentence what came and what was expected, and runs before anything else
happens. This file lies in both miniprojects, byte for byte the same, because neither may import
the other; for that reason it uses nothing that the second miniproject may not.
"""

import math
from pathlib import Path
from reprlib import repr as short
from typing import Dict, Mapping, Optional, Tuple

from .files import check_writable
from .tensor import Tensor

IMAGES = {
    f"torch.{name}"
    for name in (
        *("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
        *("bfloat16", "float16", "float32", "float64"),
    )
}


def check_images(images: object, name: str = "test_input") -> Tensor:
    """Return images in [0, 255] as uint8 or float32, out of any graph.

    Values outside [0, 255] are accepted, because noise that is not clipped leads there.

    Args:
        images: (N, 3, H, W) or (3, H, W), of whole numbers or floating point.
        name: what the messages call them.

    Raises:
        TypeError: not a tensor, or one of other values, such as booleans or complex numbers.
        ValueError: another shape, an empty batch, NaN or infinity.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"{name} must be a tensor (N, 3, H, W), got a {type(images).__name__}")
    if str(images.dtype) not in IMAGES:
        raise TypeError(f"{name} must be uint8 or floating point, got {images.dtype}")
    if str(images.layout) != "torch.strided" or images.device.type == "meta":
        raise TypeError(f"{name} must hold all its values, got {images.layout} on {images.device}")
    shape = tuple(images.shape)
    if len(shape) not in (3, 4) or shape[-3] != 3:
        raise ValueError(f"{name} must have the shape (N, 3, H, W) or (3, H, W), got {shape}")
    if images.numel() == 0:
        raise ValueError(f"{name} must not be empty, got the shape {shape}")
    if str(images.dtype) == "torch.uint8":
        return images.detach()
    images = images.detach().float()
    low, high = float(images.min()), float(images.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{name} must be finite, got values from {low} to {high}")
    return images


def check_pairs(train_input: object, train_target: object) -> Tuple[Tensor, Tensor]:
    """Return both sets of noisy images if each passes `check_images` and both are (N, 3, H, W).

    Raises:
        TypeError, ValueError: as `check_images`; ValueError if the shapes differ.
    """
    inputs = check_images(train_input, "train_input")
    targets = check_images(train_target, "train_target")
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
    """Return the path of a file that a training can save its state to, or None if there is none.

    Raises:
        FileNotFoundError: the folder does not exist.
        OSError: nothing can be written there.
        ValueError: what is there is no file.
    """
    if checkpoint is None:
        return None
    path = Path(checkpoint)
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"checkpoint must lie in an existing folder, got {path}")
    if path.exists() and not path.is_file():
        raise ValueError(f"checkpoint must be a file, got {path}, which is a folder or a device")
    check_writable(path)
    return path


def check_weights(found: object, expected: Mapping[str, Tensor], path: Path) -> Dict[str, Tensor]:
    """Return `found` if it can take the place of `expected`: names, shapes, finite numbers.

    Raises:
        ValueError: otherwise; the message names the file at `path`.
    """
    if not isinstance(found, dict) or found.keys() != expected.keys():
        names = list(found) if isinstance(found, dict) else found
        raise ValueError(
            f"{path} holds the weights of another network: "
            f"expected the names {short(list(expected))}, got {short(names)}"
        )
    for name, value in expected.items():
        wrong = flaw(found[name], tuple(value.shape))
        if wrong:
            raise ValueError(f"{path} holds the weights of another network: {name} {wrong}")
        if not bool(found[name].float().isfinite().all()):
            raise ValueError(f"{path} holds NaN or infinity: {name} should hold finite numbers")
    return found


def check_same_training(saved: object, asked: Dict[str, object], path: Path) -> None:
    """Compare what a saved state says of its training with what is asked for now.

    Raises:
        ValueError: they differ; the message names the file at `path` and shows the differences.
    """
    known = saved if isinstance(saved, dict) else {}
    differing = [name for name in asked if name not in known or known[name] != asked[name]]
    if differing or len(known) != len(asked):
        differences = "; ".join(
            f"{name} was {short(known.get(name))}, now {short(asked[name])}" for name in differing
        )
        raise ValueError(
            f"{path} belongs to another training, so remove it or name another file: "
            f"{differences or 'unknown entries'}"
        )


def flaw(value: object, shape: Tuple[int, ...]) -> str:
    """What is wrong with a tensor that should hold numbers in this shape; nothing if it does.

    A tensor that repeats the memory of a smaller one, as `expand` makes them, is not contiguous.
    """
    if not isinstance(value, Tensor):
        return f"should be a tensor, got a {type(value).__name__}"
    if tuple(value.shape) != shape:
        return f"has the shape {short(tuple(value.shape))}, expected {shape}"
    if str(value.layout) != "torch.strided" or value.device.type == "meta":
        return f"should hold all its values, got {value.layout} on {value.device}"
    if value.is_quantized or not value.is_floating_point():
        return f"should hold floating point numbers, got {value.dtype}"
    return "" if value.is_contiguous() else "should have memory of its own for each value"
