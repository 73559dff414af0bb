"""PNG files of 16 bits, against an encoder that follows the specification byte by byte."""

from __future__ import annotations

import itertools
import struct
import zlib
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Generator, Tensor

from others.files import png16
from others.files.image_file import read_picture


def values(channels: int, height: int, width: int) -> Tensor:
    """int32 (C, H, W) of 16 bits, smooth with noise on it."""
    size = (channels, height, width)
    noise = torch.randint(16384, size, generator=Generator().manual_seed(0))
    return (noise + torch.linspace(0, 32768, width).int()).int()


def naive_png(pixels: Tensor, colour: int, interlaced: bool, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG of 16 bits, byte by byte as the specification says, with all five filters in turn."""
    count, height, width = pixels.shape
    raw = b""
    for top, left, down, right in png16.ADAM7 if interlaced else png16.PLAIN:
        part = pixels[:, top::down, left::right].permute(1, 2, 0)
        before = [0] * (2 * count * part.shape[1])
        for number, row in enumerate(part if part.numel() else []):
            line = list(struct.pack(f">{row.numel()}H", *row.flatten().tolist()))
            raw += bytes([number % 5]) + filtered(line, before, number % 5, 2 * count)
            before = line
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, int(interlaced))
    parts = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return png16.SIGNATURE + b"".join(
        struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in parts
    )


def filtered(line: list[int], before: list[int], kind: int, size: int) -> bytes:
    """A row of bytes after one of the filters, `size` bytes a pixel."""
    result = []
    for place, value in enumerate(line):
        a = line[place - size] if place >= size else 0
        b, c = before[place], before[place - size] if place >= size else 0
        closest = min(
            (abs(a + b - c - guess), order, guess) for order, guess in enumerate((a, b, c))
        )
        result.append((value - (0, a, b, (a + b) // 2, closest[2])[kind]) % 256)
    return bytes(result)


@pytest.mark.parametrize(
    ("colour", "interlaced"), list(itertools.product(png16.CHANNELS, [False, True]))
)
def test_png_of_16_bits(tmp_path: Path, colour: int, interlaced: bool) -> None:
    """Every colour type, all filters, plain and interlaced, is read exactly; Pillow sees the high
    bytes of what is written."""
    pixels = values(png16.CHANNELS[colour], 21, 11)
    path = tmp_path / "image.png"
    path.write_bytes(naive_png(pixels, colour, interlaced))
    assert torch.equal(png16.read(path)[0], pixels)
    with open(path, "wb") as file:
        png16.write(file, pixels, {})
    with Image.open(path) as image:
        if colour != 0:  # which Pillow reads whole
            high = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
            high = high.view(21, 11, -1).permute(2, 0, 1).int()
            assert torch.equal(high[[0, 3]] if colour == 4 else high, pixels >> 8)


def test_a_transparent_colour_of_16_bits(tmp_path: Path) -> None:
    """It becomes an alpha channel."""
    pixels = torch.tensor([[[5, 300]], [[6, 300]], [[7, 300]]]).int()
    key = (b"tRNS", struct.pack(">HHH", 5, 6, 7))
    (tmp_path / "key.png").write_bytes(naive_png(pixels, 2, False, key))
    found = read_picture(tmp_path / "key.png")
    assert found.alpha is not None
    assert found.alpha.flatten().tolist() == [0, 65535]


def test_damaged_files(tmp_path: Path) -> None:
    """Truncated or altered, a PNG of 16 bits is refused with its path, as Pillow does for 8."""
    whole = naive_png(values(3, 9, 9), 2, False)
    path = tmp_path / "image.png"
    for broken in (whole[:60], whole[:-20], whole[:60] + b"!" + whole[61:]):
        path.write_bytes(broken)
        with pytest.raises(OSError, match=r"image\.png"):
            read_picture(path)
