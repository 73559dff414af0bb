"""PGM, PPM and PBM, together PNM: a header of a few words, and the pixels."""

import io
import re
from typing import Any

from others.files.kinds import Extras, Picture, bytes_after
from others.files.pixels import to_opencv, to_pillow

COMMENT = re.compile(rb"#[^\n]*\n")
WITH_COMMENT = re.compile(rb"P\d(\s+\d+){0,2}\s+#")  # before the last word of the header
HEADERS = {  # of pixels as bytes: width, height and, unless they are bits, what number is white
    start: re.compile(start + rb"(?:(?:\s|#[^\n]*\n)+\d+){%d}\s" % words)
    for start, words in ((b"P4", 2), (b"P5", 3), (b"P6", 3))
}
LONGEST = 4096  # bytes of a header, comments included


def maximum_of(data: bytes) -> int:
    """The number that is white: the fourth word, after P1 to P6, width and height.

    P1 and P4 are bitmaps, whose headers have no such word.
    """
    words = COMMENT.sub(b" ", data[:LONGEST]).split(None, 4)
    if words[0] in (b"P1", b"P4"):
        return 1
    if not words[3].isdigit():
        raise ValueError("has no number for white in its header; expected 255 or 65535")
    return int(words[3])


def is_deep(data: bytes) -> bool:
    """Whether it has 16 bits a channel; ValueError if it has neither 1, 8 nor 16."""
    maximum = maximum_of(data)
    if maximum not in (1, 255, 65535):
        raise ValueError(f"has the number {maximum} for white; expected 1, 255 or 65535")
    return maximum == 65535


def extras_of(image: Any, data: bytes) -> Extras:
    """What a PNM holds beside pixels, which is nothing but comments.

    ValueError if another image follows, as the format allows.
    """
    width, height = image.size
    after = data[end_of(width, height, data) :]
    if after[:1] == b"P" and after[1:2].isdigit():
        raise ValueError("holds several images; expected one")
    comments = ("comments",) if WITH_COMMENT.match(data) else ()
    return Extras(format="PPM", unkept=comments + bytes_after(len(after.strip())))


def end_of(width: int, height: int, data: bytes) -> int:
    """Where the pixels end; the end of the file where they are written as text."""
    header = HEADERS.get(data[:2])
    found = header.match(data) if header else None
    if found is None:
        return len(data)
    lengths = {b"P4": -(-width // 8), b"P5": width, b"P6": 3 * width}
    return found.end() + height * lengths[data[:2]] * (1 + is_deep(data))


def write_pnm(picture: Picture) -> bytes:
    """The bytes of a PGM or PPM with the picture."""
    if picture.white == 65535:
        return to_opencv(picture.colour, ".pgm" if len(picture.colour) == 1 else ".ppm")
    file = io.BytesIO()
    to_pillow(picture.colour, picture.mode).save(file, "PPM")
    return file.getvalue()
