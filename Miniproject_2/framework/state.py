"""Parameters in files, without torch's own serialisation.

A file is a line of JSON, then the numbers of all tensors, then the CRC-32 of both, in four bytes.
In the JSON a tensor is described by its shape alone: its numbers are the next ones that no tensor
before it has taken. They are little-endian float32, or float16 in half the room ("half") where all
numbers of the tensor are such.

    {"epoch": 1, "network": {"0.weight": {"tensor": [128, 3, 4, 4]}, "0.bias": {"half": [128]}}}

Reading runs no code, because JSON knows plain values only, and takes little more memory than the
file is long, because the numbers of a tensor have to be there.
"""

import json
import struct
import zlib
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, Dict, List

from torch import empty

from .files import write_atomically
from .tensor import Tensor

LONGEST = 2**16  # bytes of JSON: seven times those of a training's state
FORMATS = {"tensor": "f", "half": "e"}  # of the numbers, by their names in the JSON and in `struct`


def save(path: Path, content: Dict[str, Any]) -> None:
    """Write a dictionary of plain values, lists and tensors; a kill leaves an old file whole.

    Raises:
        OSError: the file cannot be written.
    """
    numbers: List[bytes] = []

    def describe(tensor: Tensor) -> Dict[str, Any]:
        """What stands in the JSON for a tensor, whose numbers go behind it."""
        values = tensor.detach().cpu().float()
        kind = "half" if values.half().float().equal(values) else "tensor"
        numbers.append(struct.pack(f"<{values.numel()}{FORMATS[kind]}", *values.flatten().tolist()))
        return {kind: list(tensor.shape)}

    text = json.dumps(content, default=describe).encode()
    data = b"".join([text, b"\n", *numbers])
    write_atomically(path, lambda file: file.write(data + crc(data)))


def load(path: Path) -> Dict[str, Any]:
    """Read what `save` wrote, with float32 tensors on the CPU.

    Raises:
        OSError: no such file, or none that may be read.
        ValueError: truncated, damaged, or anything but what `save` writes.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected parameters at {path}, found no such file")
    path.open("rb").close()  # a file that may not be read is not called damaged
    try:
        content = _read(path.read_bytes())
    except Exception as error:  # JSON too deep or too long, no text, no numbers for a tensor
        fault = str(error).partition("\n")[0][:200]  # without torch's own traceback
        raise ValueError(f"{path} does not hold parameters of this framework: {fault}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} should hold a dictionary, got a {type(content).__name__}")
    return content


def _read(data: bytes) -> Any:
    if data[-4:] != crc(data[:-4]):
        raise ValueError("its checksum differs")
    text, _, rest = data[:-4].partition(b"\n")
    if len(text) > LONGEST:
        raise ValueError(f"it describes its content in {len(text)} bytes")
    numbers = BytesIO(rest)

    def with_numbers(found: Dict[str, Any]) -> Any:
        """An object of the JSON, or the tensor that it describes."""
        if len(found) != 1 or not found.keys() <= FORMATS.keys():
            return found
        ((kind, shape),) = found.items()
        form = f"<{prod(shape)}{FORMATS[kind]}"
        values = struct.unpack(form, numbers.read(struct.calcsize(form)))
        return empty(0, device="cpu").float().new_tensor(values).view(shape)

    return json.loads(text, object_hook=with_numbers)


def crc(data: bytes) -> bytes:
    """The CRC-32, a checksum, as it stands in a file."""
    return zlib.crc32(data).to_bytes(4, "little")
