"""TIFF: what is around the pixels, which tifffile decodes, and Pillow and OpenCV in other packings.

A TIFF is directories of numbered tags, one directory for each image in it. Source: "TIFF Revision
6.0", Adobe, 1992.
"""

import io
import logging
from fractions import Fraction
from typing import Any

import numpy as np
import tifffile
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from others.files.kinds import Extras, Picture, Resolution, check_size
from others.files.orientation import ORIENTATION, turned, upright_xmp
from others.files.pixels import from_opencv, from_pillow

WHITE_IS_ZERO, BLACK_IS_ZERO, IS_RGB, IS_PALETTE, IS_YCBCR = 0, 1, 2, 3, 6  # the photometric tag
CHANNELS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, IS_RGB: 3, IS_PALETTE: 1, IS_YCBCR: 3}
UNSIGNED, ALPHA, XMP, PROFILE = 1, 2, 700, 34675
WIDTH, BITS, SAMPLES, PREDICTOR, COLOUR_MAP, TILE_WIDTH = 256, 258, 277, 317, 320, 322
RESOLUTION = (282, 283, 296)  # x, y, unit
# Numbers of packings. tifffile decodes none and deflate without another package, OpenCV LZW and
# PackBits of 16 bits, Pillow of 8 and fewer bits also CCITT's, JPEG, LZMA and Zstandard.
BY_TIFFFILE, BY_OPENCV = (1, 8, 32946), (5, 32773)
BY_PILLOW = (*BY_OPENCV, 2, 3, 4, 6, 7, 34925, 50000)
UNITS = {1: "", 2: "inch", 3: "centimetre"}
# How the pixels are stored, which the file that is written has of its own.
STORED = {
    *range(254, 260), 262, 266, 273, ORIENTATION, *range(277, 282), 284, PREDICTOR, COLOUR_MAP,
    *range(322, 326), 338, 339, 347, *range(512, 522), *range(529, 533),
}  # fmt: skip
SUB_IFD = 330
DIRECTORIES = {SUB_IFD: "SubIFD", 34665: "EXIF", 34853: "GPS", 40965: "Interoperability"}
# Of the old pixels: the least and the largest value, and Photoshop's layers.
OUTDATED = {280: "MinSampleValue", 281: "MaxSampleValue", 37724: "layers"}
# A file unpacks to this many times its length at most, where it is of one colour.
MOST_PACKED = 20000
ORDERS: Any = {"<": "little", ">": "big"}  # of bytes: tifffile's names and Python's


def read_tiff(data: bytes, most_pixels: int | None = None) -> Picture:
    """The picture in the bytes of a TIFF; ValueError for one that cannot be kept whole."""
    # Tags that it cannot read, it names on stderr; `unkept_of` counts them.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        if len(file.pages) != 1:
            raise ValueError(f"holds {len(file.pages)} images; expected one")
        page: Any = file.pages[0]
        check_page(page)
        height, width = page.imagelength, page.imagewidth
        length = height * -(-width * page.samplesperpixel * page.bitspersample // 8)
        check_size(width, height, length, MOST_PACKED * len(data), most_pixels)
        deep = page.bitspersample == 16
        stored = without_orientation(page, data)
        pixels = pixels16(page, stored) if deep else pixels8(page, stored)
        asked = int(page.tags[ORIENTATION].value) if ORIENTATION in page.tags else None
        orientation = asked if asked is None or 1 <= asked <= 8 else 1
        return turned(pixels, 65535 if deep else 255, extras_of(page, data), orientation)


def check_page(page: Any) -> None:
    """ValueError for pixels that cannot be kept as they are."""
    bits, channels = page.bitspersample, CHANNELS.get(int(page.photometric), 0)
    if bits not in (1, 2, 4, 8, 16):
        raise ValueError(f"has {bits} bits a channel; expected 1, 2, 4, 8 or 16")
    if int(page.sampleformat) != UNSIGNED:
        kinds = {2: "signed numbers", 3: "floating point numbers"}
        held = kinds.get(int(page.sampleformat), "numbers of an unknown kind")
        raise ValueError(f"has pixels that are {held}; expected unsigned numbers")
    if page.is_reduced and SUB_IFD in page.tags:
        raise ValueError("begins with a reduced copy, as the raw files of cameras; expected none")
    packing = BY_TIFFFILE + (BY_OPENCV if bits == 16 else BY_PILLOW)
    if int(page.compression) not in packing:
        name = name_of(page.compression)
        raise ValueError(f"packs {bits} bits by {name}; expected none, deflate, LZW or PackBits")
    if not channels or (bits != 8 and int(page.photometric) == IS_YCBCR):
        name = name_of(page.photometric)
        raise ValueError(f"has colours of the kind {name}; expected grey or RGB")
    extra = tuple(int(sample) for sample in page.extrasamples)
    if extra not in ((), (ALPHA,)) or page.samplesperpixel != channels + len(extra):
        kinds = {0: "of no stated meaning", 1: "alpha that is multiplied in", ALPHA: "alpha"}
        held = ", ".join(kinds.get(sample, "unknown") for sample in extra) or "none declared"
        raise ValueError(
            f"has {page.samplesperpixel} samples a pixel, beyond the colour: {held}; expected "
            "at most one of alpha that is not multiplied in"
        )
    if COLOUR_MAP in page.tags:
        entries = np.asarray(page.tags[COLOUR_MAP].value)
        if bool(((entries % 257 != 0) & (entries % 256 != 0)).any()):
            raise ValueError("has a palette of more than 8 bits a channel; expected 8")


def name_of(code: Any) -> Any:
    """The name of a kind of colours or of a packing; its number where tifffile knows no name."""
    return getattr(code, "name", code)


def check_planes(page: Any) -> None:
    """ValueError for planes that Pillow or OpenCV would misread; tifffile reads all of them.

    A file with planes has all reds, then all greens and so on, each plane packed by itself. OpenCV
    mixes up planes of 16 bits, and Pillow reads the first of two planes alone.
    """
    samples, bits = page.samplesperpixel, page.bitspersample
    if page.planarconfig != 1 and (samples == 2 or (samples > 1 and bits == 16)):
        raise ValueError(
            f"has {samples} channels of {bits} bits one after the other, packed by "
            f"{name_of(page.compression)}; expected those of each pixel together"
        )


def without_orientation(page: Any, data: bytes) -> bytes:
    """The bytes of a file that does not ask for turning, and is as `data` in all else.

    Pillow turns pixels as the file asks, tifffile and OpenCV do not. `turned` turns them all, so
    that those which Pillow has read would be turned twice.
    """
    changes: list[tuple[slice, bytes]] = []
    for tag in page.tags:
        place = slice(tag.valueoffset, tag.valueoffset + tag.valuebytecount)
        if tag.code == ORIENTATION:
            plain = (1).to_bytes(tag.valuebytecount, ORDERS[page.parent.byteorder])
            changes.append((place, plain))
        elif tag.code == XMP:
            changes.append((place, upright_xmp(data[place])))
    if not changes:  # a copy would take longer than the library needs for all pixels
        return data
    changed = bytearray(data)
    for place, value in changes:
        changed[place] = value
    return bytes(changed)


def pixels8(page: Any, data: bytes) -> Tensor:
    """uint8 (C, H, W) of at most 8 bits, white as the largest number."""
    plain = int(page.photometric) in (WHITE_IS_ZERO, BLACK_IS_ZERO, IS_RGB)
    if plain and page.bitspersample == 8 and int(page.compression) in BY_TIFFFILE:
        return white_last(page, unpacked(page))
    check_planes(page)
    try:
        with Image.open(io.BytesIO(data)) as image:
            return from_pillow(image)
    except UnidentifiedImageError as error:
        samples, bits = page.samplesperpixel, page.bitspersample
        if bits < 8:
            raise ValueError(
                f"has {samples} samples of {bits} bits a pixel; expected 8 bits"
            ) from error
        alpha = " with alpha" if page.extrasamples else ""
        raise ValueError(
            f"has colours of the kind {name_of(page.photometric)}{alpha}, packed by "
            f"{name_of(page.compression)}; expected another kind (grey of which black is 0, or "
            "RGB), or the packing none or deflate"
        ) from error


def unpacked(page: Any) -> Tensor:
    """uint8 or uint16 (C, H, W) of a page that tifffile decodes."""
    array = page.asarray()
    # In the machine's order of bytes, which torch needs.
    array = torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    if page.planarconfig == 1:  # the samples of a pixel are together
        return array.reshape(height, width, samples).permute(2, 0, 1)
    return array.reshape(samples, height, width)  # all reds, then all greens and so on


def white_last(page: Any, pixels: Tensor) -> Tensor:
    """Pixels whose white is the largest number, whatever the file says is white."""
    if int(page.photometric) != WHITE_IS_ZERO:
        return pixels
    white = 65535 if page.bitspersample == 16 else 255
    return torch.cat([pixels[:1] ^ white, pixels[1:]])  # all bits changed: white minus it


def pixels16(page: Any, data: bytes) -> Tensor:
    """uint16 (C, H, W), white as the largest number.

    Packings that tifffile does not decode, OpenCV does.
    """
    samples = page.samplesperpixel
    if int(page.compression) in BY_TIFFFILE:
        pixels = unpacked(page)
    else:
        check_planes(page)
        pixels = grey_alpha16(page, data) if samples == 2 else from_opencv(data)
    if pixels.shape != (samples, page.imagelength, page.imagewidth):
        raise OSError("the file is damaged")
    return white_last(page, pixels)


def grey_alpha16(page: Any, data: bytes) -> Tensor:
    """uint16 (2, H, W) of a packed file of grey with alpha, which OpenCV reads as grey alone.

    The tags are changed in a copy of the file, so that OpenCV reads grey of twice the width:

        grey 0  alpha 0  grey 1  alpha 1  ...

    A predictor stores each value as the difference to the same channel's value on the left, in the
    same tile; here they are summed up again, modulo 2**16.
    """
    height, width = page.imagelength, page.imagewidth
    across = page.tilewidth if page.is_tiled else width  # pixels of a strip or a tile
    file = io.BytesIO(data)
    with tifffile.TiffFile(file, mode="r+") as copy:
        tags = copy.pages[0].tags  # type: ignore[union-attr]
        tags[WIDTH].overwrite(2 * width)
        tags[BITS].overwrite(16, dtype="H")
        tags[SAMPLES].overwrite(1)
        if page.is_tiled:
            tags[TILE_WIDTH].overwrite(2 * across)
        if PREDICTOR in tags:
            tags[PREDICTOR].overwrite(1)
        pixels = from_opencv(file.getvalue()).reshape(height, width, 2).permute(2, 0, 1)
    if page.predictor != 1:
        sums = [part.int().cumsum(2) for part in pixels.split(across, 2)]
        pixels = (torch.cat(sums, 2) % 2**16).to(torch.uint16)
    return pixels


def extras_of(page: Any, data: bytes) -> Extras:
    """What the tags hold beside pixels."""
    tags = {tag.code: tag for tag in page.tags}
    raw = {
        code: data[tag.valueoffset : tag.valueoffset + tag.valuebytecount]
        for code, tag in tags.items()
    }
    special = {*STORED, *DIRECTORIES, *OUTDATED, *RESOLUTION, XMP, PROFILE}
    own = [
        (code, int(tag.dtype), tag.count, raw[code], True)
        for code, tag in tags.items()
        if code not in special
    ]
    return Extras(
        format="TIFF",
        profile=raw.get(PROFILE),
        xmp=raw.get(XMP),
        resolution=resolution_of(tags),
        own={"tags": own, "byteorder": page.parent.byteorder},
        own_names=tuple(tags[code].name for code, *_ in own),
        unkept=unkept_of(page, data),
    )


def unkept_of(page: Any, data: bytes) -> tuple[str, ...]:
    """What a written file will not have: names of tags, and how many tags cannot be read.

    The tags are directories inside the page, and statements that were true of the old pixels alone.
    """
    names = [name for code, name in {**DIRECTORIES, **OUTDATED}.items() if code in page.tags]
    size = 8 if page.parent.is_bigtiff else 2
    written = data[page.offset : page.offset + size]
    damaged = int.from_bytes(written, ORDERS[page.parent.byteorder]) - len(page.tags)
    return (*names, f"{damaged} damaged tags") if damaged else tuple(names)


def resolution_of(tags: dict[int, Any]) -> Resolution | None:
    """What the tags for the resolution say; None if that is only that pixels are square."""
    if not {282, 283} <= set(tags):
        return None
    (a, b), (c, d) = tags[282].value, tags[283].value
    unit = UNITS.get(int(tags[296].value) if 296 in tags else 2, "")
    if not a or not b or not c or not d or (not unit and a * d == b * c):
        return None
    return Resolution(Fraction(a, b), Fraction(c, d), unit)


def write_tiff(picture: Picture) -> bytes:
    """The bytes of a TIFF with the picture, not packed."""
    colour, alpha, white, extras = picture
    pixels = colour if alpha is None else torch.cat([colour, alpha])
    values = pixels[0] if len(pixels) == 1 else pixels.permute(1, 2, 0)
    own = extras.own if extras.format == "TIFF" else {"tags": [], "byteorder": "<"}
    tags = list(own["tags"])
    if extras.xmp:
        tags.append((XMP, 1, len(extras.xmp), extras.xmp, True))
    resolution = extras.resolution or Resolution(Fraction(1), Fraction(1), "")
    if resolution.per == "metre":  # a unit that TIFF has not
        resolution = resolution.in_units("centimetre")
    x, y, per = resolution
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        values.numpy().astype(np.uint16 if white == 65535 else np.uint8, copy=False),
        byteorder=own["byteorder"],
        photometric="minisblack" if len(colour) == 1 else "rgb",
        planarconfig="contig",
        extrasamples=None if alpha is None else ["unassalpha"],
        metadata=None,
        software=False,
        resolution=(x.as_integer_ratio(), y.as_integer_ratio()),
        resolutionunit={unit: number for number, unit in UNITS.items()}[per],
        iccprofile=extras.profile,
        extratags=tags,
    )
    return file.getvalue()
