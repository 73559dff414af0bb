"""What each kind of image file has of its own: depths, keys, palettes, chunks, tags, packings."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, JpegImagePlugin

from others.files.image_file import read_picture, write_picture
from others.files.kinds import Extras, Resolution, check_holds, left_out
from tests.helpers.files import picture, png, tags_of, through, values


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey(tmp_path: Path, depth: int) -> None:
    """The transparent grey of a PNG scales like its pixels, whatever the depth: 3 of 2 bits is
    white."""
    rows = np.array([[[0], [2**depth - 1]], [[2**depth - 1], [0]]])
    key = (b"tRNS", struct.pack(">H", 2**depth - 1))
    (tmp_path / "in.png").write_bytes(png(rows, depth, "L", [key]))
    found = read_picture(tmp_path / "in.png")
    white = 65535 if depth == 16 else 255
    assert found.colour.flatten().tolist() == [0, white, white, 0]
    assert found.alpha is not None
    assert found.alpha.flatten().tolist() == [white, 0, 0, white]


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_colour(tmp_path: Path, depth: int) -> None:
    """A transparent colour becomes alpha 0 in pixels that have it in all three channels."""
    rows = np.array([[[5, 6, 7], [5, 6, 8], [200, 6, 7]]])
    key = (b"tRNS", struct.pack(">HHH", 5, 6, 7))
    (tmp_path / "in.png").write_bytes(png(rows, depth, "RGB", [key]))
    found = read_picture(through(tmp_path / "in.png"))
    white = 65535 if depth == 16 else 255
    assert found.alpha is not None
    assert found.alpha.flatten().tolist() == [0, white, white]
    assert torch.equal(found.colour[:, 0].T.int(), torch.from_numpy(rows[0]).int())


def test_palettes(tmp_path: Path) -> None:
    """A palette becomes its colours, with the alpha that each of them has."""
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8), "L").convert("P")
    image.putpalette([255, 0, 0, 0, 0, 255, 0, 255, 0])
    for suffix in (".png", ".tif"):
        image.save(tmp_path / f"in{suffix}")
        found = read_picture(tmp_path / f"in{suffix}")
        assert found.colour[:, 0].T.tolist() == [[255, 0, 0], [0, 0, 255], [0, 255, 0]]
    image.save(tmp_path / "clear.png", transparency=bytes([0, 128, 255]))
    found = read_picture(tmp_path / "clear.png")
    assert found.alpha is not None
    assert found.alpha.flatten().tolist() == [0, 128, 255]


@pytest.mark.parametrize("kind", ["L", "LA", "RGB", "RGBA"])
def test_png_of_16_bits_by_hand(tmp_path: Path, kind: str) -> None:
    """Each number stays whole, in the order that the specification says."""
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[kind]
    rows = np.arange(2 * 3 * channels).reshape(2, 3, channels) * 2571
    (tmp_path / "in.png").write_bytes(png(rows, 16, kind))
    found = read_picture(tmp_path / "in.png")
    pixels = found.colour if found.alpha is None else torch.cat([found.colour, found.alpha])
    assert torch.equal(pixels.int(), torch.from_numpy(rows).permute(2, 0, 1).int())
    write_picture(tmp_path / "out.png", found)
    again = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    assert again is not None
    assert again.dtype == np.uint16
    first, last = again.reshape(2, 3, -1)[..., 0], again.reshape(2, 3, -1)[..., -1]
    assert np.array_equal(first, rows[..., 2 if channels > 2 else 0])  # blue is first
    assert np.array_equal(last, rows[..., 0 if channels == 3 else -1])


@pytest.mark.parametrize("depth", [8, 16])
def test_chunks_of_png_are_kept(tmp_path: Path, depth: int) -> None:
    """What says how the colours are meant, how large the image is and what it shows stays, at both
    depths; what belongs to the old pixels is left out and named."""
    kept = {
        b"gAMA": struct.pack(">I", 100000),
        b"cHRM": struct.pack(">8I", *range(1, 9)),
        b"cICP": b"\x09\x10\x00\x01",
        b"pHYs": struct.pack(">IIB", 3000, 2000, 1),
        b"tEXt": b"Title\0A test",
    }
    chunks = [*kept.items(), (b"tIME", struct.pack(">HBBBBB", 2020, 1, 1, 0, 0, 0))]
    path = tmp_path / "in.png"
    path.write_bytes(png(np.zeros((2, 2, 3), int), depth, "RGB", chunks) + b"more")
    data = through(path).read_bytes()
    for name, content in kept.items():
        assert struct.pack(">I", len(content)) + name + content in data
    found = read_picture(path)
    assert left_out(path, found) == ["tIME", "4 bytes after the end"]
    assert left_out(tmp_path / "out.tif", found) == ["text", "tIME", "4 bytes after the end"]
    with pytest.raises(ValueError, match=r"out\.tif cannot hold what the PNG says .*\(cICP\)"):
        check_holds(tmp_path / "out.tif", found)


@pytest.mark.parametrize("depth", [8, 16])
def test_profile_of_png(tmp_path: Path, depth: int) -> None:
    """A colour profile stays at both depths, goes to kinds that hold one and not to others."""
    write_picture(tmp_path / "in.png", picture("RGB" + ";16" * (depth == 16), 5, 6))
    profiled = picture("RGB" + ";16" * (depth == 16), 5, 6, Extras(profile=b"a profile"))
    write_picture(tmp_path / "in.png", profiled)
    found = read_picture(through(tmp_path / "in.png"))
    assert found.extras.profile == b"a profile"
    write_picture(tmp_path / "out.tif", found)
    assert read_picture(tmp_path / "out.tif").extras.profile == b"a profile"
    with pytest.raises(ValueError, match=r"out\.ppm cannot hold a colour profile"):
        check_holds(tmp_path / "out.ppm", found)


@pytest.mark.parametrize(("suffix", "longest"), [(".jpg", 65500), (".webp", 16383)])
@pytest.mark.parametrize("turned", [False, True])
def test_the_longest_side(tmp_path: Path, suffix: str, longest: int, turned: bool) -> None:
    """The longest image that the kind holds is written; one that is a pixel longer is refused by a
    sentence with the name and the limit, and a TIFF can hold it."""
    sizes = [(n, 1) if turned else (1, n) for n in (longest, longest + 1)]
    path = tmp_path / f"out{suffix}"
    write_picture(path, picture("RGB", *sizes[0]))
    assert read_picture(path).colour.shape[1:] == sizes[0]
    longer = picture("RGB", *sizes[1])
    with pytest.raises(ValueError, match=rf"out\{suffix} cannot hold .* only {longest} along"):
        check_holds(path, longer)
    write_picture(tmp_path / "out.tif", longer)
    assert read_picture(tmp_path / "out.tif").colour.shape[1:] == sizes[1]


@pytest.mark.parametrize("name", ["exif", "xmp"])
def test_the_longest_exif_and_xmp_of_a_jpeg(tmp_path: Path, name: str) -> None:
    """EXIF or XMP that no segment of a JPEG can hold is refused before the work."""
    content = b"MM\0*\0\0\0\x08\0\0".ljust(65500, b"\0")
    path = tmp_path / "out.jpg"
    given: dict[str, Any] = {name: content}
    longer: dict[str, Any] = {name: content + b"\0"}
    write_picture(path, picture("RGB", extras=Extras(**given)))
    assert getattr(read_picture(path).extras, name) == content
    with pytest.raises(ValueError, match=rf"cannot hold {name.upper()} of more than 65500 bytes"):
        check_holds(path, picture("RGB", extras=Extras(**longer)))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [50, 90])
def test_jpeg_is_packed_as_it_was(tmp_path: Path, subsampling: int, quality: int) -> None:
    """Tables, chroma subsampling, order, comment and segments of a JPEG stay, and so do the colours
    of a pattern whose pixels change from red to blue, if the file has chroma at full size."""
    rows, columns = np.indices((64, 64)) // (1 if subsampling == 0 else 32)
    red = (96 + (rows + columns) % 2 * 64).astype(np.uint8)
    image = Image.fromarray(np.stack([red, 0 * red + 128, 255 - red], -1))
    image.save(
        tmp_path / "in.jpg",
        quality=quality,
        subsampling=subsampling,
        progressive=True,
        comment=b"a comment",
        extra=b"\xff\xed\x00\x06IPTC",
    )
    with Image.open(tmp_path / "in.jpg") as before, Image.open(
        through(tmp_path / "in.jpg")
    ) as after:
        assert isinstance(before, JpegImagePlugin.JpegImageFile)
        assert isinstance(after, JpegImagePlugin.JpegImageFile)
        assert after.quantization == before.quantization
        assert JpegImagePlugin.get_sampling(after) == subsampling
        assert after.info["progressive"]
        assert ("COM", b"a comment") in after.applist
        assert ("APP13", b"IPTC") in after.applist
        difference = np.array(after).astype(int) - np.array(before)
    if subsampling == 0 or quality == 50:  # else decoders blend chroma at the edges of the pattern
        assert np.abs(difference).mean() < 0.5
    found = read_picture(tmp_path / "in.jpg")
    assert sorted(left_out(tmp_path / "out.png", found)) == ["APP13", "COM"]


def test_other_files_become_fine_jpegs(tmp_path: Path) -> None:
    """A PNG is written as a JPEG with chroma at full size."""
    write_picture(tmp_path / "in.png", picture("RGB", 32, 32))
    write_picture(tmp_path / "out.jpg", read_picture(tmp_path / "in.png"))
    with Image.open(tmp_path / "out.jpg") as image:
        assert JpegImagePlugin.get_sampling(image) == 0


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_lossless_webp_stays_lossless(tmp_path: Path, mode: str) -> None:
    """Every pixel is the same, colours under full transparency included."""
    before = picture(mode, 20, 30)
    pixels = before.colour if before.alpha is None else torch.cat([before.colour, 0 * before.alpha])
    image = Image.fromarray(pixels.permute(1, 2, 0).to(torch.uint8).numpy())
    image.save(tmp_path / "in.webp", lossless=True, exact=True)
    found = read_picture(through(tmp_path / "in.webp"))
    assert torch.equal(found.colour.int(), before.colour)


PACKED = [(p, k) for p in ("minisblack", "miniswhite", "rgb") for k in (None, "zlib")]


@pytest.mark.parametrize(
    ("photometric", "packing"), [*PACKED, ("minisblack", "lzw"), ("rgb", "lzw")]
)
def test_tiff_of_16_bits(tmp_path: Path, photometric: str, packing: str | None) -> None:
    """White is 65535 whichever number stands for it in the file; tags, resolution, profile stay."""
    array = values(3, 8, 9, 65535).permute(1, 2, 0).numpy().astype(np.uint16)
    array = array if photometric == "rgb" else np.ascontiguousarray(array[..., 0])
    if packing == "lzw":
        order = array[..., ::-1] if array.ndim == 3 else array
        assert cv2.imwrite(str(tmp_path / "in.tif"), order, [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    else:
        tifffile.imwrite(
            tmp_path / "in.tif",
            array,
            photometric=photometric,
            compression=packing,
            metadata=None,
            description="a test",
            resolution=((3000, 7), (2, 1)),
            resolutionunit=3,
            iccprofile=b"profile",
        )
    expected = torch.from_numpy(array.astype(np.int32)).view(8, 9, -1).permute(2, 0, 1)
    expected = 65535 - expected if photometric == "miniswhite" else expected
    found = read_picture(through(tmp_path / "in.tif"))
    assert torch.equal(found.colour.int(), expected)
    if packing != "lzw":
        assert found.extras.resolution == Resolution(Fraction(3000, 7), Fraction(2), "centimetre")
        assert found.extras.profile == b"profile"
        assert tags_of(tmp_path / "out.tif")[270] == "a test"


@pytest.mark.parametrize("predictor", [1, 2])
def test_packed_grey_with_alpha(tmp_path: Path, predictor: int) -> None:
    """LZW of 16 bits with two samples is read, with a predictor too, whose file holds differences.

    No library here writes such a file: one of grey and twice the width becomes it by other tags.
    """
    pixels = values(2, 8, 9, 65535)
    array = pixels.permute(1, 2, 0).numpy().astype(np.uint16)
    stored = np.diff(array, axis=1, prepend=np.zeros((8, 1, 2), np.uint16))
    stored = (stored if predictor == 2 else array).reshape(8, 18)
    path = tmp_path / "in.tif"
    packing = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, 1]
    assert cv2.imwrite(str(path), stored, packing)
    with tifffile.TiffFile(path, mode="r+") as file:
        page: Any = file.pages[0]
        format_place = page.tags[339].offset
        for code, value in ((256, 9), (277, 2), (258, (16, 16)), (317, predictor)):
            page.tags[code].overwrite(value)
    data = bytearray(path.read_bytes())
    struct.pack_into("<HHIHH", data, format_place, 338, 3, 1, 2, 0)  # one extra sample: alpha
    path.write_bytes(data)
    found = read_picture(through(path))
    assert found.mode == "LA;16"
    assert found.alpha is not None
    assert torch.equal(torch.cat([found.colour, found.alpha]).int(), pixels)


def test_planes_of_a_tiff(tmp_path: Path) -> None:
    """Colours that are stored one after the other are read like those of each pixel together."""
    array = values(3, 8, 9, 65535).numpy().astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", array, photometric="rgb", planarconfig="separate")
    assert torch.equal(read_picture(tmp_path / "in.tif").colour.int(), values(3, 8, 9, 65535))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_grey_tiff_of_few_bits(tmp_path: Path, depth: int) -> None:
    """Black is 0 and white 255, as with a PNG of the same depth."""
    numbers = np.arange(8) % 2**depth
    bits = (numbers[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    pixels = np.packbits(bits.astype(np.uint8)).tobytes()
    tags = [(256, 8), (257, 1), (258, depth), (259, 1), (262, 1), (273, 200), (277, 1), (278, 1)]
    entries = [
        struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in [*tags, (279, len(pixels))]
    ]
    body = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + b"".join(entries) + bytes(4)
    (tmp_path / "in.tif").write_bytes(body.ljust(200, b"\0") + pixels)
    expected = (numbers * (255 // (2**depth - 1))).tolist()
    assert read_picture(tmp_path / "in.tif").colour.flatten().tolist() == expected


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tags_of_a_tiff(tmp_path: Path, byteorder: Any) -> None:
    """Tags that do not concern the pixels are copied with all their bytes, in either byte order."""
    place = (1.5, 2.5, 0.0)
    tifffile.imwrite(
        tmp_path / "in.tif",
        np.zeros((4, 5), np.uint8),
        byteorder=byteorder,
        metadata=None,
        extratags=[(33550, 12, 3, place, True), (65000, 2, 6, "hello", True)],
    )
    tags = tags_of(through(tmp_path / "in.tif"))
    assert (tags[33550], tags[65000]) == (place, "hello")
