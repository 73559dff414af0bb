"""BMP: what is around the pixels, which is the resolution."""

import io
import struct
from fractions import Fraction
from typing import Any

import numpy as np

from others.files.kinds import Extras, Picture, Resolution, bytes_after
from others.files.pixels import to_pillow

HEADER = 14  # bytes before the header that tells of the image, whose first 4 are its length
LONGEST = 124  # bytes of that header in the one version that may name a colour profile
WITH_ALPHA_MASK = (56, 108, 124)  # bytes of the headers that have a mask for alpha
BITFIELDS = 3  # the packing number of pixels with masks
READ_BITS = {16: 2**15 - 1, 32: 2**24 - 1}  # by the bits of a pixel, those of its colours
PROFILES = (b"DEBM", b"KNIL")  # "MBED" and "LINK", backwards: the profile is in the file, or beside
PILLOWS_METRE = 39.3701  # inches, as Pillow computes with them


def extras_of(image: Any, data: bytes) -> Extras:
    """What a BMP holds beside pixels; ValueError if it has a colour profile."""
    (length,) = struct.unpack_from("<I", data, HEADER)
    if length >= LONGEST and data[HEADER + 56 : HEADER + 60] in PROFILES:
        raise ValueError("holds a colour profile, which is not read from BMP; expected none")
    resolution = None
    if length >= 40:
        x, y = struct.unpack_from("<ii", data, HEADER + 24)
        if x > 0 and y > 0:
            resolution = Resolution(Fraction(x), Fraction(y), "metre")
    (end,) = struct.unpack_from("<I", data, 2)
    unkept = bytes_after(len(data) - end if end > HEADER else 0)
    if length >= 40 and has_unread(image.size, data, length):
        unkept = ("unused bits of each pixel", *unkept)
    return Extras(format="BMP", resolution=resolution, unkept=unkept)


def least_length(image: Any) -> int:
    """Bytes up to the last row, whose padding may be missing; 0 for pixels that are compressed."""
    raw = [(tile[2], tile[3][1]) for tile in image.tile if tile[0] == "raw"]  # offset, row's length
    return max((offset + row * (image.height - 1) for offset, row in raw), default=0)


def has_unread(size: tuple[int, int], data: bytes, length: int) -> bool:
    """Whether the bits of a pixel that belong to no channel are neither all 0 nor all 1.

    Masks say which bits of 16 or 32 belong to red, green, blue and alpha. Without them the colours
    have the lowest 15 or 24 bits. ValueError for alpha in a pixel of 16 bits, which Pillow does not
    read.

    Args:
        length: bytes of the header, at least 40.
    """
    bits, packing = struct.unpack_from("<HI", data, HEADER + 14)
    if bits not in READ_BITS or packing not in (0, BITFIELDS):
        return False
    read, every = READ_BITS[bits], 2**bits - 1
    if packing == BITFIELDS:
        red, green, blue, alpha = struct.unpack("<4I", data[HEADER + 40 : HEADER + 56].ljust(16))
        alpha = alpha if length in WITH_ALPHA_MASK else 0  # else no mask, but the first pixels
        if alpha and bits == 16:
            raise ValueError("holds alpha in pixels of 16 bits; expected 32 bits or no alpha")
        read = red | green | blue | alpha or every  # Pillow takes no masks for those of 32 bits
    (start,) = struct.unpack_from("<I", data, HEADER - 4)
    row = -(-size[0] * bits // 32) * 4  # bytes, with the padding at its end
    pixels = data[start : start + row * size[1]].ljust(row * size[1], b"\0")
    words = np.frombuffer(pixels, f"<u{bits // 8}").reshape(size[1], -1)[:, : size[0]]
    unread = words & np.array(every & ~read, words.dtype)
    return bool((unread != unread[0, 0]).any()) or int(unread[0, 0]) not in (0, every & ~read)


def write_bmp(picture: Picture) -> bytes:
    """The bytes of a BMP with the picture; a resolution that is a mere ratio is left out."""
    dots = (0.0, 0.0)  # an inch; 0 stands for none, where Pillow would write 96
    resolution = picture.extras.resolution
    if resolution is not None and resolution.per:
        x, y = resolution.in_units("metre").whole(2**31 - 1)
        dots = (x / PILLOWS_METRE, y / PILLOWS_METRE)
    file = io.BytesIO()
    to_pillow(picture.colour, picture.mode).save(file, "BMP", dpi=dots)
    return file.getvalue()
