"""PNG: what is around the pixels, which OpenCV decodes. It is stricter than Pillow, which takes
missing rows for black, and gives 16 bits whole. It prints on stderr what is wrong with a file, or
merely unusual, without the file's name: so it is given the chunks of the pixels alone, and these
are checked here before.

A PNG is a signature and chunks. A chunk is length (4 bytes), name (4), content and checksum (4):

    IHDR  width, height, bits a channel, colour type, and three bytes more
    ...   what concerns the pixels: gAMA, iCCP, tRNS ...
    IDAT  the packed pixels
    IEND  nothing

Source: "Portable Network Graphics (PNG) Specification", W3C, third edition.
"""

import io
import struct
import zlib
from collections.abc import Iterable
from fractions import Fraction
from typing import List, Tuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from others.files.kinds import (
    LONGEST_SIDE,
    Extras,
    Picture,
    Resolution,
    bytes_after,
    check_size,
)
from others.files.orientation import turned
from others.files.pixels import from_opencv, to_opencv, to_pillow

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6  # colour types
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
DEPTHS = {  # bits a channel that the colour types may have
    GREY: (1, 2, 4, 8, 16),
    PALETTE: (1, 2, 4, 8),
    **dict.fromkeys((RGB, GREY_ALPHA, RGB_ALPHA), (8, 16)),
}
# Of an interlaced PNG: the first row and column of each pass, and the steps to the next ones.
PASSES = (
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)
FILTERS = 5  # a row begins with the number of its filter, from 0 to 4
HEADER_END = 33  # bytes of signature and IHDR
MOST_PACKED = 1032  # deflate packs nothing into less than its length over this
MOST_UNPACKED = 2**26  # bytes of a profile or a text
# What says how the colours are meant; a reader takes the first of the upper row that it finds.
MEANING = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI")
OF_SRGB = {  # contents that say no more than a file without them
    b"cICP": (b"\x01\x0d\x00\x01",),  # primaries of BT.709, the curve of sRGB, full range
    b"gAMA": (struct.pack(">I", 45455),),  # 1 / 2.2
    b"cHRM": (struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),),
}
EXIF, XMP = b"Exif\0\0", b"XML:com.adobe.xmp"
RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")  # as ImageMagick writes it
READ = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"pHYs", b"eXIf", *MEANING}
Chunks = List[Tuple[bytes, bytes]]  # names and contents


def chunks_of(data: bytes) -> tuple[Chunks, int]:
    """The chunks up to IEND, and the number of bytes after it.

    OSError where the file ends too early or a checksum fails.
    """
    found: Chunks = []
    place = len(SIGNATURE)
    while not found or found[-1][0] != b"IEND":
        if place + 12 > len(data):
            raise OSError("the file is truncated")
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 12 + length
        body = data[place + 4 : end - 4]
        if end > len(data) or struct.unpack_from(">I", data, end - 4)[0] != zlib.crc32(body):
            raise OSError("the file is truncated or damaged")
        found.append((body[:4], body[4:]))
        place = end
    return found, len(data) - place


def packed(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The bytes of chunks, one after the other."""
    bodies = [name + content for name, content in chunks]
    lengths = [struct.pack(">I", len(body) - 4) for body in bodies]
    return b"".join(
        length + body + struct.pack(">I", zlib.crc32(body)) for length, body in zip(lengths, bodies)
    )


def unpacked(content: bytes) -> bytes:
    """What deflate packed; ValueError for more than MOST_UNPACKED bytes."""
    unpacker = zlib.decompressobj()
    result = unpacker.decompress(content, MOST_UNPACKED)
    if unpacker.unconsumed_tail:
        raise ValueError(f"holds a profile or text of more than {MOST_UNPACKED} bytes")
    return result


def read_png(data: bytes, most_pixels: int | None = None) -> Picture:
    """The picture in the bytes of a PNG; ValueError for one that cannot be kept whole."""
    chunks, after = chunks_of(data)
    content = dict(reversed(chunks))  # of several with one name the first
    width, height, depth, colour = header_of(content[b"IHDR"])
    length = height * -(-width * depth * CHANNELS[colour] // 8)
    check_size(width, height, length, MOST_PACKED * len(data), most_pixels)
    if max(width, height) > LONGEST_SIDE["PNG"]:
        raise ValueError(
            f"declares {width}x{height} pixels; expected {LONGEST_SIDE['PNG']} at most along a side"
        )
    for name in content:
        if name not in READ and name[:1].isupper():
            raise ValueError(f"holds the chunk {name!r}, without which its pixels have no meaning")
    if int.from_bytes(content.get(b"acTL", b"\1")[:4], "big") > 1:
        raise ValueError("holds several frames; expected one")
    pixels = pixels_of(chunks, depth, colour)
    if b"tRNS" in content and colour in (GREY, RGB):
        pixels = with_key(pixels, content[b"tRNS"], depth)
    return turned(pixels, 65535 if depth == 16 else 255, extras_of(chunks, after))


def header_of(content: bytes) -> tuple[int, int, int, int]:
    """Width, height, bits a channel and colour type in the content of IHDR; OSError for others than
    the specification has."""
    width, height, depth, colour, packing, filtering, passes = struct.unpack(">IIBBBBB", content)
    if depth not in DEPTHS.get(colour, ()) or packing or filtering or passes > 1:
        raise OSError(
            f"the file is damaged: its header has {depth} bits a channel, the colour type {colour} "
            f"and the methods {packing}, {filtering} and {passes}"
        )
    return width, height, depth, colour


def plain(chunks: Chunks) -> bytes:
    """A PNG of the same pixels, with no chunk that they do not need; OSError if they are damaged.

    The alpha of a palette stays, while `with_key` reads a transparent colour.
    """
    content = dict(reversed(chunks))
    header, rows = content[b"IHDR"], b"".join(c for name, c in chunks if name == b"IDAT")
    palette: Chunks = []
    if header[9] == PALETTE:
        colours = content.get(b"PLTE", b"")
        if len(colours) % 3 or not 3 <= len(colours) <= 3 * 256:
            raise OSError(f"the file is damaged: its palette has {len(colours)} bytes")
        alphas = content.get(b"tRNS", b"")[: len(colours) // 3]
        palette = [(b"PLTE", colours), *([(b"tRNS", alphas)] if alphas else [])]
    # Stored instead of packed, so that they are not unpacked a second time: it takes the most time.
    rows = zlib.compress(unpacked_rows(rows, header), 0)
    return SIGNATURE + packed([(b"IHDR", header), *palette, (b"IDAT", rows), (b"IEND", b"")])


def unpacked_rows(content: bytes, header: bytes) -> bytes:
    """The rows of pixels, each behind the number of its filter.

    OSError unless there are as many packed pixels as the header says, in rows with known filters.
    """
    width, height, depth, colour = header_of(header)
    sizes = []  # of each pass, rows and bytes a row, the one with the filter's number included
    for top, left, down, right in PASSES if header[12] else ((0, 0, 1, 1),):
        columns = len(range(left, width, right))
        if columns:
            bits = columns * depth * CHANNELS[colour]
            sizes.append((len(range(top, height, down)), 1 + -(-bits // 8)))
    length = sum(rows * row for rows, row in sizes)
    unpacker = zlib.decompressobj()
    found = unpacker.decompress(content, length + 1)
    raw = np.frombuffer(found, np.uint8)
    if len(raw) > length or unpacker.unused_data:
        raise OSError(f"the file is damaged: it holds more than its {width}x{height} pixels")
    if len(raw) < length or not unpacker.eof:
        raise OSError("the file is truncated or damaged: it holds too few pixels")
    place = 0
    for rows, row in sizes:
        if (raw[place : place + rows * row : row] >= FILTERS).any():
            raise OSError("the file is damaged: a row has an unknown filter")
        place += rows * row
    return found


def pixels_of(chunks: Chunks, depth: int, colour: int) -> Tensor:
    """uint16 (C, H, W) of 16 bits, else uint8, of a palette with the alpha that it has.

    OpenCV gives grey with alpha as three equal channels and alpha.
    """
    pixels = from_opencv(plain(chunks), 16 if depth == 16 else 8)
    if colour == GREY_ALPHA:
        return pixels[[0, 3]]
    return pixels if colour == PALETTE else pixels[: CHANNELS[colour]]


def with_key(pixels: Tensor, key: bytes, depth: int) -> Tensor:
    """Pixels (C, H, W) with an alpha channel that is 0 where they have the transparent colour.

    Args:
        key: the content of tRNS: 2 bytes a channel, in the units of the file. With 2 bits, 1 means
            85 of 255, as it does for the pixels.
        depth: bits a channel.
    """
    white = 65535 if depth == 16 else 255
    values = torch.tensor(struct.unpack(f">{len(pixels)}H", key[: 2 * len(pixels)]))
    values = (values & (2**depth - 1)) * (white // (2**depth - 1))
    clear = (pixels == values.to(pixels.dtype)[:, None, None]).all(0, keepdim=True)
    return torch.cat([pixels, (white * (~clear).int()).to(pixels.dtype)])


def extras_of(chunks: Chunks, after: int) -> Extras:
    """What the chunks hold beside pixels; `after` bytes follow them."""
    content = dict(reversed(chunks))
    profile = content.get(b"iCCP")
    exif, xmp, texts = texts_of(chunks)
    # Of the chunks that are not known here, those with a small letter at the end may be copied to a
    # file with other pixels, says the specification.
    unkept = [name.decode("latin-1") for name, _ in chunks if name not in READ and name[3] < 97]
    meaning = [chunk for chunk in chunks if chunk[0] in MEANING and chunk[0] != b"iCCP"]
    return Extras(
        format="PNG",
        profile=unpacked(profile.partition(b"\0")[2][1:]) if profile else None,
        gamma=unusual(content),
        exif=content.get(b"eXIf", exif or b"").removeprefix(EXIF),
        xmp=xmp,
        resolution=resolution_of(content.get(b"pHYs")),
        own={"chunks": [*meaning, *texts]},
        own_names=("text",) if texts else (),
        unkept=(*dict.fromkeys(unkept), *bytes_after(after)),
    )


def texts_of(chunks: Chunks) -> tuple[bytes | None, bytes | None, Chunks]:
    """EXIF and XMP out of texts, and all other chunks that may be copied."""
    exif, xmp, others = None, None, []
    for name, content in chunks:
        if name in READ or name[3] < 97:
            continue
        keyword, _, text = content.partition(b"\0")
        if name == b"iTXt" and keyword == XMP:
            # 1 if packed, method, language, translated keyword, text
            body = text[2:].split(b"\0", 2)[2]
            xmp = unpacked(body) if text[:1] == b"\1" else body
        elif name in (b"tEXt", b"zTXt") and keyword in RAW_EXIF:
            # an empty line, "exif", the number of bytes, and then the bytes as hexadecimal digits
            lines = (unpacked(text[1:]) if name == b"zTXt" else text).split(b"\n")
            exif = bytes.fromhex(b"".join(lines[3:]).decode("ascii"))
        else:
            others.append((name, content))
    return exif, xmp, others


def resolution_of(content: bytes | None) -> Resolution | None:
    """What the chunk pHYs says: pixels a unit along x and y, and whether the unit is a metre."""
    if content is None or len(content) != 9:
        return None
    x, y, unit = struct.unpack(">IIB", content)
    return Resolution(Fraction(x), Fraction(y), "metre" if unit == 1 else "") if x and y else None


def unusual(content: dict[bytes, bytes]) -> tuple[str, ...]:
    """The chunks that give the colours another meaning than a file without them has: sRGB."""
    first = next((name for name in MEANING[:3] if name in content), None)
    names = [first] if first == b"cICP" else [] if first else [b"gAMA", b"cHRM"]
    return tuple(
        name.decode() for name in names if name in content and content[name] not in OF_SRGB[name]
    )


def write_png(picture: Picture) -> bytes:
    """The bytes of a PNG with the picture."""
    colour, alpha, white, extras = picture
    pixels = colour if alpha is None else torch.cat([colour, alpha])
    if white == 65535:
        data = grey_alpha16(pixels) if len(pixels) == 2 else to_opencv(pixels, ".png")
    else:
        data = saved(to_pillow(pixels, picture.mode))
    return data[:HEADER_END] + packed(chunks_for(extras)) + data[HEADER_END:]


def saved(image: Image.Image) -> bytes:
    """An image as Pillow writes it."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def grey_alpha16(pixels: Tensor) -> bytes:
    """A PNG of (2, H, W) with 16 bits, which neither library writes.

    A pixel of it is 4 bytes, as one of red, green, blue and alpha with 8 bits is, and a PNG is
    packed by bytes: so it is written as the latter, and the header is changed.
    """
    pixels = pixels.int()
    high_low = torch.stack([pixels >> 8, pixels & 255], 1).flatten(0, 1)  # (4, H, W)
    data = saved(to_pillow(high_low, "RGBA"))
    _, height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, GREY_ALPHA, 0, 0, 0)
    return SIGNATURE + packed([(b"IHDR", header)]) + data[HEADER_END:]


def chunks_for(extras: Extras) -> Chunks:
    """The chunks that hold what is beside the pixels, in an order that the specification allows."""
    chunks: Chunks = list(extras.own["chunks"]) if extras.format == "PNG" else []
    if extras.profile:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(extras.profile)))
    if extras.exif:
        chunks.append((b"eXIf", extras.exif))
    if extras.xmp:
        chunks.append((b"iTXt", XMP + b"\0\0\0\0\0" + extras.xmp))
    if extras.resolution:
        resolution = extras.resolution.in_units("metre")
        numbers = *resolution.whole(2**31 - 1), resolution.per == "metre"
        chunks.append((b"pHYs", struct.pack(">IIB", *numbers)))
    return chunks
