"""JPEG: what is around the pixels, and how they are packed.

A JPEG is a row of segments, each of them 0xff, a number and a content. APP0 to APP15 and COM hold
what does not concern the pixels. Source: ITU-T T.81, and "JPEG File Interchange Format" 1.02.
"""

import io
import re
import struct
from fractions import Fraction
from typing import Any

from PIL import Image, JpegImagePlugin

from others.files.kinds import Extras, Picture, Resolution, bytes_after
from others.files.orientation import orientation_of
from others.files.pixels import to_pillow

QUALITY = 95  # of a picture that was no JPEG: then with chroma at full size
START, END = b"\xff\xd8\xff", 0xD9
# The next marker. In packed pixels 0xff stands before 0 or a restart marker, 0xd0 to 0xd7.
MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # segments that say how the pixels are packed
LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
EXIF, XMP, PROFILE = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
WRITTEN_ANEW = ("APP0", "APP14")  # JFIF and Adobe's: they say how the pixels are stored
UNITS = {0: "", 1: "inch", 2: "centimetre"}
JFIF_START = b"\xff\xd8\xff\xe0\x00\x10JFIF\0"  # the first segment; then version, unit, x, y
UNIT_PLACE = len(JFIF_START) + 2


def outline(data: bytes) -> tuple[int, int, int]:
    """The number of the frame's segment, its bits a channel, and where the image ends.

    A segment is 0xff, its number, its length (2 bytes, these included) and its content.
    """
    frame, bits, place = 0, 0, 2
    while (found := MARKER.search(data, place)) is not None:
        number, place = found[1][0], found.end()
        if number == END:
            return frame, bits, place
        if number in FRAMES:
            frame, bits = number, data[place + 2]
        if number not in (0x01, 0xD8):  # which have no content
            place += max(2, int.from_bytes(data[place : place + 2], "big"))
    return frame, bits, len(data)


def check_frame(data: bytes) -> None:
    """ValueError for pixels that would not be written as they are."""
    frame, bits, _ = outline(data)
    if frame and bits != 8:
        raise ValueError(f"is a JPEG of {bits} bits a channel; expected 8")
    if frame in LOSSLESS:
        raise ValueError("is a JPEG that is packed without loss; expected one packed with loss")


def extras_of(image: Any, data: bytes) -> Extras:
    """What a JPEG that Pillow has loaded holds beside pixels."""
    info = image.info
    exif, xmp = info.get("exif", b"").removeprefix(EXIF), info.get("xmp")
    copied = [
        (name, content)
        for name, content in image.applist
        if name not in WRITTEN_ANEW and not content.startswith((EXIF, XMP, PROFILE))
    ]
    after = len(data[outline(data)[2] :].strip(b"\0"))
    return Extras(
        format="JPEG",
        profile=info.get("icc_profile"),
        exif=exif,
        xmp=xmp,
        resolution=resolution_of(info),
        own={
            "segments": b"".join(segment(name, content) for name, content in copied),
            "options": packing_of(image, orientation_of(exif, xmp) >= 5),
        },
        own_names=tuple(dict.fromkeys(name for name, _ in copied)),
        unkept=bytes_after(after),
    )


def segment(name: str, content: bytes) -> bytes:
    """A segment whose name is "COM" or "APP" and a number."""
    number = 0xFE if name == "COM" else 0xE0 + int(name[3:])
    return struct.pack(">BBH", 0xFF, number, len(content) + 2) + content


def packing_of(image: Any, turned: bool) -> dict[str, Any]:
    """Options of Pillow that pack an image as this one is: with its tables and chroma.

    A subsampling of 4:2:2 halves the width alone, and so would halve the other side of an image
    that is turned: its chroma is kept at full size instead.
    """
    options: dict[str, Any] = {"qtables": image.quantization}
    sampling = JpegImagePlugin.get_sampling(image)  # 0, 1, 2 for 4:4:4, 4:2:2, 4:2:0; -1: others
    options["subsampling"] = 0 if sampling < 0 or (turned and sampling == 1) else sampling
    options["progressive"] = bool(image.info.get("progressive"))
    options["keep_rgb"] = image.info.get("adobe_transform") == 0 and image.mode == "RGB"
    return options


def resolution_of(info: dict[Any, Any]) -> Resolution | None:
    """What the JFIF segment says; None if it is missing, or says only that pixels are square."""
    x, y = info.get("jfif_density", (0, 0))
    unit = UNITS.get(info.get("jfif_unit", 0), "")
    if not x or not y or (not unit and x == y):
        return None
    return Resolution(Fraction(x), Fraction(y), unit)


def write_jpeg(picture: Picture) -> bytes:
    """The bytes of a JPEG with the picture; packed as its source was, if that was a JPEG."""
    extras = picture.extras
    options: dict[str, Any] = {"quality": QUALITY, "subsampling": 0}
    if extras.format == "JPEG":
        options = {**extras.own["options"], "extra": extras.own["segments"]}
    if extras.exif:
        options["exif"] = EXIF + extras.exif
    if extras.xmp:
        options["xmp"] = extras.xmp
    file = io.BytesIO()
    image: Image.Image = to_pillow(picture.colour, picture.mode)
    image.save(file, "JPEG", icc_profile=extras.profile, **options)
    return with_resolution(file.getvalue(), extras.resolution)


def with_resolution(data: bytes, resolution: Resolution | None) -> bytes:
    """The bytes of a file with this resolution in its JFIF segment, which has whole numbers."""
    if resolution is None or not data.startswith(JFIF_START):
        return data
    if resolution.per == "metre":
        resolution = resolution.in_units("inch")
    unit = {name: number for number, name in UNITS.items()}[resolution.per]
    density = struct.pack(">BHH", unit, *resolution.whole(2**16 - 1))
    return data[:UNIT_PLACE] + density + data[UNIT_PLACE + 5 :]
