"""Denoising files: tiles without seams, every kind of pixel kept, nothing overwritten."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Generator, Tensor, nn

from others.denoise import denoised, main, planned
from others.files.image_file import HOLDS, Picture, read_picture, write_picture
from others.files.tiling import tiles
from others.networks import pretrained
from others.networks.catalogue import NETS, make_network
from others.networks.pretrained import Denoiser, load_denoiser, load_network
from others.networks.receptive_field import Field, field_of
from others.records.weights import save_weights

CPU = torch.device("cpu")
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def values(channels: int, height: int, width: int, white: int = 255, seed: int = 0) -> Tensor:
    """int32 (C, H, W), smooth with noise on it."""
    generator = Generator().manual_seed(seed)
    noise = torch.randint(white // 4, (channels, height, width), generator=generator)
    ramp = torch.linspace(0, white / 2, width).int()
    return (noise + ramp).int()


def picture(mode: str, height: int = 9, width: int = 7) -> Picture:
    """A picture of this mode, such as "RGBA;16"."""
    name, _, deep = mode.partition(";")
    white = 65535 if deep else 255
    pixels = values(CHANNELS[name], height, width, white)
    if name.endswith("A"):
        return Picture(pixels[:-1], pixels[-1:], white, {})
    return Picture(pixels, None, white, {})


def same(one: Picture, other: Picture) -> bool:
    """Whether all pixels are the same."""
    alphas = [p.alpha if p.alpha is not None else torch.zeros(0) for p in (one, other)]
    return (
        one.mode == other.mode
        and torch.equal(one.colour, other.colour)
        and torch.equal(alphas[0], alphas[1])
    )


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Random weights of the smallest bias-free network."""
    torch.manual_seed(0)
    save_weights(make_network("biasfree_6"), tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


@pytest.mark.parametrize("name", NETS)
def test_tiles_show_no_seam(name: str, tmp_path: Path) -> None:
    """Joined tiles are the whole image's answer, far below a grey level, for every network."""
    torch.manual_seed(0)
    net = make_network(name).eval()
    seen = field_of(net)
    assert seen.reach is not None
    width = 2 * seen.reach + 3 * seen.step + 21
    x = values(3, 19, width).float() / 255
    joined = torch.empty_like(x)
    with torch.no_grad():
        whole = net(x[None])[0]
        for part in tiles(19, width, seen, 2 * seen.step + 15):
            y = net(x[None, :, part.seen[0], part.seen[1]])[0]
            joined[:, part.kept[0], part.kept[1]] = y[:, part.inner[0], part.inner[1]]
    assert float(whole.std()) > 1e-3
    assert 255 * float((whole - joined).abs().max()) < 0.01


@pytest.mark.parametrize("name", ["miniproject_1", "miniproject_2"])
def test_tiles_of_the_shipped_models(name: str) -> None:
    """So it is for the shipped models, self-ensemble included: not one grey level of difference."""
    denoiser = load_denoiser(name, ensemble=name == "miniproject_1")
    image = picture("RGB", 70, 83)
    whole, joined = denoised(denoiser, image), denoised(denoiser, image, tile=32)
    assert int((whole.colour - joined.colour).abs().max()) <= 1  # what rounding may do
    assert float((whole.colour != joined.colour).float().mean()) < 1e-3


def test_tiles_cover_everything_once() -> None:
    """Every pixel is kept once, from a seen part that goes on for the network's reach."""
    count = torch.zeros(50, 67)
    for part in tiles(50, 67, Field(5, 4), 10):
        count[part.kept] += 1
        for seen, kept, inner, length in zip(part.seen, part.kept, part.inner, (50, 67)):
            assert seen.start % 4 == 0
            assert seen.start <= max(0, kept.start - 5)
            assert seen.stop >= min(length, kept.stop + 5)
            assert inner == slice(kept.start - seen.start, kept.stop - seen.start)
    assert bool((count == 1).all())


def test_memory_is_bounded() -> None:
    """Of an image of 6 million pixels a network never sees more than a tile and its margin."""
    sizes = []

    def apply(x: Tensor) -> Tensor:
        sizes.append(max(x.shape))
        return x

    colour = torch.randint(256, (3, 2000, 3000), dtype=torch.int32)
    result = denoised(Denoiser(apply, Field(40, 4), CPU), Picture(colour, None, 255, {}))
    assert torch.equal(result.colour, colour)
    assert max(sizes) == 448 + 80
    assert len(sizes) == 5 * 7


def test_a_network_that_sees_everything_has_one_tile() -> None:
    """It is refused for images larger than a tile, with the size that would do."""
    assert len(list(tiles(30, 40, Field(None, 1), 40))) == 1
    with pytest.raises(ValueError, match="whole image of 30x41 pixels at once; expected a tile of"):
        list(tiles(30, 41, Field(None, 1), 40))
    with pytest.raises(ValueError, match="expected at least 1"):
        list(tiles(3, 3, Field(1, 1), 0))


def test_ensemble_of_odd_sizes() -> None:
    """Padded before it is turned, an image of odd size has the mean of the eight turns' answers."""
    blur = nn.Conv2d(3, 3, 3, padding=1, bias=False)
    x = values(3, 7, 9).float()[None] / 255
    with torch.no_grad():
        y = pretrained._answered(blur, 4, True, x)
    assert y.shape == x.shape
    torch.testing.assert_close(
        pretrained._answered(nn.Identity(), 4, True, x), x, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    ("suffix", "mode"), [(s, m) for s in HOLDS for m in sorted(HOLDS[s]) if s not in (".jpeg",)]
)
def test_files_are_kept(tmp_path: Path, suffix: str, mode: str) -> None:
    """What is written is read again: every mode of every kind of file, exactly but for JPEG and
    WebP, which lose a little."""
    before, path = picture(mode, 24, 17), tmp_path / f"image{suffix}"
    write_picture(path, before)
    after = read_picture(path)
    assert after.mode == mode
    if suffix in (".jpg", ".webp"):
        assert float((after.colour - before.colour).abs().float().mean()) < 25
    else:
        assert same(after, before)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_other_modes(tmp_path: Path) -> None:
    """Palettes, bits and transparent colours are read as what they show."""
    rgb = Image.frombytes("RGB", (2, 1), bytes([255, 0, 0, 0, 0, 255]))
    rgb.quantize(2).save(tmp_path / "palette.png")
    rgb.save(tmp_path / "key.png", transparency=(0, 0, 255))
    Image.frombytes("1", (8, 1), b"\xf0").save(tmp_path / "bits.png")
    assert torch.equal(
        read_picture(tmp_path / "palette.png").colour[:, 0].T,
        torch.tensor([[255, 0, 0], [0, 0, 255]]).int(),
    )
    key = read_picture(tmp_path / "key.png")
    assert key.alpha is not None
    assert key.alpha.flatten().tolist() == [255, 0]
    assert read_picture(tmp_path / "bits.png").colour.flatten().tolist() == [255] * 4 + [0] * 4


def test_extras_are_kept(tmp_path: Path) -> None:
    """Colour profile and EXIF of 8 bits, and the chunks of 16, are written again."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    image = Image.new("RGB", (8, 8))
    for suffix in (".jpg", ".png"):
        path = tmp_path / f"in{suffix}"
        image.save(path, icc_profile=b"profile", exif=exif)
        write_picture(tmp_path / f"out{suffix}", read_picture(path))
        with Image.open(tmp_path / f"out{suffix}") as again:
            assert again.info["icc_profile"] == b"profile"
            assert again.getexif()[0x0112] == 6
    Image.new("I;16", (8, 8)).save(tmp_path / "in.tif", icc_profile=b"profile")
    write_picture(tmp_path / "out.tif", read_picture(tmp_path / "in.tif"))
    assert read_picture(tmp_path / "out.tif").extras["icc_profile"] == b"profile"
    deep = picture("RGB;16")._replace(extras={b"gAMA": struct.pack(">I", 45455)})
    write_picture(tmp_path / "deep.png", deep)
    assert read_picture(tmp_path / "deep.png").extras == deep.extras


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image beyond Pillow's limit is an error with its name, as any that cannot be read."""
    Image.new("L", (50, 50)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"large\.png"):
        read_picture(tmp_path / "large.png")


def test_what_would_be_lost_is_refused(tmp_path: Path) -> None:
    """Several frames, colour of 16 bits that Pillow would cut, inks: the message says so."""
    frames = [Image.new("RGB", (3, 3), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "frames.tif", save_all=True, append_images=frames[1:])
    (tmp_path / "deep.ppm").write_bytes(b"P6 2 1 65535\n" + bytes(12))
    (tmp_path / "deep.tif").write_bytes(tiff_of_16_bits())
    Image.new("CMYK", (3, 3)).save(tmp_path / "inks.jpg")
    expected = {
        "frames.tif": "several images",
        "deep.ppm": "more than 8 bits",
        "deep.tif": "more than 8 bits",
        "inks.jpg": "kind CMYK",
    }
    for name, message in expected.items():
        with pytest.raises(ValueError, match=rf"{name}: .*{message}"):
            read_picture(tmp_path / name)
    with pytest.raises(ValueError, match="cannot hold RGBA"):
        write_picture(tmp_path / "x.jpg", picture("RGBA"))


def tiff_of_16_bits() -> bytes:
    """An uncompressed TIFF of one pixel of colour, by hand."""
    tags = [(256, 1), (257, 1), (259, 1), (262, 2), (273, 200), (277, 3), (278, 1), (279, 6)]
    entries = [struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags]
    entries.insert(2, struct.pack("<HHII", 258, 3, 3, 190))
    body = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + b"".join(entries) + bytes(4)
    return body.ljust(190, b"\0") + struct.pack("<HHH", 16, 16, 16) + bytes(4) + bytes(6)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "L;16", "RGBA;16"])
def test_the_command(mode: str, tmp_path: Path, weights: Path) -> None:
    """A file keeps depth, colours and alpha, and has the colours that the network gives."""
    before = picture(mode)
    write_picture(tmp_path / "in.png", before)
    files = [str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    main([*files, "--model", "biasfree_6", "--weights", str(weights)])
    after = read_picture(tmp_path / "out.png")
    assert after.mode == before.mode
    assert same(after, after._replace(alpha=before.alpha))
    x = (before.colour.float() / before.white).expand(3, -1, -1)[None]
    with torch.no_grad():
        y = load_network("biasfree_6", weights)(x)[0]
    y = y.mean(0, keepdim=True) if len(before.colour) == 1 else y
    expected = (y.clamp(0, 1) * before.white).round().int()
    assert int((after.colour - expected).abs().max()) <= 1
    assert same(read_picture(tmp_path / "in.png"), before)


def test_folders(tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Folders and files go into a folder; what cannot be read is named, the rest is done."""
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / name, picture("RGB"))
        (tmp_path / "in").mkdir(exist_ok=True)
        os.rename(tmp_path / name, tmp_path / "in" / name)
    write_picture(tmp_path / "c.jpg", picture("RGB"))
    (tmp_path / "in" / "broken.png").write_bytes(b"no image")
    model = ["--model", "biasfree_6", "--weights", str(weights)]
    with pytest.raises(SystemExit, match="1 of 4 images were not denoised"):
        main([str(tmp_path / "in"), str(tmp_path / "c.jpg"), str(tmp_path / "out"), *model])
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "c.jpg"]
    output = capsys.readouterr()
    assert "broken.png" in output.err
    assert "7x9 RGB" in output.out


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Not an input, not under another name either; no other file unless asked for; no two images
    into one file. All that is found before anything is done."""
    one, two = tmp_path / "one.png", tmp_path / "folder" / "one.png"
    two.parent.mkdir()
    for path in (one, two):
        write_picture(path, picture("L"))
    link = tmp_path / "link.png"
    link.symlink_to(one)
    for output in (one, tmp_path, link):
        for overwrite in (False, True):
            with pytest.raises(ValueError, match="is an input, which is never overwritten"):
                planned([one], output, None, overwrite)
    with pytest.raises(ValueError, match="several images would be written to"):
        planned([one, two], tmp_path / "out", None, False)
    with pytest.raises(ValueError, match="is there; --overwrite replaces it"):
        planned([one], tmp_path / "folder", None, False)
    assert planned([one], tmp_path / "folder", None, True) == [(one, two)]
    assert planned([one], tmp_path / "out", ".tif", False)[0][1] == tmp_path / "out" / "one.tif"
    with pytest.raises(ValueError, match="expected a folder for the 2 images"):
        planned([one, two], link, None, False)
    with pytest.raises(ValueError, match="expected a name that ends with"):
        planned([one], tmp_path / "out.gif", None, False)
    with pytest.raises(FileNotFoundError, match="no such image"):
        planned([tmp_path / "none.png"], tmp_path / "out", None, False)


def test_unknown_models(tmp_path: Path) -> None:
    """The message lists what there is; missing weights are named."""
    write_picture(tmp_path / "in.png", picture("L"))
    files = [str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    with pytest.raises(SystemExit, match="no model 'magic'; there is miniproject_1, "):
        main([*files, "--model", "magic"])
    with pytest.raises(SystemExit, match=r"none\.pth"):
        main([*files, "--model", "biasfree_6", "--weights", str(tmp_path / "none.pth")])
    assert not (tmp_path / "out.png").exists()
