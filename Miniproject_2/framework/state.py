"""Parameters in files, without torch's own serialisation.

A file is a pickle of plain values: numbers, texts, lists, dictionaries, and for each tensor a
`("tensor", shape, bytes)` of little-endian float32. It is read by an unpickler that refuses every
name, so that reading runs no code.
"""

import io
import pickle
import sys
from array import array
from pathlib import Path
from typing import Any, Dict

from torch import empty

from .files import write_atomically
from .tensor import Tensor


class _PlainValues(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"plain values only, found {module}.{name}")


def save(path: Path, content: Dict[str, Any]) -> None:
    """Write a dictionary of plain values and tensors; a kill leaves an old file whole."""
    data = pickle.dumps(_packed(content), protocol=4)
    write_atomically(path, lambda file: file.write(data))


def load(path: Path) -> Dict[str, Any]:
    """Read what `save` wrote, with float32 tensors on the CPU.

    Raises:
        FileNotFoundError: no such file.
        ValueError: truncated, or anything but what `save` writes.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected parameters at {path}, found no such file")
    try:
        content = _unpacked(_PlainValues(io.BytesIO(path.read_bytes())).load())
    except Exception as error:  # a broken pickle raises nearly anything
        raise ValueError(f"{path} does not hold parameters of this framework: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} should hold a dictionary, got a {type(content).__name__}")
    return content


def _packed(value: Any) -> Any:
    if isinstance(value, Tensor):
        numbers = array("f", value.detach().cpu().float().flatten().tolist())
        if sys.byteorder == "big":
            numbers.byteswap()
        return "tensor", tuple(value.shape), numbers.tobytes()
    if isinstance(value, dict):
        return {name: _packed(one) for name, one in value.items()}
    return [_packed(one) for one in value] if isinstance(value, list) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, tuple) and len(value) == 3 and value[0] == "tensor":
        numbers = array("f")
        numbers.frombytes(value[2])
        if sys.byteorder == "big":
            numbers.byteswap()
        return empty(0).float().new_tensor(numbers.tolist()).view(value[1])
    if isinstance(value, dict):
        return {name: _unpacked(one) for name, one in value.items()}
    return [_unpacked(one) for one in value] if isinstance(value, list) else value
