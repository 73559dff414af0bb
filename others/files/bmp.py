"""BMP: what is around the pixels, which is the resolution."""

import io
import struct
from fractions import Fraction
from typing import Any

from others.files.kinds import Extras, Picture, Resolution, bytes_after
from others.files.pixels import to_pillow

HEADER = 14  # bytes before the header that tells of the image, whose first 4 are its length
LONGEST = 124  # bytes of that header in the one version that may name a colour profile
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
    if has_fourth(image.size, data, length):
        unkept = ("the fourth byte of each pixel", *unkept)
    return Extras(format="BMP", resolution=resolution, unkept=unkept)


def least_length(image: Any) -> int:
    """Bytes up to the last row, whose padding may be missing; 0 for pixels that are compressed."""
    raw = [(tile[2], tile[3][1]) for tile in image.tile if tile[0] == "raw"]  # offset, row's length
    return max((offset + row * (image.height - 1) for offset, row in raw), default=0)


def has_fourth(size: tuple[int, int], data: bytes, length: int) -> bool:
    """Whether pixels of 32 bits have something in the byte that the format gives no meaning."""
    if length < 40 or struct.unpack_from("<HI", data, HEADER + 14) != (32, 0):
        return False
    (start,) = struct.unpack_from("<I", data, HEADER - 4)
    fourth = data[start : start + 4 * size[0] * size[1]][3::4]
    return len(set(fourth)) > 1 or fourth[:1] not in (b"\0", b"\xff")


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
