"""PNG files of 16 bits a channel, which Pillow reads with 8 as soon as they are in colour.

Source: "Portable Network Graphics (PNG) Specification", W3C, third edition. Read are the colour
types grey, colour, and both with alpha, plain or interlaced; a transparent colour becomes an alpha
channel. Written are plain files. Pixels are int32 (C, H, W) from 0 to 65535, alpha last.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import torch
from torch import Tensor

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by the colour type
KEPT = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"pHYs", b"eXIf")  # what to do with the pixels
WHITE = 65535
BAND = 256  # rows that are written at once
# First row and column, and the steps between rows and columns, of each pass.
PLAIN = ((0, 0, 1, 1),)
ADAM7 = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)


class Header(NamedTuple):
    """The fields of the first chunk."""

    width: int
    height: int
    depth: int
    colour: int
    compression: int
    filters: int
    interlaced: int


def header_of(path: Path) -> Header | None:
    """That of a PNG file, None for any other."""
    with open(path, "rb") as file:
        start = file.read(33)
    if start[:8] != SIGNATURE or start[12:16] != b"IHDR" or len(start) < 33:
        return None
    return Header(*struct.unpack(">IIBBBBB", start[16:29]))


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk; OSError where the file ends too early or a checksum fails."""
    place = len(SIGNATURE)
    while place < len(data):
        if place + 12 > len(data):
            raise OSError("the file is truncated")
        (length,) = struct.unpack(">I", data[place : place + 4])
        end = place + 12 + length
        body = data[place + 4 : end - 4]
        if end > len(data) or data[end - 4 : end] != struct.pack(">I", zlib.crc32(body)):
            raise OSError("the file is truncated or damaged")
        yield body[:4], body[4:]
        place = end


def read(path: Path) -> tuple[Tensor, dict[bytes, bytes]]:
    """Pixels of a file of 16 bits, and those of its other chunks that `write` can keep.

    OSError for a file that is damaged or of another kind.
    """
    header = header_of(path)
    if header is None or header.depth != 16 or header.colour not in CHANNELS:
        raise OSError(f"{path} is no PNG of 16 bits")
    found: dict[bytes, bytes] = {}
    try:
        for name, content in chunks(path.read_bytes()):
            found[name] = found.get(name, b"") + content if name == b"IDAT" else content
        pixels = _pixels(found.get(b"IDAT", b""), header)
    except (OSError, ValueError, zlib.error) as error:
        raise OSError(f"{path}: {error}") from error
    if b"tRNS" in found and header.colour in (0, 2):
        key = torch.tensor(struct.unpack(f">{len(pixels)}H", found[b"tRNS"]))
        clear = (pixels == key[:, None, None]).all(0, keepdim=True)
        pixels = torch.cat([pixels, WHITE * (~clear).int()])
    return pixels, {name: content for name, content in found.items() if name in KEPT}


def _pixels(packed: bytes, header: Header) -> Tensor:
    """(C, H, W) out of the compressed data."""
    size = 2 * CHANNELS[header.colour]  # bytes of a pixel
    result = torch.zeros(header.height, header.width, size, dtype=torch.uint8)
    parts = [result[r::dr, c::dc] for r, c, dr, dc in (ADAM7 if header.interlaced else PLAIN)]
    parts = [part for part in parts if part.numel()]
    lengths = [len(part) * (1 + part[0].numel()) for part in parts]
    unpacker = zlib.decompressobj()
    data = bytearray(unpacker.decompress(packed, sum(lengths)))
    if len(data) < sum(lengths):
        raise OSError("the file is truncated")
    values, place = torch.frombuffer(data, dtype=torch.uint8), 0
    for part, length in zip(parts, lengths):
        lines = values[place : place + length].view(len(part), -1)
        part.copy_(unfiltered(lines[:, 1:].reshape(part.shape), lines[:, 0]))
        place += length
    high, low = result.int().view(header.height, header.width, -1, 2).unbind(-1)
    return (256 * high + low).permute(2, 0, 1).contiguous()


def paeth(left: Tensor, above: Tensor, corner: Tensor) -> Tensor:
    """Which of the three is closest to left + above − corner; the first one where two are."""
    to_left, to_above = (above - corner).abs(), (left - corner).abs()
    to_corner = (left + above - 2 * corner).abs()
    other = torch.where(to_above <= to_corner, above, corner)
    return torch.where((to_left <= to_above) & (to_left <= to_corner), left, other)


def unfiltered(lines: Tensor, kinds: Tensor) -> Tensor:
    """Bytes (H, W, B) out of differences to what each row's kind of filter predicts.

    A pixel needs those left of it and above: all pixels of a diagonal are had at once.
    """
    if int(kinds.max()) > 4:
        raise OSError(f"filter {int(kinds.max())} is unknown")
    height, width, size = lines.shape
    result = torch.zeros(height + 1, width + 1, size, dtype=torch.int16)  # a border of zeros
    for diagonal in range(height + width - 1):
        rows = torch.arange(max(0, diagonal - width + 1), min(diagonal, height - 1) + 1)
        columns = diagonal - rows
        left, above = result[rows + 1, columns], result[rows, columns + 1]
        corner, kind = result[rows, columns], kinds[rows, None]
        guess = torch.where(kind == 1, left, torch.where(kind == 2, above, (left + above) // 2))
        guess = torch.where(kind == 4, paeth(left, above, corner), guess)
        difference = lines[rows, columns] + torch.where(kind == 0, torch.zeros_like(guess), guess)
        result[rows + 1, columns + 1] = difference & 255
    return result[1:, 1:].to(torch.uint8)


def write(file: IO[bytes], pixels: Tensor, kept: dict[bytes, bytes]) -> None:
    """A PNG of 16 bits with int32 (C, H, W) from 0 to 65535, and with these other chunks."""
    count, height, width = pixels.shape
    colour = {channels: number for number, channels in CHANNELS.items()}[count]
    file.write(SIGNATURE)
    _write_chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    for name in KEPT:
        if name in kept:
            _write_chunk(file, name, kept[name])
    packer = zlib.compressobj(6)
    above = torch.zeros(1, width + 1, 2 * count, dtype=torch.int16)
    for band in pixels.split(BAND, 1):
        split = torch.stack([band >> 8, band & 255], -1).permute(1, 2, 0, 3).flatten(2)
        rows = torch.cat([torch.zeros(len(split), 1, 2 * count), split], 1).short()
        before = torch.cat([above, rows[:-1]])
        guess = paeth(rows[:, :-1], before[:, 1:], before[:, :-1])
        lines = ((rows[:, 1:] - guess) & 255).flatten(1).to(torch.uint8)
        kinds = torch.full((len(lines), 1), 4, dtype=torch.uint8)
        _write_chunk(file, b"IDAT", packer.compress(torch.cat([kinds, lines], 1).numpy().tobytes()))
        above = rows[-1:]
    _write_chunk(file, b"IDAT", packer.flush())
    _write_chunk(file, b"IEND", b"")


def _write_chunk(file: IO[bytes], name: bytes, content: bytes) -> None:
    body = name + content
    file.write(struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body)))
