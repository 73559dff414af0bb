"""What may come in: images, pairs of noisy images, numbers of epochs, weights, states.

Each check says in one sentence what came and what was expected, and runs before anything else
happens. This file lies in both miniprojects, byte for byte the same, because neither may import
the other; for that reason it uses nothing that the second miniproject may not.
"""

import math
from operator import index
from pathlib import Path
from reprlib import repr as short
from typing import Any, Dict, Mapping, Optional, SupportsIndex, Tuple

from .files import check_writable
from .tensor import Tensor

FLOATS = {f"torch.{name}" for name in ("bfloat16", "float16", "float32", "float64")}
WHOLE = ("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64")
NUMBERS = FLOATS | {f"torch.{name}" for name in WHOLE}
LARGEST = 1e30  # float64 has larger values, which would become infinite in float32


def check_images(images: Any, name: str = "test_input") -> Tensor:
    """Return images in [0, 255] as uint8 or float32, out of any graph.

    Values outside [0, 255] are accepted, because noise that is not clipped leads there.

    Args:
        images: (N, 3, H, W) or (3, H, W), of whole numbers or floating point.
        name: what the messages call them.

    Raises:
        TypeError: not a tensor, or one of other values, such as booleans or complex numbers.
        ValueError: another shape, an empty batch, NaN or infinity.
    """
    wrong = no_plain_tensor(images)
    if not wrong and str(images.dtype) not in NUMBERS:
        wrong = f"should hold whole numbers or floating point numbers, got {images.dtype}"
    if wrong:
        raise TypeError(f"{name} {wrong}")
    shape = tuple(images.shape)
    if len(shape) not in (3, 4) or shape[-3] != 3:
        raise ValueError(f"{name} must have the shape (N, 3, H, W) or (3, H, W), got {shape}")
    if images.numel() == 0:
        raise ValueError(f"{name} must not be empty, got the shape {shape}")
    images = images.detach()
    if str(images.dtype) == "torch.uint8":
        return images
    images = images if str(images.dtype) == "torch.float64" else images.float()
    low, high = float(images.min()), float(images.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{name} must be finite, got values from {low} to {high}")
    if max(-low, high) > LARGEST:
        images = images.clamp(-LARGEST, LARGEST)
    return images.float()


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


def check_epochs(num_epochs: SupportsIndex) -> int:
    """Return `num_epochs` as an int if it is a whole number of at least 1; NumPy's are accepted.

    Raises:
        TypeError: no whole number (a bool is none).
        ValueError: less than 1.
    """
    try:
        epochs = index(num_epochs)
    except TypeError:
        epochs = None
    if epochs is None or isinstance(num_epochs, bool):
        raise TypeError(f"num_epochs must be a positive whole number, got {num_epochs!r}")
    if epochs < 1:
        raise ValueError(f"num_epochs must be at least 1, got {epochs}")
    return epochs


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

    Both are compared as `repr` writes them, which tells 1 from 1.0 and from True, and a tensor from
    any of them.

    Raises:
        ValueError: they differ; the message names the file at `path` and shows the differences.
    """
    known = saved if isinstance(saved, dict) else {}
    differing = [
        f"{name} was {short(known.get(name))}, now {short(value)}"
        for name, value in asked.items()
        if repr(known.get(name)) != repr(value)
    ]
    if differing or len(known) != len(asked):
        raise ValueError(
            f"{path} belongs to another training, so remove it or name another file: "
            f"{'; '.join(differing) or 'unknown entries'}"
        )


def check_progress(state: Mapping[str, object], num_epochs: int) -> Tuple[int, bool]:
    """How many epochs of a training are done by its saved state, and whether in bfloat16.

    Raises:
        KeyError: the state does not say it.
        ValueError: it says what cannot be.
    """
    epoch, bfloat16 = state["epoch"], state["bfloat16"]
    if type(epoch) is not int or not 0 <= epoch <= num_epochs:
        raise ValueError(f"epoch should be from 0 to {num_epochs}, got {short(epoch)}")
    if type(bfloat16) is not bool:
        raise ValueError(f"bfloat16 should be True or False, got {short(bfloat16)}")
    return epoch, bfloat16


def flaw(value: Any, shape: Tuple[int, ...]) -> str:
    """What is wrong with a tensor that should hold numbers in this shape; nothing if it does."""
    wrong = no_plain_tensor(value)
    if wrong:
        return wrong
    if tuple(value.shape) != shape:
        return f"has the shape {short(tuple(value.shape))}, expected {shape}"
    if str(value.dtype) not in FLOATS:
        return f"should hold floating point numbers, got {value.dtype}"
    return "should have memory of its own for each value" if repeats_memory(value) else ""


def no_plain_tensor(value: object) -> str:
    """Why a value is no tensor of one shape that holds all its values; nothing if it is one."""
    if not isinstance(value, Tensor):
        return f"should be a tensor, got a {type(value).__name__}"
    if getattr(value, "is_nested", False):  # torch 1.11 knows no such tensors
        return "should be a tensor of one shape, got a nested tensor"
    names = getattr(value, "names", ())  # torch from 2.13 on knows none
    if any(names):
        return f"should have dimensions without names, got {names}"
    if str(value.layout) != "torch.strided" or value.device.type == "meta":
        return f"should hold all its values, got {value.layout} on {value.device}"
    return ""


def repeats_memory(value: Tensor) -> bool:
    """Whether a tensor has more values than memory for them, as `expand` makes it.

    A file of 1 KB may hold such a tensor of a billion values. The strides tell it in any order of
    the axes: a tensor (2, 3) with the strides (1, 2) reaches as far as 1 + 2 * 2 = 5 places beyond
    its first value, which is enough for 6 values; with the strides (0, 1) it reaches 2.
    """
    reach = sum((size - 1) * stride for size, stride in zip(value.shape, value.stride()))
    return value.numel() > reach + 1
