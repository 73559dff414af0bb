"""Parameters in files, without torch's own serialisation.

A file is a pickle of plain values: numbers, texts, lists, dictionaries, and for each tensor a
`("tensor", shape, bytes)` of little-endian float32. Its CRC-32 follows, in four bytes; older files
have none. Reading runs no code, because a pickle that names any function is refused, and takes
little more memory than the file is long, whatever sizes it declares.
"""

import io
import pickle
import pickletools
import sys
import zlib
from array import array
from pathlib import Path
from typing import Any, Dict

from torch import empty

from .files import write_atomically
from .tensor import Tensor

# What pickle writes for plain values; all other instructions make objects or declare sizes.
INSTRUCTIONS = (
    "PROTO FRAME STOP MARK MEMOIZE BINGET LONG_BINGET NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 "
    "LONG1 BINFLOAT SHORT_BINUNICODE BINUNICODE SHORT_BINBYTES BINBYTES EMPTY_TUPLE TUPLE TUPLE1 "
    "TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS"
)
MOST_INSTRUCTIONS = 10_000  # a state has hundreds; a million nested values would end the process


def save(path: Path, content: Dict[str, Any]) -> None:
    """Write a dictionary of plain values and tensors; a kill leaves an old file whole.

    Raises:
        OSError: the file cannot be written.
    """
    data = pickle.dumps(_packed(content), protocol=4)
    code = zlib.crc32(data).to_bytes(4, "little")
    write_atomically(path, lambda file: file.write(data + code))


def load(path: Path) -> Dict[str, Any]:
    """Read what `save` wrote, with float32 tensors on the CPU.

    Raises:
        FileNotFoundError: no such file.
        ValueError: truncated, damaged, or anything but what `save` writes.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected parameters at {path}, found no such file")
    try:
        content = _Reader(path.read_bytes()).content()
    except Exception as error:  # a broken pickle raises nearly anything
        fault = str(error).partition("\n")[0][:200]  # without torch's own traceback
        raise ValueError(f"{path} does not hold parameters of this framework: {fault}") from error
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


class _PlainValues(pickle.Unpickler):
    """Refuses every name once more, in case the look at the instructions has missed one."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"plain values only, found {module}.{name}")


class _Reader:
    """The content of one file."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.budget = len(data)  # what unpacking may make, in bytes and values

    def content(self) -> Any:
        """The dictionary, with tensors.

        Raises:
            ValueError, pickle.UnpicklingError: damaged, or not written by `save`.
        """
        length = self._length()
        rest = self.data[length:]
        if rest and rest != zlib.crc32(self.data[:length]).to_bytes(4, "little"):
            raise ValueError("its checksum differs")
        return self._unpacked(_PlainValues(io.BytesIO(self.data)).load())

    def _length(self) -> int:
        """How long the pickle is, after a look at each of its instructions.

        An instruction that declares more bytes than there are is an error here, not an allocation.
        """
        stream, allowed = io.BytesIO(self.data), INSTRUCTIONS.split()
        for number, (instruction, _, _) in enumerate(pickletools.genops(stream)):
            if instruction.name not in allowed:
                raise ValueError(f"plain values only, found {instruction.name}")
            if number > MOST_INSTRUCTIONS:
                raise ValueError(f"it takes more than {MOST_INSTRUCTIONS} instructions")
        return stream.tell()

    def _unpacked(self, value: Any) -> Any:
        self._spend(1)
        if isinstance(value, tuple) and len(value) == 3 and value[0] == "tensor":
            self._spend(len(value[2]))
            numbers = array("f")
            numbers.frombytes(value[2])
            if sys.byteorder == "big":
                numbers.byteswap()
            return empty(0, device="cpu").float().new_tensor(numbers.tolist()).view(value[1])
        if isinstance(value, dict):
            return {name: self._unpacked(one) for name, one in value.items()}
        return [self._unpacked(one) for one in value] if isinstance(value, list) else value

    def _spend(self, amount: int) -> None:
        """Count what is made: a pickle may refer to one value a million times."""
        self.budget -= amount
        if self.budget < 0:
            raise ValueError("it repeats its values")
