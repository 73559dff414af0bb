"""The table of image files: for each kind, what is read and written again without loss.

KINDS below is the table; others/README.md shows it. Its modes are named as Pillow does: L is grey
and A is alpha, and ";16" stands for 16 bits a channel. What a file shows is kept, not how it is
stored: 1, 2 and 4 bits become 8, a palette becomes the colours in it, a transparent colour becomes
an alpha channel, white that is stored as 0 becomes the largest number, and an orientation that a
file asks for (in EXIF, in XMP or in a TIFF tag) is turned into the pixels.

*Refused*, by a sentence with the file's name: every other kind of file (whatever its name says),
several frames, 9 to 15 bits, more than 16 bits, floating point, signed numbers, inks and other
colours than grey and RGB, samples beyond alpha, alpha that is already multiplied in, JPEG without
loss (which would be packed with loss), packings of TIFF that no library here decodes, the reduced
copy that a camera's raw file begins with, sizes that no file of that length can hold, damaged
files; and to write a picture into a kind of file that has no place for its mode, its size, its
colour profile or its gamma.

*Left out, and said so on the line of the command:* what does not change how a picture looks (EXIF,
XMP, resolution, text, bytes after the end) and has no place in the kind of file that is written.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

MOST_PIXELS = 2**27  # of an image; in three channels of 16 bits that takes 0.8 GB
EIGHT = frozenset({"L", "LA", "RGB", "RGBA"})
SIXTEEN = frozenset(f"{mode};16" for mode in EIGHT)
GREY, COLOUR = frozenset({"L", "L;16"}), frozenset({"RGB", "RGB;16"})
METRES = {"inch": Fraction(254, 10000), "centimetre": Fraction(1, 100), "metre": Fraction(1)}


class Resolution(NamedTuple):
    """The pixels in a length, along a row and along a column, as exactly as the file says it."""

    x: Fraction
    y: Fraction
    per: str  # a key of METRES, or "" where the file gives the ratio of x to y alone

    def in_units(self, per: str) -> "Resolution":
        """This resolution in another unit; a mere ratio stays one."""
        if not self.per or not per:
            return self._replace(per="")
        factor = METRES[per] / METRES[self.per]
        return Resolution(self.x * factor, self.y * factor, per)

    def whole(self, most: int) -> tuple[int, int]:
        """x and y for a file that has whole numbers from 1 to `most` in their place."""
        return min(most, max(1, round(self.x))), min(most, max(1, round(self.y)))

    def turned(self) -> "Resolution":
        """The resolution of the image after a quarter turn."""
        return Resolution(self.y, self.x, self.per)


class Kind(NamedTuple):
    """A row of the table: the files whose names end with one of `suffixes`."""

    format: str  # Pillow's name of it
    suffixes: tuple[str, ...]
    bits: tuple[int, ...]  # a channel, that are read
    modes: frozenset[str]  # as in `Picture.mode`
    extras: frozenset[str] = frozenset()  # names of fields of `Extras`
    own: tuple[str, ...] = ()  # what else a file of the same kind keeps


ALL = frozenset({"profile", "exif", "xmp", "resolution"})
ANY, PLAIN = (1, 2, 4, 8, 16), (1, 8, 16)
CHUNKS = ("gamma and other colour chunks", "text")
PACKING = ("comment and APP segments", "quality tables", "chroma subsampling")
KINDS = (
    Kind("PNG", (".png",), ANY, EIGHT | SIXTEEN, ALL, CHUNKS),
    Kind("TIFF", (".tif", ".tiff"), ANY, EIGHT | SIXTEEN, ALL - {"exif"}, ("other plain tags",)),
    Kind("JPEG", (".jpg", ".jpeg", ".jfif", ".jpe"), (8,), frozenset({"L", "RGB"}), ALL, PACKING),
    Kind(
        "WEBP",
        (".webp",),
        (8,),
        frozenset({"RGB", "RGBA"}),
        ALL - {"resolution"},
        ("lossless or lossy",),
    ),
    Kind("BMP", (".bmp",), (1, 4, 5, 6, 8), frozenset({"L", "RGB"}), frozenset({"resolution"})),
    Kind("PPM", (".pgm",), PLAIN, GREY),
    Kind("PPM", (".ppm",), PLAIN, COLOUR),
    Kind("PPM", (".pnm",), PLAIN, GREY | COLOUR),
)
LONGEST_SIDE = {"PNG": 1000000, "JPEG": 65500, "WEBP": 16383}  # that the libraries take, in pixels
LONGEST_IN_JPEG = 65500  # bytes of EXIF or XMP, beside the words at the beginning of a segment
KIND_OF = {suffix: kind for kind in KINDS for suffix in kind.suffixes}
SUFFIXES = tuple(KIND_OF)
FORMATS = tuple(dict.fromkeys(kind.format for kind in KINDS))
# Images that are refused. They are listed with the others of a folder, so that none is skipped
# without a word.
REFUSED_SUFFIXES = (
    *(".apng", ".avif", ".bw", ".cur", ".dds", ".dib", ".exr", ".fits", ".gif", ".hdr", ".heic"),
    *(".heif", ".icns", ".ico", ".j2c", ".j2k", ".jp2", ".jpf", ".jpx", ".jxl", ".jxr", ".mpo"),
    *(".pam", ".pbm", ".pcx", ".pfm", ".psd", ".qoi", ".ras", ".rgb", ".sgi", ".tga", ".xbm"),
    *(".xcf", ".xpm"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"),  # of cameras
)


@dataclass(frozen=True)
class Extras:
    """What a file holds beside its pixels.

    Args:
        format: of the file, as in `Kind`.
        profile: the ICC profile.
        gamma: names of the chunks that give a PNG's colours another meaning than that of sRGB.
        exif: in TIFF's form, without the word "Exif" before it.
        xmp: a text in XML.
        own: what only a file of the same format can hold, as its reader gives it to its writer.
        own_names: of what in `own` is lost when another kind of file is written.
        unkept: names of what no file that is written here holds.
    """

    format: str = ""
    profile: bytes | None = None
    gamma: tuple[str, ...] = ()
    exif: bytes | None = None
    xmp: bytes | None = None
    resolution: Resolution | None = None
    own: dict[str, Any] = field(default_factory=dict)
    own_names: tuple[str, ...] = ()
    unkept: tuple[str, ...] = ()


class Picture(NamedTuple):
    """The content of an image file. What is read is of the type uint8, or uint16 for 16 bits."""

    colour: Tensor  # (1 or 3, H, W), whole numbers from 0 to `white`
    alpha: Tensor | None  # (1, H, W), from 0 for transparent to `white`
    white: int  # 255 or 65535
    extras: Extras = Extras()

    @property
    def mode(self) -> str:
        """The kind of pixels by Pillow's name, such as "RGBA", with ";16" behind it for 16 bits."""
        name = ("L" if len(self.colour) == 1 else "RGB") + ("" if self.alpha is None else "A")
        return name if self.white == 255 else f"{name};16"


def parted(pixels: Tensor, white: int, extras: Extras) -> Picture:
    """The picture of (C, H, W) with 1 to 4 channels: an even number has alpha as its last."""
    if len(pixels) % 2:
        return Picture(pixels, None, white, extras)
    return Picture(pixels[:-1], pixels[-1:], white, extras)


def bytes_after(count: int) -> tuple[str, ...]:
    """What `Extras.unkept` has for bytes after the end of an image: "3 bytes after the end"."""
    return (f"{count} bytes after the end",) if count > 0 else ()


def check_size(
    width: int,
    height: int,
    length: int | None = None,
    most_packed: int = 0,
    most_pixels: int | None = None,
) -> None:
    """ValueError for an image of no or too many pixels, before memory is taken for them.

    Args:
        length: bytes that the pixels take when they are unpacked; None to leave this unchecked.
        most_packed: the largest number of bytes that the file can unpack to, by its own length.
        most_pixels: that the image may have, MOST_PIXELS unless given.
    """
    most_pixels = MOST_PIXELS if most_pixels is None else most_pixels
    if not 0 < width * height <= most_pixels:
        raise ValueError(f"declares {width}x{height} pixels; expected 1 to {most_pixels}")
    if length is not None and length > most_packed:
        raise ValueError(
            f"declares {width}x{height} pixels, which are {length} bytes; a file of its length "
            f"holds {most_packed} at most"
        )


def kind_of(path: Path) -> Kind:
    """The row of the table for a file's name; ValueError if there is none."""
    ending = path.suffix or path.name  # a file that is called .png has no suffix for pathlib
    kind = KIND_OF.get(ending.lower())
    if kind is None:
        raise ValueError(f"{path}: expected a name that ends with one of {', '.join(SUFFIXES)}")
    return kind


def check_holds(path: Path, picture: Picture) -> None:
    """ValueError unless a file of the kind that `path` names can show the picture as it is."""
    kind, extras = kind_of(path), picture.extras
    if picture.mode not in kind.modes:
        held = ", ".join(sorted(kind.modes))
        raise ValueError(
            f"{path} cannot hold pixels of mode {picture.mode}, only {held}; PNG holds all"
        )
    height, width = picture.colour.shape[1:]
    longest = LONGEST_SIDE.get(kind.format, MOST_PIXELS)
    if max(height, width) > longest:
        raise ValueError(
            f"{path} cannot hold {width}x{height} pixels, only {longest} along a side; TIFF can"
        )
    for name, content in (("EXIF", extras.exif), ("XMP", extras.xmp)):
        if kind.format == "JPEG" and len(content or b"") > LONGEST_IN_JPEG:
            raise ValueError(
                f"{path} cannot hold {name} of more than {LONGEST_IN_JPEG} bytes; PNG can"
            )
    if extras.profile and "profile" not in kind.extras:
        raise ValueError(f"{path} cannot hold a colour profile; PNG, TIFF, JPEG and WebP can")
    if extras.gamma and kind.format != "PNG":
        names = ", ".join(extras.gamma)
        raise ValueError(f"{path} cannot hold what the PNG says of its colours ({names}); PNG can")


def left_out(path: Path, picture: Picture) -> list[str]:
    """Names of what the picture has and a file of the kind that `path` names has no place for.

    None of it changes how the picture looks: for what does, see `check_holds`.
    """
    kind, extras = kind_of(path), picture.extras
    names = []
    if extras.exif and "exif" not in kind.extras:
        names.append("EXIF")
    if extras.xmp and "xmp" not in kind.extras:
        names.append("XMP")
    resolution = extras.resolution
    if resolution and (
        "resolution" not in kind.extras or (kind.format == "BMP" and not resolution.per)
    ):
        names.append("resolution")  # a BMP has no place for a mere ratio
    if kind.format != extras.format:
        names += extras.own_names
    return [*names, *extras.unkept]
