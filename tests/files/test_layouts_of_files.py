"""How pixels lie in a file changes none of them: passes, planes, tiles, strips, orders of bytes."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from others.files.image_file import picture_of, read_picture
from others.files.kinds import Picture, left_out
from tests.helpers.files import png, through, values

COLOUR = values(3, 13, 18).permute(1, 2, 0).numpy().astype(np.uint8)
DEEP = values(4, 13, 18, 65535).permute(1, 2, 0).numpy().astype(np.uint16)


def pixels(picture: Picture) -> np.ndarray:
    """(H, W, C) with alpha as the last channel."""
    colour, alpha = picture.colour, picture.alpha
    return (colour if alpha is None else torch.cat([colour, alpha])).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("kind", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_interlaced_png(kind: str, depth: int) -> None:
    """A PNG in seven passes gives the pixels of one in rows, at every depth that the mode has."""
    if depth < 8 and kind != "L":
        return
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[kind]
    rows = (DEEP[..., :channels] >> (16 - depth)).astype(int)
    found = picture_of(png(rows, depth, kind, interlaced=True), "in.png")
    white = 65535 if depth == 16 else 255
    assert np.array_equal(pixels(found), rows * (white // (2**depth - 1)))


@pytest.mark.parametrize("length", [1, 2, 3])
def test_transparency_of_part_of_a_palette(length: int) -> None:
    """Colours for which a palette of PNG states no alpha are opaque."""
    palette, alphas = bytes([10, 20, 30, 40, 50, 60, 70, 80, 90]), [0, 128, 7]
    chunks = [(b"PLTE", palette), (b"tRNS", bytes(alphas[:length]))]
    found = picture_of(png(np.array([[[0], [1], [2]]]), 8, "P", chunks), "in.png")
    assert found.colour.permute(1, 2, 0).flatten().tolist() == list(palette)
    assert found.alpha is not None
    assert found.alpha.flatten().tolist() == [*alphas[:length], 255, 255][:3]


LAYERS = b"Adobe Photoshop Document Data Block\0MIB8ryaL" + bytes(4)  # of which there are none
LAYOUTS: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 3},
    "tiles": {"tile": (16, 16)},
    "big": {"bigtiff": True},
    "big-endian": {"byteorder": ">"},
    "planes": {"planarconfig": "separate"},
    "deflate": {"compression": "zlib", "rowsperstrip": 4},
    "planes in tiles, deflate": {
        "planarconfig": "separate",
        "tile": (16, 16),
        "compression": "zlib",
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("deep", [False, True])
def test_layouts_of_tiff(tmp_path: Path, layout: str, channels: int, deep: bool) -> None:
    """Every layout of grey or RGB with or without alpha is read, at 8 bits and at 16, and denoised
    by a network that changes nothing."""
    array = DEEP[..., :channels] if deep else (DEEP[..., :channels] >> 8).astype(np.uint8)
    options = {"photometric": "rgb" if channels > 2 else "minisblack", **LAYOUTS[layout]}
    if channels % 2 == 0:
        options["extrasamples"] = [2]
    planes = "separate" in options.values()
    stored = np.moveaxis(array, 2, 0) if planes else array
    if channels == 1:
        stored, options = array[..., 0], {k: v for k, v in options.items() if k != "planarconfig"}
    elif not planes:
        options["planarconfig"] = "contig"
    tifffile.imwrite(tmp_path / "in.tif", stored, metadata=None, **options)
    assert np.array_equal(pixels(read_picture(tmp_path / "in.tif")), array)
    assert np.array_equal(pixels(read_picture(through(tmp_path / "in.tif"))), array)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_white_as_zero(tmp_path: Path, deep: bool, alpha: bool) -> None:
    """White that is stored as 0 is the largest number; alpha is left as it is."""
    array = DEEP[..., :2] if deep else (DEEP[..., :2] >> 8).astype(np.uint8)
    stored = array.copy()
    stored[..., 0] = np.iinfo(array.dtype).max - array[..., 0]
    options: dict[str, Any] = {"planarconfig": "contig", "extrasamples": [2]} if alpha else {}
    stored = stored if alpha else stored[..., 0]
    tifffile.imwrite(tmp_path / "in.tif", stored, photometric="miniswhite", **options)
    found = pixels(read_picture(tmp_path / "in.tif"))
    assert np.array_equal(found, array if alpha else array[..., :1])


@pytest.mark.parametrize("packing", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "zstd", "lzma"])
def test_packings_of_tiff(packing: str) -> None:
    """Each packing of 8 bits without loss gives the same pixels."""
    file = io.BytesIO()
    Image.fromarray(COLOUR).save(file, "TIFF", compression=packing)
    assert np.array_equal(pixels(picture_of(file.getvalue(), "in.tif")), COLOUR)


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_planes_that_are_packed(tmp_path: Path, byteorder: Any, deep: bool, channels: int) -> None:
    """Planes of 8 bits in PackBits are read if they are RGB with or without alpha. Two planes and
    planes of 16 bits are refused, because no library here reads them right.

    No library here writes such a file. Each row of it is a byte that says its length, and the row:
    it is written as a file of rows that are this one byte longer, whose tags are then changed.
    """
    array = (
        DEEP[..., :channels].astype(byteorder + "u2")
        if deep
        else (DEEP[..., :channels] >> 8).astype(np.uint8)
    )
    rows = np.ascontiguousarray(np.moveaxis(array, 2, 0)).view(np.uint8)
    stored = np.insert(rows, 0, rows.shape[2] - 1, axis=2)
    path, photometric = tmp_path / "in.tif", "rgb" if channels > 2 else "minisblack"
    options: dict[str, Any] = {"extrasamples": [2]} if channels % 2 == 0 else {}
    options = {**options, "photometric": photometric, "planarconfig": "separate"}
    tifffile.imwrite(path, stored, byteorder=byteorder, metadata=None, **options)
    with tifffile.TiffFile(path, mode="r+") as file:
        page: Any = file.pages[0]
        bits = (16 if deep else 8,) * channels
        for code, value in ((256, array.shape[1]), (258, bits), (259, 32773)):
            page.tags[code].overwrite(value)
    if deep or channels == 2:
        with pytest.raises(
            ValueError, match=r"in\.tif: .* one after the other, packed by PACKBITS"
        ):
            read_picture(path)
    else:
        assert np.array_equal(pixels(read_picture(path)), array)


@pytest.mark.parametrize("predictor", [0, 1])
@pytest.mark.parametrize("channels", [1, 3])
def test_packings_of_a_deep_tiff(channels: int, predictor: int) -> None:
    """LZW of 16 bits gives the same pixels, with and without differences of neighbours."""
    options = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, 1 + predictor]
    order = [0] if channels == 1 else [2, 1, 0]
    array = DEEP[..., :channels]
    data = cv2.imencode(".tif", np.ascontiguousarray(array[..., order]), options)[1].tobytes()
    assert np.array_equal(pixels(picture_of(data, "in.tif")), array)


def bitmap(
    bits: int, packing: int, rows: np.ndarray, masks: bytes = b"", length: int = 40
) -> bytes:
    """A BMP with these pixels, of which the first row is the last in the file.

    Args:
        length: that the header states; 40 without the masks behind it.
    """
    height, width = rows.shape[:2]
    data = rows[::-1].tobytes()
    words = (length, width, height, 1, bits, packing, len(data), 0, 0, 0, 0)
    header, start = struct.pack("<IiiHHIIiiII", *words) + masks, 54 + len(masks)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + data


@pytest.mark.parametrize(("packing", "shifts"), [(0, (10, 5, 5)), (3, (11, 5, 6))])
def test_bmp_of_16_bits(packing: int, shifts: tuple[int, int, int]) -> None:
    """Five or six bits a channel become eight, from black to white."""
    words = DEEP[:, :, 0]
    red, green = shifts[0], shifts[1]
    masks = [31 << red, (2 ** shifts[2] - 1) << green, 31]
    data = bitmap(16, packing, words, struct.pack("<III", *masks) if packing else b"")
    numbers = np.stack([words >> red & 31, words >> green & (2 ** shifts[2] - 1), words & 31], -1)
    expected = numbers * 255 / np.array([31, 2 ** shifts[2] - 1, 31])
    assert np.abs(pixels(picture_of(data, "in.bmp")) - expected).max() < 1


@pytest.mark.parametrize("length", [56, 108])
def test_alpha_of_a_bmp_of_16_bits(length: int) -> None:
    """Alpha for which the header has a mask is refused in 16 bits, where it would not be read, and
    is read in 32 bits."""
    masks = struct.pack("<4I", 31 << 10, 31 << 5, 31, 1 << 15).ljust(length - 40, b"\0")
    with pytest.raises(ValueError, match=r"in\.bmp: holds alpha in pixels of 16 bits"):
        picture_of(bitmap(16, 3, DEEP[..., 0], masks, length), "in.bmp")
    array = (DEEP >> 8).astype(np.uint8)
    masks = struct.pack("<4I", 255 << 16, 255 << 8, 255, 255 << 24).ljust(length - 40, b"\0")
    found = picture_of(bitmap(32, 3, array[..., [2, 1, 0, 3]], masks, length), "in.bmp")
    assert np.array_equal(pixels(found), array)
    assert found.extras.unkept == ()


@pytest.mark.parametrize(("bits", "packing"), [(16, 0), (16, 3), (32, 0), (32, 3)])
@pytest.mark.parametrize("width", [17, 18])  # rows of an odd number of 16 bits have padding
def test_unused_bits_of_a_bmp(bits: int, packing: int, width: int) -> None:
    """What stands in the bits of a pixel that are of no channel is left out and named, unless it is
    the same everywhere, all 0 or all 1."""
    ones = 2**15 if bits == 16 else 255 << 24
    shift = 5 if bits == 16 else 8
    channel = 2**shift - 1
    masks = struct.pack("<3I", *(channel << shift * place for place in (2, 1, 0)))
    colours = np.arange(13 * width, dtype=np.int64).reshape(13, width)
    mixed = np.where(colours % 3 == 0, ones, 0)
    for unused, named in ((0, ()), (ones, ()), (mixed, ("unused bits of each pixel",))):
        words = (colours | unused).astype("<u2" if bits == 16 else "<u4")
        rows = np.pad(words, [(0, 0), (0, width % 2)]) if bits == 16 else words
        data = bytearray(bitmap(bits, packing, rows, masks if packing else b""))
        data[18:22] = struct.pack("<I", width)
        assert picture_of(bytes(data), "in.bmp").extras.unkept == named


def test_the_fourth_byte_of_a_bmp(tmp_path: Path) -> None:
    """The format gives it no meaning: what stands there is left out and named, unless it is all 0
    or all 255."""
    path = tmp_path / "in.bmp"
    for fourth in (np.full((13, 18, 1), 255), np.zeros((13, 18, 1)), np.arange(234) % 256):
        rows = np.concatenate([COLOUR[..., ::-1], fourth.reshape(13, 18, 1).astype(np.uint8)], 2)
        path.write_bytes(bitmap(32, 0, rows))
        found = read_picture(path)
        assert np.array_equal(pixels(found), COLOUR)
        named = ["unused bits of each pixel"] if fourth.max() > fourth.min() else []
        assert left_out(path, found) == named


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".pgm"])
def test_what_follows_the_end(tmp_path: Path, suffix: str) -> None:
    """Bytes after the end of an image, which may be another image or a film, are named."""
    path = tmp_path / f"in{suffix}"
    Image.fromarray(COLOUR[..., 0] if suffix == ".pgm" else COLOUR).save(path)
    more = b"a film, whose bytes \xff\xd9 may look like the end of a JPEG"
    assert left_out(path, read_picture(path)) == []
    path.write_bytes(path.read_bytes() + more)
    assert left_out(path, read_picture(path)) == [f"{len(more)} bytes after the end"]


@pytest.mark.parametrize(("type_number", "layout"), [(1, "B"), (3, "H"), (4, "I")])
@pytest.mark.parametrize("before", [b"", b"Exif\0\0"])
def test_orientation_of_any_type(type_number: int, layout: str, before: bytes) -> None:
    """Writers of EXIF store the orientation as a number of 1, 2 or 4 bytes, and some of them begin
    the chunk of a PNG as the segment of a JPEG begins."""
    entry = struct.pack(">HHI", 0x0112, type_number, 1) + struct.pack(">" + layout, 6).ljust(
        4, b"\0"
    )
    exif = b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    data = png(COLOUR.astype(int), 8, "RGB", [(b"eXIf", before + exif)])
    found = picture_of(data, "in.png")
    assert np.array_equal(pixels(found), np.rot90(COLOUR, -1))
    upright = exif.replace(
        struct.pack(">" + layout, 6).ljust(4, b"\0"), struct.pack(">" + layout, 1).ljust(4, b"\0")
    )
    assert found.extras.exif == upright


TURNED = {  # by its orientation, what a picture is to be seen as
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("packing", [None, "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["1", "P", "L", "RGB", "I;16"])
@pytest.mark.parametrize("where", ["tag", "XMP"])
def test_orientation_of_tiff(
    tmp_path: Path, where: str, mode: str, packing: str | None, orientation: int
) -> None:
    """Pixels are turned once, whichever library decodes them, of which some turn them as well."""
    deep = Image.fromarray(DEEP[..., 0])
    image = deep if mode == "I;16" else Image.fromarray(COLOUR).convert(mode)
    shown = np.array(
        image if mode in ("L", "I;16") else image.convert("L" if mode == "1" else "RGB")
    )
    xmp = b'<a xmlns:tiff="x" tiff:Orientation="%d"/>' % orientation
    tags = {274: orientation} if where == "tag" else {700: xmp}
    image.save(tmp_path / "in.tif", tiffinfo=tags, compression=packing)
    expected = TURNED[orientation](shown.reshape(13, 18, -1))
    assert np.array_equal(pixels(read_picture(tmp_path / "in.tif")), expected)
    written = tifffile.imread(through(tmp_path / "in.tif"))
    assert np.array_equal(written.reshape(expected.shape), expected)


def test_what_was_true_of_the_old_pixels(tmp_path: Path) -> None:
    """The least and largest value and the layers of a TIFF do not stand beside other pixels."""
    tags = [(281, 3, 1, 4095, True), (37724, 7, len(LAYERS), LAYERS, True), (65000, 3, 1, 7, True)]
    tifffile.imwrite(
        tmp_path / "in.tif", DEEP[..., 0] >> 4, metadata=None, software=False, extratags=tags
    )
    found = read_picture(through(tmp_path / "in.tif"))
    assert [code for code, *_ in found.extras.own["tags"]] == [65000]
    named = left_out(tmp_path / "out.tif", read_picture(tmp_path / "in.tif"))
    assert named == ["MaxSampleValue", "layers"]
