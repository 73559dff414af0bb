"""Folders of images, crops of them, and the sets that draw whole batches."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import TensorDataset

from Miniproject_1.noise2noise.symmetries import turn
from others.data.course import TRAIN, VALIDATION, save_pair
from others.data.folders import course_sets, image_sets, is_course, split_files
from others.data.images import Crops, image_files, read_image, read_images
from others.data.noise import gaussian, point_sampling
from others.data.seeds import seeded
from others.data.sets import Items, Noisy, Pairs, as_pairs
from others.files.image_file import write_picture
from others.files.kinds import Picture
from tests.helpers.images import fixed, pixels, write_images

CPU = torch.device("cpu")


def test_reading(tmp_path: Path) -> None:
    """Images come as uint8 (3, H, W), sorted by name, in colour even if they are not."""
    write_images(tmp_path, [(5, 7), (6, 4)])
    Image.new("L", (3, 2), 100).save(tmp_path / "grey.PNG")
    (tmp_path / "notes.txt").write_text("no image")
    files = image_files(tmp_path)
    assert [path.name for path in files] == ["0.png", "1.png", "grey.PNG"]
    images = read_images(files)
    assert list(images) == [str(path) for path in files]
    first, _, grey = images.values()
    assert torch.equal(first, pixels(1, 5, 7, seed=5)[0])
    assert torch.equal(grey, torch.full((3, 2, 3), 100, dtype=torch.uint8))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bits_are_scaled(tmp_path: Path, suffix: str) -> None:
    """A ramp over all 65536 levels has the mean 127.5: black is 0, white is 255, none saturates."""
    ramp = torch.arange(65536, dtype=torch.int32).view(1, 256, 256)
    write_picture(tmp_path / f"ramp{suffix}", Picture(ramp, None, 65535))
    image = read_image(tmp_path / f"ramp{suffix}")
    assert image.shape == (3, 256, 256)
    assert float(image.float().mean()) == pytest.approx(127.5, abs=0.01)
    expected = (ramp.double() / 257).round().to(torch.uint8)
    assert torch.equal(image, expected.expand(3, -1, -1))


def test_transparency_is_refused(tmp_path: Path) -> None:
    """A transparent pixel has no colour to train on; an alpha channel that is opaque is dropped."""
    grey = torch.full((1, 2, 2), 100, dtype=torch.int32)
    write_picture(tmp_path / "opaque.png", Picture(grey, torch.full_like(grey, 255), 255))
    assert torch.equal(read_image(tmp_path / "opaque.png"), grey.expand(3, -1, -1).byte())
    write_picture(tmp_path / "clear.png", Picture(grey, torch.full_like(grey, 254), 255))
    with pytest.raises(ValueError, match=r"clear\.png: has transparent pixels; expected"):
        read_image(tmp_path / "clear.png")


def test_floats_are_refused(tmp_path: Path) -> None:
    """A TIFF of floating point numbers does not become black."""
    Image.new("F", (3, 3), 0.5).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match=r"float\.tif: has 32 bits a channel"):
        read_image(tmp_path / "float.tif")
    with pytest.warns(UserWarning, match="skipped"), pytest.raises(ValueError, match="none of 1"):
        read_images([tmp_path / "float.tif"])


def test_folders_skip_nothing(tmp_path: Path) -> None:
    """Images that will be refused and links that lead nowhere are listed; folders are not."""
    write_images(tmp_path, [(4, 4)])
    for name in ("a.gif", "b.jfif", "c.pnm", "d.TGA"):
        (tmp_path / name).touch()
    (tmp_path / "e.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "x.png").mkdir()
    names = [path.name for path in image_files(tmp_path)]
    assert names == ["0.png", "a.gif", "b.jfif", "c.pnm", "d.TGA", "e.png"]


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_truncated_image(tmp_path: Path, kind: str) -> None:
    """A truncated image is skipped with a warning that names it; if none is whole, that is said."""
    first, second = write_images(tmp_path, [(40, 40), (41, 40)], kind)
    second.write_bytes(second.read_bytes()[:-900])
    with pytest.warns(UserWarning, match=rf"skipped, cannot be read: .*1\.{kind}: "):
        assert list(read_images([first, second])) == [str(first)]
    first.write_bytes(b"no image")
    message = "none of 2 images could be read"
    with pytest.warns(UserWarning, match="skipped"), pytest.raises(ValueError, match=message):
        read_images([first, second])


def test_missing_images(tmp_path: Path) -> None:
    """A missing and an empty folder, and a single image that would have to validate too."""
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such folder; expected a folder"):
        image_files(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no images in it; expected \.png, "):
        image_files(tmp_path)
    write_images(tmp_path, [(9, 9)])
    with pytest.raises(FileNotFoundError, match="one image in it; expected two at least"):
        split_files(tmp_path)


def test_small_images() -> None:
    """Images smaller than the crop are named with their sizes."""
    images = {"a.png": pixels(1, 20, 30)[0], "b.png": pixels(1, 30, 15)[0]}
    message = r"1 of 2 images are smaller than the crop of 20x16 pixels: b\.png has 30x15"
    with pytest.raises(ValueError, match=message):
        Crops(images, (20, 16))
    with pytest.raises(ValueError, match="cannot be turned; expected squares"):
        Crops(images, (20, 15), turned=True)
    with pytest.raises(ValueError, match="0 images, crops of 4x4"):
        Crops({}, 4)


def numbered(height: int, width: int, first: int) -> Tensor:
    """uint8 (3, H, W) whose channels hold three numbers of their place."""
    place = first + torch.arange(height * width).view(height, width)
    return torch.stack([place, place + 1, 255 - place]).byte()


def windows(image: Tensor, height: int, width: int) -> list[Tensor]:
    """All crops of an image, row by row."""
    places = image.unfold(1, height, 1).unfold(2, width, 1)  # (3, rows, columns, height, width)
    return list(places.flatten(1, 2).unbind(1))


def test_crops() -> None:
    """Every crop is one of the image's windows, drawn at random until all have been seen."""
    images = {"a": numbered(4, 6, 0), "b": numbered(5, 3, 100)}
    crops = Crops(images, (4, 3))
    assert len(crops) == 2
    drawn = crops.images(torch.tensor([1, 0]).repeat(60), seeded())
    assert drawn.shape == (120, 3, 4, 3)
    for which, image in enumerate((images["b"], images["a"])):
        places = [window.float() / 255 for window in windows(image, 4, 3)]
        seen = {
            next(k for k, place in enumerate(places) if torch.equal(place, crop))
            for crop in drawn[which::2]
        }
        assert seen == set(range(len(places)))
    assert torch.equal(crops.images(torch.tensor([1, 0]).repeat(60), seeded()), drawn)


def test_turned_crops() -> None:
    """Turned crops are the eight symmetries of a window."""
    image = numbered(3, 3, 7)
    crops = Crops({"a": image}, 3, turned=True)
    drawn = crops.images(torch.zeros(200, dtype=torch.long), seeded())
    symmetries = [turn(image.float() / 255, which) for which in range(8)]
    seen = [next(k for k, s in enumerate(symmetries) if torch.equal(s, crop)) for crop in drawn]
    assert set(seen) == set(range(8))


def test_pairs() -> None:
    """Pairs come in [0, 1]; turned, both in the same way; exchanged, the two values of each pixel
    stay together."""
    first, second = pixels(6, 4, 4), pixels(6, 4, 4, seed=1)
    indices = torch.tensor([4, 0, 2])
    x, d = Pairs(first, second).batch(indices, seeded())
    assert torch.equal(x, first[indices].float() / 255)
    assert torch.equal(d, second[indices].float() / 255)
    for augmentation in ("turn", "exchange"):
        pairs = Pairs(first, second, augmentation)
        a, b = pairs.batch(indices, seeded(3))
        which = [k for k in range(8) if torch.allclose(turn(x + d, k), a + b)]
        assert len(which) == 1
        assert torch.equal(turn(x, which[0]), a) is (augmentation == "turn")
        assert torch.equal(a, pairs.batch(indices, seeded(3))[0])
    with pytest.raises(ValueError, match="unknown augmentation 'flip'; expected one of none, turn"):
        Pairs(first, second, "flip")
    with pytest.raises(ValueError, match="pairs: holds"):
        Pairs(first, second[:2])


def test_noisy_sets() -> None:
    """Targets are the clean images, or other noisy copies; for point sampling the cells' means."""
    source, indices = fixed(pixels(5, 8, 8)), torch.tensor([3, 1])
    clean = source.images(indices, seeded())
    noise = partial(gaussian, std=0.1)
    x, d = Noisy(source, noise).batch(indices, seeded())
    assert torch.equal(d, clean)
    other, noisy = Noisy(source, noise, noisy_targets=True).batch(indices, seeded())
    assert torch.equal(other, x)
    assert 0.05 < (noisy - clean).std() < 0.15
    assert (noisy - x).abs().min() > 0
    sampled, cells = Noisy(source, partial(point_sampling, cell=4)).batch(indices, seeded())
    torch.testing.assert_close(cells, clean.unfold(2, 4, 4).unfold(3, 4, 4).mean((-1, -2)))
    assert sampled.shape == cells.shape == (2, 3, 2, 2)


def test_any_set() -> None:
    """Sets that draw batches are moved, plain Datasets are wrapped, anything else is refused."""
    pairs = as_pairs(Pairs(pixels(3, 4, 4), pixels(3, 4, 4)), CPU)
    assert isinstance(pairs, Pairs)
    items = as_pairs(TensorDataset(torch.arange(3.0), -torch.arange(3.0)), CPU)
    assert isinstance(items, Items)
    x, d = items.batch(torch.tensor([2, 0]), seeded())
    assert (x.tolist(), d.tolist()) == ([2, 0], [-2, 0])
    with pytest.raises(TypeError, match="got a int; expected a set with `batch`"):
        as_pairs(3, CPU)


def test_split(tmp_path: Path) -> None:
    """train/ with val/ or test/ beside it, or the last tenth of the images."""
    write_images(tmp_path / "flat", [(4, 4)] * 25)
    train, val = split_files(tmp_path / "flat")
    assert len(train) == 23
    assert sorted(train + val) == image_files(tmp_path / "flat")
    assert train[-1] < val[0]
    for name in ("train", "test"):
        write_images(tmp_path / "bsds" / name, [(4, 4)] * 2)
    assert [path.parent.name for half in split_files(tmp_path / "bsds") for path in half] == [
        *["train"] * 2,
        *["test"] * 2,
    ]


def test_sets_of_folders(tmp_path: Path) -> None:
    """Images make sets with noise, clean for validation; course files make the sets they hold."""
    write_images(tmp_path, [(6, 9)] * 4)
    train, val = image_sets(tmp_path, gaussian, crop=4)
    assert not is_course(tmp_path)
    assert (len(train), len(val)) == (3, 1)
    x, d = train.batch(torch.arange(3), seeded())
    assert x.shape == (3, 3, 4, 4)
    assert d.min() < 0 or (255 * d - (255 * d).round()).abs().max() > 0.01
    x, d = val.batch(torch.arange(1), seeded())
    assert x.shape == (1, 3, 4, 4)
    torch.testing.assert_close(255 * d, (255 * d).round())
    for name, count in ((TRAIN, 5), (VALIDATION, 3)):
        save_pair(tmp_path / name, pixels(count, 4, 4), pixels(count, 4, 4, seed=1))
    assert is_course(tmp_path)
    pairs, clean = course_sets(tmp_path, "exchange", limit=4)
    assert (len(pairs), len(clean), pairs.augmentation) == (4, 3, "exchange")
