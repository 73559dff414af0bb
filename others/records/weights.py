"""The weights of a network in a file of their own, checked against the network that they fill."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from Miniproject_1.noise2noise.checkpoint import read_checkpoint
from Miniproject_1.noise2noise.checks import flaw, repeats_memory
from Miniproject_1.noise2noise.files import write_atomically
from others.records.configuration import differences


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """The state of a network on the CPU, ready to be written."""
    return {name: value.detach().cpu() for name, value in net.state_dict().items()}


def save_weights(net: nn.Module, path: Path, half: bool = False) -> None:
    """Write the weights alone, whole or not at all; `load_weights` reads them.

    Args:
        half: kernels as float16, which takes half of the room. Vectors stay as they are: there are
            few of them, and a running variance may be smaller than what float16 holds.
    """
    weights = weights_of(net)
    if half:
        weights = {name: v.half() if v.dim() > 1 else v for name, v in weights.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: torch.save(weights, file))


def load_weights(net: nn.Module, path: Path) -> None:
    """Fill `net` with the weights in a file.

    Args:
        path: plain weights, as `save_weights` writes them, or the last.pth of an experiment, of
            whose networks the average is taken if there is one.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is damaged, or holds the weights of another network, whose first
            differences are named. The network is left as it was.
    """
    weights = read_checkpoint(path)
    if isinstance(weights.get("net"), dict):
        weights = weights["net"] if weights.get("average") is None else weights["average"]
    net.load_state_dict(check_weights(net, weights, str(path)))


def check_weights(net: nn.Module, weights: Any, source: str) -> dict[str, Tensor]:
    """Return `weights` if they fit `net`: all its names and shapes, finite numbers.

    Raises:
        ValueError: otherwise; the message begins with `source`, and shows the first differences.
    """
    expected, found = net.state_dict(), weights if isinstance(weights, dict) else {}
    lines = differences(_shapes(found), _shapes(expected))
    if lines:
        raise ValueError(
            f"{source} holds the weights of another network than {type(net).__name__}: "
            f"{len(lines)} tensors differ (found -> expected): {'; '.join(lines[:4])}"
        )
    for name, value in expected.items():
        wrong = wrong_tensor(found[name], value)
        if wrong:
            raise ValueError(f"{source} holds no weights: {name} {wrong}")
    return found


def wrong_tensor(found: Any, expected: Tensor) -> str:
    """What is wrong with a tensor in the place of another one; nothing if it can stand there."""
    # A count of batches is a whole number, and is held to the same rules as a floating point one.
    counts = isinstance(found, Tensor) and not found.is_floating_point()
    if counts and not found.is_nested and found.layout == torch.strided and repeats_memory(found):
        return "should have memory of its own for each value"  # which `double` would give it
    number = found.double() if counts and found.dtype == expected.dtype else found
    wrong = flaw(number, tuple(expected.shape))
    if wrong:
        return wrong
    return "" if bool(number.float().isfinite().all()) else "should hold finite numbers"


def _shapes(weights: dict[str, Any]) -> dict[str, object]:
    """What is compared of tensors by their names; of anything else, its type."""
    return {
        str(name): tuple(value.shape)
        if isinstance(value, Tensor) and not value.is_nested
        else type(value).__name__
        for name, value in weights.items()
    }


def digest(path: Path) -> str:
    """The first 16 digits of a file's SHA-256: results name the weights they belong to by it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
