"""WebP: what is around the pixels, and whether they are packed without loss.

A WebP is a RIFF file: 12 bytes, and then chunks of name (4), length (4) and content. Source: "WebP
Container Specification", Google.
"""

import io
import struct
from typing import Any

import torch

from others.files.kinds import Extras, Picture, bytes_after
from others.files.pixels import to_pillow

QUALITY = 95  # of a picture that was no WebP, or a lossy one, which does not say its quality
KNOWN = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"EXIF", b"XMP "}


def chunk_names(data: bytes, end: int) -> list[bytes]:
    """The names of the chunks, in order."""
    names, place = [], 12
    while place + 8 <= end:
        names.append(data[place : place + 4])
        (length,) = struct.unpack_from("<I", data, place + 4)
        place += 8 + length + length % 2
    return names


def end_of(data: bytes) -> int:
    """How long a WebP says that it is, in bytes."""
    (length,) = struct.unpack_from("<I", data, 4)  # of all that follows
    return 8 + length


def check_length(data: bytes) -> None:
    """OSError for a WebP that ends before the length at its beginning is reached.

    The library refuses it as well, but does not say why.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) < end_of(data):
        raise OSError("the file is truncated")


def extras_of(image: Any, data: bytes) -> Extras:
    """What a WebP holds beside pixels."""
    end = end_of(data)
    names = chunk_names(data, end)
    unknown = tuple(name.decode("latin-1") for name in names if name not in KNOWN)
    return Extras(
        format="WEBP",
        profile=image.info.get("icc_profile") or None,
        exif=image.info.get("exif", b"").removeprefix(b"Exif\0\0"),
        xmp=image.info.get("xmp"),
        own={"lossless": b"VP8L" in names},
        unkept=unknown + bytes_after(len(data) - end),
    )


def write_webp(picture: Picture) -> bytes:
    """The bytes of a WebP with the picture; without loss if its source was one without loss."""
    colour, alpha, _, extras = picture
    pixels = colour if alpha is None else torch.cat([colour, alpha])
    file = io.BytesIO()
    to_pillow(pixels, picture.mode).save(
        file,
        "WEBP",
        lossless=extras.format == "WEBP" and extras.own["lossless"],
        quality=QUALITY,
        exact=True,  # colours stay where the picture is transparent
        icc_profile=extras.profile or b"",
        exif=extras.exif or b"",
        xmp=extras.xmp or b"",
    )
    return file.getvalue()
