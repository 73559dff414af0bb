"""What would be lost is refused, by a sentence with the file's name, before memory is taken."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from others.files import kinds
from others.files.image_file import OTHERS, picture_of, read_picture
from tests.helpers.files import png

ZEROS = np.zeros((4, 5), np.uint16)


def refusal(path: Path) -> str:
    """What the reader says of a file instead of reading it."""
    with pytest.raises(ValueError, match=path.name) as refused:
        read_picture(path)
    return str(refused.value)


TIFFS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "signed": (ZEROS.astype(np.int16), {}, "signed numbers"),
    "float": (ZEROS.astype(np.float32), {}, "32 bits a channel"),
    "half": (ZEROS.astype(np.float16), {}, "floating point numbers"),
    "32 bits": (ZEROS.astype(np.uint32), {}, "32 bits a channel"),
    "frames": (np.zeros((2, 4, 5), np.uint8), {"photometric": "minisblack"}, "holds 2 images"),
    "RGB + 1": (np.zeros((4, 5, 4), np.uint8), {"extrasamples": ["unspecified"]}, "no stated"),
    "RGB + 2": (
        np.zeros((4, 5, 5), np.uint8),
        {"planarconfig": "contig", "extrasamples": [2, 0]},
        "5 samples a pixel",
    ),
    "grey + 1": (
        np.zeros((4, 5, 2), np.uint16),
        {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": [0]},
        "no stated meaning",
    ),
    "multiplied": (np.zeros((4, 5, 4), np.uint8), {"extrasamples": [1]}, "multiplied in"),
    "inks": (np.zeros((4, 5, 4), np.uint8), {"photometric": "separated"}, "expected grey or RGB"),
}


@pytest.mark.parametrize("name", TIFFS)
def test_tiffs(tmp_path: Path, name: str) -> None:
    """Numbers, samples and colours that would change are refused."""
    array, options, message = TIFFS[name]
    colour = array.ndim == 3 and array.shape[-1] > 3
    options = {"photometric": "rgb" if colour else "minisblack", "metadata": None, **options}
    tifffile.imwrite(tmp_path / "in.tif", array, **options)
    assert message in refusal(tmp_path / "in.tif")


def test_tiff_of_12_bits(tmp_path: Path) -> None:
    """A TIFF of 12 bits is refused, and not read as if 12 of 16 bits were used."""
    tags = [
        (256, 2),
        (257, 1),
        (258, 12),
        (259, 1),
        (262, 1),
        (273, 200),
        (277, 1),
        (278, 1),
        (279, 3),
    ]
    entries = [struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags]
    body = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + b"".join(entries) + bytes(4)
    (tmp_path / "in.tif").write_bytes(body.ljust(200, b"\0") + b"\xff\xff\xff")
    assert "has 12 bits a channel; expected 1, 2, 4, 8 or 16" in refusal(tmp_path / "in.tif")


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_frames(tmp_path: Path, suffix: str) -> None:
    """A file of several frames is refused, and not reduced to one of them."""
    frames = [Image.new("RGB", (3, 3), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / f"in{suffix}", save_all=True, append_images=frames[1:])
    assert "expected one" in refusal(tmp_path / f"in{suffix}")


def test_frames_of_16_bits(tmp_path: Path) -> None:
    """An animated PNG is refused also where its frames have 16 bits."""
    chunk = (b"acTL", struct.pack(">II", 2, 0))
    (tmp_path / "in.png").write_bytes(png(np.zeros((2, 2, 3), int), 16, "RGB", [chunk]))
    assert "several frames" in refusal(tmp_path / "in.png")


@pytest.mark.parametrize("suffix", [".gif", ".tga", ".dds", ".sgi", ".jp2", ".avif"])
@pytest.mark.parametrize("name", ["in", "in.png"])
def test_other_kinds(tmp_path: Path, suffix: str, name: str) -> None:
    """Kinds that are not in the table are refused, also where the name says PNG."""
    Image.new("RGB", (8, 8)).save(tmp_path / f"x{suffix}")
    path = (tmp_path / f"x{suffix}").rename(tmp_path / (name if "." in name else name + suffix))
    said = refusal(path)
    assert "is an image of the kind" in said
    assert "expected PNG, TIFF, JPEG, WEBP, BMP, PPM" in said


@pytest.mark.parametrize("maximum", [7, 100, 1023, 65534])
def test_pnm_of_odd_depths(tmp_path: Path, maximum: int) -> None:
    """White has to be 1, 255 or 65535."""
    pixels = bytes(2 if maximum > 255 else 1)
    (tmp_path / "in.pgm").write_bytes(b"P5 1 1 %d\n" % maximum + pixels)
    assert f"has the number {maximum} for white" in refusal(tmp_path / "in.pgm")


def test_inks_and_floats(tmp_path: Path) -> None:
    """Neither inks nor floating point numbers become grey levels."""
    Image.new("CMYK", (3, 3)).save(tmp_path / "in.jpg")
    assert "mode CMYK" in refusal(tmp_path / "in.jpg")
    (tmp_path / "in.ppm").write_bytes(b"Pf 1 1 -1.0\n" + bytes(4))
    assert "is an image of the kind PFM" in refusal(tmp_path / "in.ppm")


@pytest.mark.parametrize("kind", OTHERS)
def test_kinds_that_no_library_here_reads(tmp_path: Path, kind: str) -> None:
    """A refused file is named by the kind that its first bytes tell, whatever its own name says."""
    for start in OTHERS[kind]:
        before = bytes(4) if start.startswith(b"ftyp") else b""
        (tmp_path / "in.jpg").write_bytes(before + start + bytes(100))
        assert f"is an image of the kind {kind}; expected PNG" in refusal(tmp_path / "in.jpg")


@pytest.mark.parametrize(
    ("frame", "bits", "message"),
    [(0xC1, 12, "a JPEG of 12 bits a channel; expected 8"), (0xC3, 8, "packed without loss")],
)
def test_jpegs_that_would_change(tmp_path: Path, frame: int, bits: int, message: str) -> None:
    """A JPEG of 12 bits or without loss would be written with fewer bits or with loss."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    header = b"\xff\xc0\0\x11\x08"
    assert file.getvalue().count(header) == 1
    changed = b"\xff" + bytes([frame]) + b"\0\x11" + bytes([bits])
    (tmp_path / "in.jpg").write_bytes(file.getvalue().replace(header, changed))
    assert message in refusal(tmp_path / "in.jpg")


@pytest.mark.parametrize("header", [b"P4 8 1\n", b"P5 1 1 255\n", b"P6\n1 # one\n 1\n65535\n"])
def test_several_images_in_a_pnm(tmp_path: Path, header: bytes) -> None:
    """The format allows images one after the other, of which none is written as if it were all."""
    pixel = bytes({b"P4": 1, b"P5": 1, b"P6": 6}[header[:2]])
    (tmp_path / "in.pnm").write_bytes(2 * (header + pixel))
    assert "holds several images; expected one" in refusal(tmp_path / "in.pnm")


@pytest.mark.parametrize(("kind", "number"), [(np.uint16, 50000), (np.uint8, 50001)])
def test_packings_of_tiff(tmp_path: Path, kind: Any, number: int) -> None:
    """One that no library here decodes is named; the file is not called damaged."""
    tifffile.imwrite(tmp_path / "in.tif", ZEROS.astype(kind), metadata=None)
    with tifffile.TiffFile(tmp_path / "in.tif", mode="r+") as file:
        page: Any = file.pages[0]
        page.tags[259].overwrite(number)
    assert "by ZSTD" in refusal(tmp_path / "in.tif") or number == 50001
    assert "expected none, deflate, LZW or PackBits" in refusal(tmp_path / "in.tif")


@pytest.mark.parametrize("packing", [5, 32773, 34925, 50000])
@pytest.mark.parametrize(("channels", "kind"), [(2, np.uint8), (2, np.uint16), (4, np.uint16)])
def test_packed_planes_of_a_tiff(tmp_path: Path, channels: int, kind: Any, packing: int) -> None:
    """Planes that no library here reads right are refused, whatever packs them."""
    options = {"photometric": "rgb" if channels == 4 else "minisblack", "metadata": None}
    planes = np.zeros((channels, 4, 5), kind)
    tifffile.imwrite(
        tmp_path / "in.tif", planes, planarconfig="separate", extrasamples=[2], **options
    )
    with tifffile.TiffFile(tmp_path / "in.tif", mode="r+") as file:
        page: Any = file.pages[0]
        page.tags[259].overwrite(packing)
    said = refusal(tmp_path / "in.tif")
    assert "one after the other, packed by" in said or "packs 16 bits by" in said


@pytest.mark.parametrize("packing", [5, 32773, 34925, 50000])
def test_packed_white_as_zero_with_alpha(tmp_path: Path, packing: int) -> None:
    """No library here reads it in these packings, and its colours are named for that, not its
    bits."""
    grey_alpha = np.zeros((4, 5, 2), np.uint8)
    options: dict[str, Any] = {"planarconfig": "contig", "extrasamples": [2], "metadata": None}
    tifffile.imwrite(tmp_path / "in.tif", grey_alpha, photometric="miniswhite", **options)
    with tifffile.TiffFile(tmp_path / "in.tif", mode="r+") as file:
        page: Any = file.pages[0]
        page.tags[259].overwrite(packing)
    assert "has colours of the kind MINISWHITE with alpha, packed by" in refusal(
        tmp_path / "in.tif"
    )


def test_a_raw_file_of_a_camera(tmp_path: Path) -> None:
    """What such a file shows first is a small copy, while the image is in a directory inside."""
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        file.write(ZEROS[:2, :2], subfiletype=1, subifds=1, metadata=None)
        file.write(ZEROS, metadata=None)
    assert "begins with a reduced copy" in refusal(tmp_path / "in.tif")


def test_a_chunk_that_has_to_be_understood(tmp_path: Path) -> None:
    """A PNG with an unknown chunk whose name begins with a capital letter is refused for it."""
    (tmp_path / "in.png").write_bytes(png(np.zeros((2, 2, 3), int), 8, "RGB", [(b"CgBI", b"1234")]))
    assert "holds the chunk b'CgBI'" in refusal(tmp_path / "in.png")


@pytest.mark.parametrize("depth", [2, 4])
def test_colours_of_few_bits_in_a_tiff(tmp_path: Path, depth: int) -> None:
    """RGB of 2 or 4 bits a channel, which no library here reads, is refused by its bits."""
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((4, 8, 3), np.uint8), photometric="rgb")
    with tifffile.TiffFile(tmp_path / "in.tif", mode="r+") as file:
        page: Any = file.pages[0]
        page.tags[258].overwrite((depth, depth, depth))
    assert f"has 3 samples of {depth} bits a pixel; expected 8" in refusal(tmp_path / "in.tif")


def test_a_bmp_with_a_profile(tmp_path: Path) -> None:
    """A BMP with a colour profile is refused, because the profile is not read."""
    data = bytearray(b"BM" + bytes(12) + struct.pack("<IiiHHI", 124, 1, 1, 1, 24, 0) + bytes(104))
    data[10:14], data[70:74] = struct.pack("<I", 138), b"DEBM"
    (tmp_path / "in.bmp").write_bytes(bytes(data) + bytes(4))
    assert "colour profile" in refusal(tmp_path / "in.bmp")


@pytest.mark.parametrize("depth", [8, 16])
def test_declared_sizes(tmp_path: Path, depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PNG of some 70 bytes that declares gigabytes is refused by its header alone."""

    def never(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr("others.files.png.from_opencv", never)
    pixel = np.zeros((1, 1, 4), int)
    (tmp_path / "in.png").write_bytes(png(pixel, depth, "RGBA", size=(11000, 11000)))
    assert "a file of its length holds" in refusal(tmp_path / "in.png")
    (tmp_path / "in.png").write_bytes(png(pixel, depth, "RGBA", size=(2**31 - 1, 2**31 - 1)))
    assert "declares 2147483647x2147483647 pixels" in refusal(tmp_path / "in.png")
    (tmp_path / "in.png").write_bytes(png(pixel, depth, "RGBA", size=(0, 5)))
    assert "declares 0x5 pixels" in refusal(tmp_path / "in.png")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".bmp", ".ppm"])
def test_the_most_pixels(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image beyond the limit is refused, of every kind."""
    monkeypatch.setattr(kinds, "MOST_PIXELS", 1000)
    Image.new("RGB", (50, 50)).save(tmp_path / f"in{suffix}")
    assert "declares 50x50 pixels; expected 1 to 1000" in refusal(tmp_path / f"in{suffix}")


def test_more_pixels_than_a_library_opens(tmp_path: Path) -> None:
    """Beyond a limit of its own Pillow opens no file, which is no damage of the file."""
    (tmp_path / "in.pgm").write_bytes(b"P5 99999 99999 255\n")
    assert "declares too many pixels; expected 1 to 134217728" in refusal(tmp_path / "in.pgm")


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
@pytest.mark.parametrize("kind", ["BMP", "PPM"])
def test_uncompressed_files_are_as_long_as_they_say(
    kind: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file is refused before memory is taken for its pixels, and a whole one is read."""
    whole = io.BytesIO()
    Image.new(mode, (33, 40)).save(whole, kind)
    data = whole.getvalue()
    assert picture_of(data, "whole").colour.shape[1:] == (40, 33)
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("memory was taken"))
    with pytest.raises(OSError, match="half: the file is truncated"):
        picture_of(data[: len(data) // 2], "half")


def test_truncated_webp() -> None:
    """A WebP without its last bytes is refused as truncated, and a whole one is read."""
    whole = io.BytesIO()
    Image.new("RGB", (33, 40)).save(whole, "WEBP", lossless=True)
    data = whole.getvalue()
    assert picture_of(data, "whole").colour.shape[1:] == (40, 33)
    for end in (13, len(data) // 2, len(data) - 1):
        with pytest.raises(OSError, match="part: the file is truncated"):
            picture_of(data[:end], "part")


def test_no_image(tmp_path: Path) -> None:
    """Text and an empty file are no images."""
    for content in (b"", b"no image", b"\x89PNG\r\n\x1a\n"):
        (tmp_path / "in.png").write_bytes(content)
        with pytest.raises(OSError, match=r"in\.png: "):
            read_picture(tmp_path / "in.png")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".ppm"])
def test_fewer_pixels_than_usual(tmp_path: Path, suffix: str) -> None:
    """A caller may allow fewer pixels; the bytes of a file are read without a path."""
    path = tmp_path / f"in{suffix}"
    Image.new("RGB", (5, 4)).save(path)
    assert picture_of(path.read_bytes(), "it", 20).colour.shape == (3, 4, 5)
    with pytest.raises(ValueError, match=r"^it: declares 5x4 pixels; expected 1 to 19$"):
        picture_of(path.read_bytes(), "it", 19)
