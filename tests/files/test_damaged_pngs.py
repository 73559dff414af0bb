"""A damaged PNG is refused by name, what is odd beside its pixels is not, and no library prints."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from others.files.image_file import picture_of, read_picture
from others.files.png import SIGNATURE, packed
from tests.helpers.files import png

ROWS = b"".join(b"\0" + bytes(range(9)) for _ in range(4))  # of 3x4 pixels, RGB of 8 bits
HEADER = (3, 4, 8, 2, 0, 0, 0)  # width, height, bits, colour type, three methods
PALETTED = (9, 4, 8, 3, 0, 0, 0)
DAMAGED: dict[str, tuple[tuple[int, ...], bytes, list[tuple[bytes, bytes]], str]] = {
    "a pixel too few": (HEADER, zlib.compress(ROWS[:-1]), [], "too few pixels"),
    "a byte too many": (HEADER, zlib.compress(ROWS + b"x"), [], "more than its 3x4 pixels"),
    "bytes behind": (HEADER, zlib.compress(ROWS) + b"x", [], "more than its 3x4 pixels"),
    "cut off": (HEADER, zlib.compress(ROWS)[:-5], [], "too few pixels"),
    "no checksum": (HEADER, zlib.compress(ROWS)[:-4], [], "too few pixels"),
    "a wrong checksum": (HEADER, zlib.compress(ROWS)[:-4] + b"1234", [], "incorrect data check"),
    "nothing packed": (HEADER, b"1234", [], "incorrect header check"),
    "an unknown filter": (HEADER, zlib.compress(b"\5" + ROWS[1:]), [], "an unknown filter"),
    "no palette": (PALETTED, zlib.compress(ROWS), [], "its palette has 0 bytes"),
    "half a colour": (PALETTED, zlib.compress(ROWS), [(b"PLTE", b"1234")], "has 4 bytes"),
    "3 bits": ((3, 4, 3, *HEADER[3:]), zlib.compress(ROWS), [], "its header has 3 bits"),
    "colour type 5": ((3, 4, 8, 5, 0, 0, 0), zlib.compress(ROWS), [], "the colour type 5"),
    "methods": ((3, 4, 8, 2, 1, 1, 2), zlib.compress(ROWS), [], "the methods 1, 1 and 2"),
}


@pytest.mark.parametrize("depth", [8, 16])
def test_damaged_pngs(tmp_path: Path, depth: int) -> None:
    """Truncated, altered, or with fewer pixels than it declares: OSError with the name."""
    whole = png(np.arange(9 * 9 * 3).reshape(9, 9, 3), depth, "RGB")
    short = png(np.arange(9 * 9 * 3).reshape(9, 9, 3), depth, "RGB", size=(9, 20))
    path = tmp_path / "in.png"
    for broken in (whole[:30], whole[:60], whole[:-20], whole[:60] + b"!" + whole[61:], short):
        path.write_bytes(broken)
        with pytest.raises(OSError, match=r"in\.png: the file is truncated"):
            read_picture(path)


def png_of(header: tuple[int, ...], rows: bytes, chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of these contents, whatever they are, with checksums that are right."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", *header)), *chunks, (b"IDAT", rows), (b"IEND", b"")]
    return SIGNATURE + packed(parts)


@pytest.mark.parametrize("name", DAMAGED)
def test_pngs_whose_checksums_are_right(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Damage that only the decoder would find is named with the file, and no library prints more
    of it."""
    header, rows, chunks, message = DAMAGED[name]
    with pytest.raises(OSError, match=r"in\.png: ") as refused:
        picture_of(png_of(header, rows, chunks), "in.png")
    assert message in str(refused.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (8, 1), (9, 8)])
def test_the_filters_of_all_passes(size: tuple[int, int], interlaced: bool) -> None:
    """The last row of the last pass is looked at, also where the image is too small for some of the
    passes."""
    height, width = size
    whole = png(np.zeros((*size, 3), int), 8, "RGB", interlaced=interlaced)
    assert picture_of(whole, "in.png").colour.shape[1:] == size
    rows = bytearray(zlib.decompressobj().decompress(whole[whole.index(b"IDAT") + 4 :]))
    rows[-(1 + 3 * width)] = 5  # the last pass has whole rows, as an image without passes has
    header = (width, height, 8, 2, 0, 0, int(interlaced))
    with pytest.raises(OSError, match="a row has an unknown filter"):
        picture_of(png_of(header, zlib.compress(bytes(rows)), []), "in.png")


ODD: list[tuple[bytes, bytes]] = [
    (b"iCCP", b"name\0\0" + zlib.compress(b"no profile")),
    *[(name, b"123") for name in (b"gAMA", b"cHRM", b"pHYs", b"sRGB", b"PLTE", b"bKGD", b"sBIT")],
]


@pytest.mark.parametrize(("name", "content"), ODD)
def test_odd_chunks_beside_pixels(
    name: bytes, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """A chunk that the pixels do not need leaves them as they are, and no library prints that it is
    odd."""
    found = picture_of(png_of(HEADER, zlib.compress(ROWS), [(name, content)]), "in.png")
    assert found.colour.permute(1, 2, 0)[0].flatten().tolist() == list(range(9))
    assert capfd.readouterr() == ("", "")


def test_the_longest_side_of_a_png() -> None:
    """An image that is longer than the library takes is refused by the limit, not as damaged."""
    for width in (1_000_000, 1_000_001):
        data = png_of((width, 1, 8, 0, 0, 0, 0), zlib.compress(bytes(1 + width)), [])
        if width == 1_000_000:
            assert picture_of(data, "in.png").colour.shape == (1, 1, width)
        else:
            with pytest.raises(ValueError, match="expected 1000000 at most along a side"):
                picture_of(data, "in.png")
