"""Image files with all that they hold: one reader and one writer for every command.

`others.files.kinds` has the table of what is kept. What a file holds is decided by its bytes, not
by its name.
"""

import io
import warnings
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from Miniproject_1.noise2noise.files import write_atomically
from others.files import bmp, jpeg, png, pnm, tiff, webp
from others.files.kinds import FORMATS, MOST_PIXELS, Picture, check_holds, check_size, kind_of
from others.files.orientation import turned
from others.files.pixels import from_opencv, from_pillow
from others.records.configuration import shown

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
OTHERS = {  # how images begin that are refused and that Pillow cannot name
    "HEIC": tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")),
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "JPEG XR": (b"II\xbc",),
    "OpenEXR": (b"v/1\x01",),
    "PAM": (b"P7",),
    "PDF": (b"%PDF",),
    "PFM": (b"PF", b"Pf"),
    "Radiance HDR": (b"#?",),
    "XCF": (b"gimp xcf",),
}
WRITERS = {
    "PNG": png.write_png,
    "TIFF": tiff.write_tiff,
    "JPEG": jpeg.write_jpeg,
    "WEBP": webp.write_webp,
    "BMP": bmp.write_bmp,
    "PPM": pnm.write_pnm,
}
EXTRAS = {
    "JPEG": jpeg.extras_of,
    "WEBP": webp.extras_of,
    "BMP": bmp.extras_of,
    "PPM": pnm.extras_of,
}


def read_picture(path: Path) -> Picture:
    """The content of a file.

    Raises:
        FileNotFoundError: no such file.
        OSError: a file that is damaged or no image, or a pipe or device, which may have no end.
        ValueError: an image that would not be kept whole. Every message names the path.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise OSError(f"{path}: a folder, a pipe or a device; expected a file")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OSError(f"{path}: {error}") from error
    return picture_of(data, str(path))


def picture_of(data: bytes, name: str, most_pixels: int | None = None) -> Picture:
    """The content of the bytes of a file.

    Args:
        name: what messages call the file.
        most_pixels: that the image may have, if fewer than usual; one of more is refused before
            memory is taken for it.

    Raises:
        OSError, ValueError: as for `read_picture`.
    """
    try:
        with warnings.catch_warnings():  # of large images, which `check_size` judges, and of tags
            warnings.simplefilter("ignore")
            return _read(data, most_pixels)
    except UnidentifiedImageError as error:
        raise OSError(f"{name}: no image; expected {', '.join(FORMATS)}") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    except Image.DecompressionBombError as error:  # of Pillow, which refuses the largest by itself
        most = MOST_PIXELS if most_pixels is None else most_pixels
        raise ValueError(f"{name}: declares too many pixels; expected 1 to {most}") from error
    except Exception as error:  # damaged bytes make the libraries raise a dozen unrelated kinds
        fault = f"damaged ({type(error).__name__}: {shown(str(error))})"
        reason = error if isinstance(error, OSError) else fault
        raise OSError(f"{name}: {reason}") from error


def _read(data: bytes, most_pixels: int | None) -> Picture:
    """The content of the bytes of a file; errors are those of the libraries, without its name."""
    if data.startswith(png.SIGNATURE):
        return png.read_png(data, most_pixels)
    if data.startswith(TIFF_STARTS):
        return tiff.read_tiff(data, most_pixels)
    if data.startswith(jpeg.START):
        jpeg.check_frame(data)
    webp.check_length(data)
    for kind, starts in OTHERS.items():
        if data.startswith(starts) or data[4:12] in starts:
            in_table(kind)
    with Image.open(io.BytesIO(data)) as image:  # which reads no more than the header
        kind = in_table(image.format)
        check_size(*image.size, most_pixels=most_pixels)
        check_length(kind, image, data)
        if getattr(image, "n_frames", 1) > 1:
            raise ValueError("holds several frames; expected one")
        deep = kind == "PPM" and pnm.is_deep(data)
        pixels = from_opencv(data) if deep else from_pillow(image)
        return turned(pixels, 65535 if deep else 255, EXTRAS[kind](image, data))


def check_length(kind: str, image: ImageFile.ImageFile, data: bytes) -> None:
    """OSError if the pixels of an uncompressed image cannot all be in its file.

    It would be raised as well when they are read, but only after memory was taken for them.
    """
    if kind == "PPM":
        least = pnm.end_of(*image.size, data)
    elif kind == "BMP":
        least = bmp.least_length(image)
    else:
        return
    if len(data) < least:
        raise OSError("the file is truncated")


def in_table(name: str | None) -> str:
    """The name of a format; ValueError for one that is not in the table."""
    if name not in FORMATS:
        raise ValueError(f"is an image of the kind {name}; expected {', '.join(FORMATS)}")
    return name


def write_picture(path: Path, picture: Picture) -> None:
    """Write a file of the kind that the name says, whole or not at all.

    ValueError if it cannot hold the picture: nothing is written then.
    """
    data = bytes_of(path, picture)
    write_atomically(path, lambda file: file.write(data))


def bytes_of(path: Path, picture: Picture) -> bytes:
    """The bytes of a file of the kind that the name says.

    Raises:
        ValueError: such a file cannot hold this.
        OSError: the library cannot write it.
    """
    check_holds(path, picture)
    kind = kind_of(path).format
    try:
        return WRITERS[kind](picture)
    except Exception as error:  # the libraries raise many kinds, of which callers expect this one
        fault = f"{type(error).__name__}: {shown(str(error))}"
        raise OSError(f"{path}: cannot be written as {kind} ({fault})") from error
