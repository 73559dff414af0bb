"""Image files keep what they hold: pixels, mode, alpha, profile, resolution, orientation, text."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from others.files.image_file import read_picture, write_picture
from others.files.kinds import KIND_OF, Extras, Resolution, check_holds, left_out
from tests.helpers.files import picture, same, tags_of, through, values

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
        lost = (after.colour.float() - given.colour).abs().mean()
        assert float(lost) < (10 if suffix == ".webp" else 0.5)
        assert float((before.colour.float() - given.colour).abs().mean()) < 25
    else:
        assert same(given, before)
        assert same(after, before)
    for name in ("profile", "exif", "xmp", "resolution"):
        assert getattr(after.extras, name) == getattr(before.extras, name), name
    assert not left_out(path, after)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, "out" + suffix])


def common_mode(source: str, target: str) -> str | None:
    """A mode that both kinds hold."""
    return min(KIND_OF[source].modes & KIND_OF[target].modes, default=None)


PAIRS = [(a, b) for a in KIND_OF for b in KIND_OF if common_mode(a, b) is not None]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_from_any_kind_to_any_other(tmp_path: Path, source: str, target: str) -> None:
    """A picture goes to every kind that holds its mode: profile, EXIF, XMP and resolution are the
    same there, or named as left out; a profile without a place is refused."""
    mode = common_mode(source, target)
    assert mode is not None
    write_picture(tmp_path / f"in{source}", picture(mode, 9, 7, everything(source)))
    given = read_picture(tmp_path / f"in{source}")
    if given.extras.profile and "profile" not in KIND_OF[target].extras:
        with pytest.raises(ValueError, match="cannot hold a colour profile"):
            check_holds(tmp_path / f"out{target}", given)
        given = given._replace(extras=replace(given.extras, profile=None))
    write_picture(tmp_path / f"out{target}", given)
    after = read_picture(tmp_path / f"out{target}")
    missing = left_out(tmp_path / f"out{target}", given)
    assert after.extras.profile == given.extras.profile
    for name, title in (("exif", "EXIF"), ("xmp", "XMP")):
        kept = getattr(given.extras, name)
        assert getattr(after.extras, name) == (None if title in missing else kept)
    old, new = given.extras.resolution, after.extras.resolution
    if old is None or "resolution" in missing:
        assert new is None
    else:
        assert new is not None
        for a, b in zip(old.in_units("inch")[:2], new.in_units("inch")[:2]):
            assert float(a) == pytest.approx(float(b), rel=0.1)  # JPEG has whole numbers


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
        # Pillow turns a TIFF by itself.
        done = path.suffix == ".tif" or orientation == 1
        seen = image.convert("RGB") if done else image.transpose(turns[orientation])
    expected = torch.from_numpy(np.array(seen)).permute(2, 0, 1).int()
    found = read_picture(path)
    assert torch.equal(found.colour.int(), expected)
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


@pytest.mark.parametrize("suffix", [s for s, k in KIND_OF.items() if "resolution" in k.extras])
@pytest.mark.parametrize("per", ["", "inch", "centimetre"])
def test_the_largest_and_the_smallest_resolution(tmp_path: Path, suffix: str, per: str) -> None:
    """What a TIFF can say of its resolution is written into every kind, as the nearest number that
    has room there."""
    large, small = Fraction(2**32 - 1), Fraction(1, 2**32 - 1)
    extras = Extras(resolution=Resolution(large, small, per))
    path = tmp_path / f"out{suffix}"
    write_picture(path, picture("RGB", extras=extras))
    found = read_picture(path).extras.resolution
    if suffix == ".bmp" and not per:
        assert found is None  # as `left_out` says
        return
    assert found is not None
    most = {"JPEG": 65535, "TIFF": large}.get(KIND_OF[suffix].format, 2**31 - 1)
    assert found[:2] == (most, small if most == large else 1)


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
