"""The tensor type, for annotations and checks, and a checksum of tensors.

The type is found without the name `torch.Tensor`, because the second miniproject may not import
it. In the repository a stub, `tensor.pyi`, tells type checkers what it is. This file lies in both
miniprojects, byte for byte the same, because neither may import the other.
"""

import ctypes
import zlib
from typing import Any, Iterable

from torch import empty

Tensor = type(empty(0))


def checksum(tensors: Iterable[Any]) -> str:
    """The CRC-32 of the tensors' bytes, one tensor after the other, as eight hexadecimal digits.

    The bytes are read where they lie: as a Python list, 50,000 pairs would take gigabytes.
    """
    code = 0
    for tensor in tensors:
        values = tensor.detach().cpu().contiguous()
        size = values.numel() * values.element_size()
        code = zlib.crc32((ctypes.c_ubyte * size).from_address(values.data_ptr()), code)
    return f"{code:08x}"
