"""Orientations: a file may ask programs that show it to turn the image; it is turned here, once.

The number is that of the TIFF tag 274, which EXIF and XMP share. What the row 0 and the column 0 of
the stored pixels are in the image as it is to be seen:

    1 top, left     2 top, right     3 bottom, right  4 bottom, left
    5 left, top     6 right, top     7 right, bottom  8 left, bottom
"""

import re
import struct
from dataclasses import replace

import torch
from torch import Tensor

from others.files.kinds import Extras, Picture, parted

ORIENTATION = 274
XMP_PATTERN = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)([1-8])""")


def turned(pixels: Tensor, white: int, extras: Extras, orientation: int | None = None) -> Picture:
    """The picture as it is to be seen, of the pixels (C, H, W) as a file has them.

    Args:
        extras: what the file has beside its pixels. EXIF and XMP of the picture ask for no turning
            any more.
        orientation: of the pixels; None for the one that EXIF or XMP asks for.
    """
    exif, xmp, resolution = extras.exif, extras.xmp, extras.resolution
    orientation = orientation_of(exif, xmp) if orientation is None else orientation
    if resolution is not None and orientation >= 5:
        resolution = resolution.turned()
    exif, xmp = upright_exif(exif) if exif else None, upright_xmp(xmp) if xmp else None
    extras = replace(extras, exif=exif, xmp=xmp, resolution=resolution)
    return parted(upright(pixels, orientation), white, extras)


def upright(pixels: Tensor, orientation: int) -> Tensor:
    """(C, H, W) as it is to be seen; from 5 on H and W change places."""
    if orientation >= 5:
        pixels = pixels.mT
    flipped = {2: (2,), 3: (1, 2), 4: (1,), 6: (2,), 7: (1, 2), 8: (1,)}.get(orientation, ())
    # torch cannot flip uint16, so the bits are flipped as if they were int16.
    bits = pixels.view(torch.int16) if pixels.dtype == torch.uint16 else pixels
    return bits.flip(flipped).view(pixels.dtype) if flipped else pixels


NUMBERS = {1: "B", 3: "H", 4: "I"}  # struct formats, by EXIF's number of a type


def exif_entry(exif: bytes) -> tuple[int, str] | None:
    """Where the value of the orientation is in EXIF, and its struct format; None if it has none.

    The first directory of EXIF is a number of entries of 12 bytes each, whose value, if it is as
    short as this one, are the last 4: tag (2), type (2), count (4), value (4).
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 10:
        return None
    (start,) = struct.unpack(order + "I", exif[4:8])
    (count,) = struct.unpack(order + "H", exif[start : start + 2].ljust(2, b"\0"))
    for place in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind = struct.unpack(order + "HH", exif[place : place + 4])
        if tag == ORIENTATION and kind in NUMBERS:
            return place + 8, order + NUMBERS[kind]
    return None


def orientation_of(exif: bytes | None, xmp: bytes | None) -> int:
    """What EXIF asks for, else what XMP asks for, else 1; numbers beyond 8 count as 1."""
    entry = exif_entry(exif or b"")
    if entry is not None:
        place, layout = entry
        (value,) = struct.unpack_from(layout, exif or b"", place)
        return value if 1 <= value <= 8 else 1
    found = XMP_PATTERN.search(xmp or b"")
    return int(found.group(2)) if found else 1


def upright_exif(exif: bytes) -> bytes:
    """EXIF with the orientation 1, every other byte as it was."""
    entry = exif_entry(exif)
    if entry is None:
        return exif
    place, layout = entry
    return exif[:place] + struct.pack(layout, 1) + exif[place + struct.calcsize(layout) :]


def upright_xmp(xmp: bytes) -> bytes:
    """XMP with the orientation 1, every other byte as it was."""
    return XMP_PATTERN.sub(rb"\g<1>1", xmp)
