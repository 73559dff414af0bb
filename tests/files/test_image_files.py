"""Image files keep what they hold: pixels, mode, alpha, profile, resolution, orientation, text."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, JpegImagePlugin
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from others.denoise import denoised
from others.files.image_file import read_picture, write_picture
from others.files.kinds import KIND_OF, Extras, check_holds, left_out
from others.files.resolution import Resolution
from others.networks.pretrained import Denoiser
from others.networks.receptive_field import Field
from tests.helpers.files import picture, png, same, values

IDENTITY = Denoiser(lambda x: x, Field(3, 2), torch.device("cpu"))
LOSSY = (".jpg", ".jpeg", ".jfif", ".jpe", ".webp")
XMP = (
    b'<x:xmpmeta xmlns:tiff="http://ns.adobe.com/tiff/1.0/"><a tiff:Orientation="%d"/></x:xmpmeta>'
)
MODES = [(suffix, mode) for suffix, kind in KIND_OF.items() for mode in sorted(kind.modes)]


def exif(orientation: int) -> bytes:
    """EXIF that asks for a turning and names a camera, without the word "Exif"."""
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = orientation, "camera"
    return tags.tobytes().removeprefix(b"Exif\0\0")


def everything(suffix: str) -> Extras:
    """All that files of this kind have a place for."""
    kind = KIND_OF[suffix]
    per = {"PNG": "metre", "BMP": "metre", "TIFF": "centimetre", "JPEG": "inch"}
    found: dict[str, Any] = {
        "profile": b"profile",
        "exif": exif(1),
        "xmp": XMP % 1,
        "resolution": Resolution(Fraction(300), Fraction(200), per.get(kind.format, "")),
    }
    return Extras(**{name: value for name, value in found.items() if name in kind.extras})


def tags_of(path: Path) -> dict[int, Any]:
    """The values of the tags of a TIFF."""
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        return {tag.code: tag.value for tag in page.tags}


def through(path: Path) -> Path:
    """The file after `others.denoise` with a network that changes nothing."""
    target = path.with_name("out" + path.suffix)
    write_picture(target, denoised(IDENTITY, read_picture(path), tile=4))
    return target


@pytest.mark.parametrize(("suffix", "mode"), MODES)
def test_the_identity_changes_nothing(tmp_path: Path, suffix: str, mode: str) -> None:
    """For every kind, depth and mode of the table, the identity network gives a file with the same
    pixels, mode, alpha, profile, EXIF, XMP and resolution; lossy kinds lose a little, once."""
    before, path = picture(mode, 24, 17, everything(suffix)), tmp_path / f"in{suffix}"
    write_picture(path, before)
    given = read_picture(path)
    after = read_picture(through(path))
    if suffix in LOSSY:
        assert (given.mode, after.mode) == (mode, mode)
        lost = (after.colour - given.colour).abs().float().mean()
        assert float(lost) < (10 if suffix == ".webp" else 0.5)
        assert float((before.colour - given.colour).abs().float().mean()) < 25
    else:
        assert same(given, before)
        assert same(after, before)
    for name in ("profile", "exif", "xmp", "resolution"):
        assert getattr(after.extras, name) == getattr(before.extras, name), name
    assert not left_out(path, after)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, "out" + suffix])


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
    """It becomes an alpha channel; only where all three numbers agree."""
    rows = np.array([[[5, 6, 7], [5, 6, 8], [200, 6, 7]]])
    key = (b"tRNS", struct.pack(">HHH", 5, 6, 7))
    (tmp_path / "in.png").write_bytes(png(rows, depth, "RGB", [key]))
    found = read_picture(through(tmp_path / "in.png"))
    white = 65535 if depth == 16 else 255
    assert found.alpha is not None
    assert found.alpha.flatten().tolist() == [0, white, white]
    assert torch.equal(found.colour[:, 0].T, torch.from_numpy(rows[0]).int())


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
    assert torch.equal(pixels, torch.from_numpy(rows).permute(2, 0, 1).int())
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


def oriented(path: Path, orientation: int, where: str) -> Path:
    """A picture that is to be turned, for a reason that is written in its EXIF or in its XMP."""
    image = Image.fromarray(values(3, 6, 10).permute(1, 2, 0).to(torch.uint8).numpy())
    options: dict[str, Any] = {}
    if where == "exif" and path.suffix == ".tif":
        options["tiffinfo"] = {274: orientation}
    elif where == "exif":
        options["exif"] = b"Exif\0\0" + exif(orientation)
    elif where == "raw":
        options["pnginfo"] = PngInfo()
        digits = (b"Exif\0\0" + exif(orientation)).hex()
        text = f"\nexif\n{len(digits) // 2:8}\n{digits[:72]}\n{digits[72:]}\n"
        options["pnginfo"].add_text("Raw profile type exif", text, zip=True)
    elif path.suffix == ".png":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", (XMP % orientation).decode())
    elif path.suffix == ".tif":
        options["tiffinfo"] = {700: XMP % orientation}
    else:
        options["xmp"] = XMP % orientation
    if path.suffix == ".webp":
        options["lossless"] = True
    image.save(path, **options)
    return path


PLACES = [(s, w) for s in (".jpg", ".png", ".webp", ".tif") for w in ("exif", "xmp")]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("suffix", "where"), [*PLACES, (".png", "raw")])
def test_orientation(tmp_path: Path, suffix: str, where: str, orientation: int) -> None:
    """The pixels are turned as EXIF, XMP or ImageMagick's text asks, the file that is written asks
    for no turning more, and so it is in kinds that cannot ask."""
    path = oriented(tmp_path / f"in{suffix}", orientation, where)
    turns: dict[int, Any] = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    with Image.open(path) as image:
        seen = image.transpose(turns[orientation]) if orientation > 1 else image.copy()
    expected = torch.from_numpy(np.array(seen)).permute(2, 0, 1).int()
    found = read_picture(path)
    assert torch.equal(found.colour, expected)
    for name in (f"out{suffix}", "out.bmp", "out.ppm"):
        write_picture(tmp_path / name, found)
        with Image.open(tmp_path / name) as image:
            assert image.getexif().get(0x0112, 1) == 1
            assert image.size == (expected.shape[2], expected.shape[1])
    if where == "exif" and suffix != ".tif":
        with Image.open(tmp_path / f"out{suffix}") as image:
            assert image.getexif()[0x010F] == "camera"


def test_resolution_turns_with_the_pixels(tmp_path: Path) -> None:
    """300 dots an inch along a row are those along a column after a quarter turn."""
    image = Image.new("RGB", (6, 4))
    image.save(tmp_path / "in.jpg", exif=b"Exif\0\0" + exif(6), dpi=(300, 200))
    found = read_picture(tmp_path / "in.jpg")
    assert found.extras.resolution == Resolution(Fraction(200), Fraction(300), "inch")
    write_picture(tmp_path / "out.tif", found)
    tags = tags_of(tmp_path / "out.tif")
    assert (tags[282], tags[283]) == ((200, 1), (300, 1))
    write_picture(tmp_path / "out.png", found)
    with Image.open(tmp_path / "out.png") as again:
        assert again.info["dpi"] == pytest.approx((200, 300), abs=0.02)


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
    assert torch.equal(found.colour, before.colour)


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
    assert torch.equal(found.colour, expected)
    if packing != "lzw":
        assert found.extras.resolution == Resolution(Fraction(3000, 7), Fraction(2), "centimetre")
        assert found.extras.profile == b"profile"
        assert tags_of(tmp_path / "out.tif")[270] == "a test"


def test_planes_of_a_tiff(tmp_path: Path) -> None:
    """Colours that are stored one after the other are read like those of each pixel together."""
    array = values(3, 8, 9, 65535).numpy().astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", array, photometric="rgb", planarconfig="separate")
    assert torch.equal(read_picture(tmp_path / "in.tif").colour, values(3, 8, 9, 65535))


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


def test_bits(tmp_path: Path) -> None:
    """A bitmap becomes grey of 8 bits, black and white as they are shown."""
    image = Image.frombytes("1", (8, 1), b"\xf0")
    for name in ("in.png", "in.tif", "in.bmp", "in.pnm"):
        image.save(tmp_path / name, "PPM" if name == "in.pnm" else None)
        assert read_picture(tmp_path / name).colour.flatten().tolist() == [255] * 4 + [0] * 4


def test_what_another_kind_has_no_place_for_is_named(tmp_path: Path) -> None:
    """EXIF, XMP and a resolution do not change how a picture looks: they are left out and named."""
    file = io.BytesIO()
    Image.new("RGB", (3, 3)).save(
        file, "JPEG", exif=b"Exif\0\0" + exif(1), xmp=XMP % 1, dpi=(300, 300)
    )
    (tmp_path / "in.jpg").write_bytes(file.getvalue())
    found = read_picture(tmp_path / "in.jpg")
    assert left_out(tmp_path / "out.ppm", found) == ["EXIF", "XMP", "resolution"]
    assert left_out(tmp_path / "out.jpg", found) == []


def test_a_failed_writing_leaves_the_old_file(tmp_path: Path) -> None:
    """A mode that the kind cannot hold is refused before the file that is there is touched."""
    path = tmp_path / "x.jpg"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=r"x\.jpg cannot hold pixels of mode RGBA, only L, RGB"):
        write_picture(path, picture("RGBA"))
    assert path.read_bytes() == b"old"


def test_the_content_decides_the_kind(tmp_path: Path) -> None:
    """A JPEG whose name says PNG is read as what it is."""
    Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "in.png", "JPEG")
    assert read_picture(tmp_path / "in.png").extras.format == "JPEG"


def random_bytes(data: bytes, seed: int) -> bytes:
    """The file with a few bytes changed, cut off somewhere."""
    generator = torch.Generator().manual_seed(seed)
    cut = int(torch.randint(1, len(data) + 1, (1,), generator=generator))
    places: Tensor = torch.randint(cut, (seed % 3,), generator=generator)
    changed = bytearray(data[:cut])
    for place in places.tolist():
        changed[place] ^= 1 + place % 255
    return bytes(changed)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".bmp", ".ppm"])
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    """Truncated and altered at any place, a file is read or refused by an OSError or ValueError;
    nothing else is raised, and what lacks its second half is refused with its name."""
    modes = KIND_OF[suffix].modes & {"RGB", "RGB;16"}
    for mode in sorted(modes):
        write_picture(tmp_path / f"in{suffix}", picture(mode, 12, 11, everything(suffix)))
        whole, path = (tmp_path / f"in{suffix}").read_bytes(), tmp_path / f"broken{suffix}"
        for seed in range(60):
            path.write_bytes(random_bytes(whole, seed))
            with suppress(ValueError, OSError):
                read_picture(path)
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises((ValueError, OSError), match=rf"broken{suffix}"):
            read_picture(path)
