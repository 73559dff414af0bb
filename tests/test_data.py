"""The generated images, the course's files, and the two PSNRs."""

from __future__ import annotations

import functools
import math
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from others import dead_leaves
from others.data import TRAIN, VALIDATION, load_pair, main, make_data, save_pair
from others.dead_leaves import CELL, LEAVES, SIDE, SIZE, noisy_and_clean, noisy_pairs, render
from others.metrics import psnr_per_image, psnr_pooled

Generate = Callable[[int, Generator], "tuple[Tensor, Tensor]"]
ROOT = Path(__file__).resolve().parents[1]


def seeded(seed: int) -> Generator:
    """A generator in the state that the seed gives."""
    return Generator().manual_seed(seed)


def cell_pixels(seed: int, count: int) -> Tensor:
    """All 64 pixels of every cell of the scenes behind a seed: (N, 3, H, W, 64)."""
    scenes = next(dead_leaves.draw_scenes(count, seeded(seed)))
    return render(scenes, torch.arange(CELL * CELL).expand(count, SIZE, SIZE, -1))


def whole(pixels: Tensor) -> Tensor:
    """Put cells (N, 3, H, W, 64) together: (N, 3, 8 H, 8 W)."""
    return pixels.unflatten(-1, (CELL, CELL)).transpose(3, 4).flatten(4).flatten(2, 3)


@functools.cache
def validation_images() -> tuple[Tensor, Tensor]:
    """Noisy and clean images in [0, 1]."""
    noisy, clean = noisy_and_clean(150, seeded(1))
    return noisy / 255, clean / 255


@functools.cache
def small_pair() -> tuple[Tensor, Tensor]:
    """Five pairs of 8x8 images."""
    first, second = torch.randint(256, (2, 5, 3, 8, 8), generator=seeded(0), dtype=torch.uint8)
    return first, second


# The images


@pytest.mark.parametrize("generate", [noisy_pairs, noisy_and_clean])
def test_the_same_seed_gives_the_same_bytes(generate: Generate) -> None:
    """A seed decides every byte, whatever the number of threads; another gives other images."""
    threads = torch.get_num_threads()
    once = generate(6, seeded(3))
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        again = generate(6, seeded(3))
    finally:
        torch.set_num_threads(threads)
    for images, same in zip(once, again):
        assert images.dtype == torch.uint8
        assert images.shape == (6, 3, SIZE, SIZE)
        assert images.is_contiguous()
        assert torch.equal(images, same)
    assert not torch.equal(once[0], generate(6, seeded(4))[0])


def test_the_global_random_state_is_left_alone() -> None:
    """Randomness comes from the generator that is passed in, from nowhere else."""
    before = torch.get_rng_state()
    noisy_pairs(1, seeded(0))
    assert torch.equal(before, torch.get_rng_state())


def test_a_noisy_pixel_is_one_pixel_of_its_own_cell() -> None:
    """Red, green and blue of each noisy pixel stand together somewhere in the pixel's own cell."""
    pixels = cell_pixels(7, 20)
    noisy, _ = noisy_and_clean(20, seeded(7))
    for images in (*noisy_pairs(20, seeded(7)), noisy):
        assert (pixels == images[..., None]).all(1).any(-1).all()


def test_every_pixel_of_a_cell_is_as_likely() -> None:
    """The place in the cell is uniform: none of 64 counts is 5 standard deviations off."""
    places = dead_leaves.draw_places(100, 2, seeded(0))
    expected = places.numel() / 64
    assert (places.flatten().bincount() - expected).abs().max() < 5 * math.sqrt(expected)


def test_a_clean_image_is_the_rounded_mean_of_each_cell() -> None:
    """Clean images are the mean over each 8x8 square of the scene, to half a grey level."""
    scene = whole(cell_pixels(7, 4))
    mean = torch.nn.functional.avg_pool2d(scene.double(), CELL)
    _, clean = noisy_and_clean(4, seeded(7))
    assert (clean - mean).abs().max() <= 0.5


def test_the_noise_of_the_two_copies_is_independent() -> None:
    """Given the scene, both noises have mean zero and are uncorrelated, also between neighbours."""
    mean = cell_pixels(5, 50).float().mean(-1)
    a, b = (images - mean for images in noisy_pairs(50, seeded(5)))
    power = float((a * a).mean())
    assert power > 100
    assert abs(float(a.mean())) < 0.3
    assert abs(float(b.mean())) < 0.3
    assert abs(float((a * b).mean())) < 0.02 * power
    assert abs(float((a[..., 1:] * a[..., :-1]).mean())) < 0.02 * power
    assert abs(float((a[:, :, 1:] * a[:, :, :-1]).mean())) < 0.02 * power


@pytest.mark.parametrize("seed", range(5))
def test_the_noise_is_as_strong_as_in_the_course(seed: int) -> None:
    """At every seed, noisy against clean is 20.7 dB per image to within 0.7 dB."""
    first, second = (images / 255 for images in noisy_pairs(300, seeded(seed)))
    two_noises = (first - second).square().mean((1, 2, 3))  # twice the error of one
    assert float(-10 * torch.log10(two_noises / 2).mean()) == pytest.approx(20.7, abs=0.7)


def test_noisy_against_clean_is_like_photographs() -> None:
    """The mean, the pooled value and the spread over images are those of photographs."""
    noisy, clean = validation_images()
    values = torch.tensor([psnr_per_image(a[None], b[None]) for a, b in zip(noisy, clean)])
    assert psnr_per_image(noisy, clean) == pytest.approx(20.7, abs=0.7)
    assert psnr_pooled(noisy, clean) == pytest.approx(19.8, abs=0.7)
    assert 2.5 < float(values.std()) < 4


def test_pixel_statistics_are_like_photographs() -> None:
    """Brightness, contrast, correlation of the colours and the power spectrum, near 1 / f^2.7."""
    clean = validation_images()[1]
    assert float(clean.mean()) == pytest.approx(0.46, abs=0.06)
    assert float(clean.std()) == pytest.approx(0.27, abs=0.05)
    correlation = torch.corrcoef(clean.transpose(0, 1).flatten(1))
    assert 0.6 < float(correlation[0, 2]) < float(correlation[0, 1]) < 0.97
    window = torch.hann_window(SIZE, periodic=False)
    grey = clean.mean(1)
    grey = (grey - grey.mean((1, 2), keepdim=True)) * window * window[:, None]
    power = torch.fft.fft2(grey).abs().square().mean(0)
    low, high = ((power[0, f] + power[f, 0]).log2() for f in (3, 12))  # two octaves apart
    assert -3.2 < float(high - low) / 2 < -2.2


def test_a_leaf_is_painted_where_it_is() -> None:
    """A white 32x16 rectangle around (40, 100) on black fills just the pixels that it covers."""
    scenes = next(dead_leaves.draw_scenes(1, seeded(0)))
    nowhere = (-1e4, -1e4, 0.0, 1.0, 1.0, 0.5, 0.0, 0.0)
    shapes = dead_leaves.Shapes(*(torch.full((1, LEAVES), value) for value in nowhere))
    for leaf, box in ((0, (128, 128, 512, 512)), (9, (40, 100, 16, 8))):
        for field, value in zip((shapes.x, shapes.y, shapes.half_width, shapes.half_height), box):
            field[:, leaf] = value
    colour = torch.zeros(1, LEAVES)
    surfaces = dead_leaves.Surfaces(*[colour.clone() for _ in scenes.surfaces])
    for field in surfaces[:3]:
        field[:, 9] = 1
    everywhere = torch.arange(CELL * CELL).expand(1, SIZE, SIZE, -1)
    pixels = render(dead_leaves.Scenes(shapes, surfaces, scenes.tile), everywhere)
    expected = torch.zeros(1, 3, SIDE, SIDE, dtype=torch.uint8)
    expected[:, :, 92:108, 24:56] = 255
    assert torch.equal(whole(pixels), expected)


def test_looking_at_near_leaves_only_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering a square with the leaves near it gives what all leaves together give."""
    fast = cell_pixels(11, 2)
    every_leaf = torch.arange(LEAVES - 1, -1, -1).expand((SIZE // dead_leaves.BLOCK) ** 2, -1)
    monkeypatch.setattr(dead_leaves, "leaves_near_blocks", lambda shapes: every_leaf)
    assert torch.equal(cell_pixels(11, 2), fast)


# Reading and writing


def test_a_pair_survives_the_file(tmp_path: Path) -> None:
    """What was saved is loaded, from a str or a Path, and no other file is left behind."""
    path = tmp_path / TRAIN
    save_pair(path, *small_pair())
    for loaded, saved in zip(load_pair(str(path)), small_pair()):
        assert torch.equal(loaded, saved)
    assert [path.name for path in tmp_path.iterdir()] == [TRAIN]


def test_a_file_of_an_old_torch_is_read(tmp_path: Path) -> None:
    """The format from before torch 1.6 is read as well."""
    torch.save(small_pair(), tmp_path / TRAIN, _use_new_zipfile_serialization=False)
    assert torch.equal(load_pair(tmp_path / TRAIN)[1], small_pair()[1])


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    """FileNotFoundError names the file and `make data`; a folder is no file either."""
    with pytest.raises(FileNotFoundError, match=rf"{TRAIN}.*make data"):
        load_pair(tmp_path / TRAIN)
    with pytest.raises(FileNotFoundError, match="make data"):
        load_pair(tmp_path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.1, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_a_value_error(tmp_path: Path, kept: float, zipped: bool) -> None:
    """Whatever the place at which it was cut off."""
    path = tmp_path / TRAIN
    torch.save(small_pair(), path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match=r"data\.pkl: \d+ bytes, not a whole file .* two uint8"):
        load_pair(path)


@pytest.mark.parametrize(
    "content",
    [b"hello", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04 zip", pickle.dumps([1, 2]), pickle.dumps(print)],
)
def test_a_foreign_file_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    """Text, a picture, a broken archive, plain pickles."""
    (tmp_path / TRAIN).write_bytes(content)
    with pytest.raises(ValueError, match=r"not a whole file written by torch.save"):
        load_pair(tmp_path / TRAIN)


class Trap(str):
    """A path that makes itself a folder when it is unpickled."""

    def __reduce__(self) -> tuple:
        """Tell pickle which function to call."""
        return os.mkdir, (str(self),)


def test_no_code_from_the_file_is_run(tmp_path: Path) -> None:
    """A pickle that calls a function is refused, and the function is not called."""
    torch.save((Trap(str(tmp_path / "called")), *small_pair()), tmp_path / TRAIN)
    with pytest.raises(ValueError, match="not a whole file"):
        load_pair(tmp_path / TRAIN)
    assert not (tmp_path / "called").exists()


IMAGES = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("held", "named"),
    [
        (IMAGES, "one Tensor"),
        ({"noisy": IMAGES}, "one dict"),
        ((IMAGES,), r"1 objects \(Tensor\)"),
        ((IMAGES, IMAGES, IMAGES), "3 objects"),
        ((IMAGES, "clean"), r"2 objects \(Tensor, str\)"),
        ((IMAGES, IMAGES.float()), "torch.float32"),
        ((IMAGES, IMAGES[:3]), r"\(4, 3, 8, 8\) and torch.uint8 \(3, 3, 8, 8\)"),
        ((IMAGES[:, :1], IMAGES[:, :1]), r"\(4, 1, 8, 8\)"),
        ((IMAGES[0], IMAGES[0]), r"\(3, 8, 8\)"),
        ((IMAGES[:0], IMAGES[:0]), r"\(0, 3, 8, 8\)"),
    ],
)
def test_other_content_is_a_value_error(tmp_path: Path, held: object, named: str) -> None:
    """The message says what the file holds and what was expected."""
    torch.save(held, tmp_path / TRAIN)
    with pytest.raises(ValueError, match=rf"{named}.*expected a tuple of two uint8 tensors"):
        load_pair(tmp_path / TRAIN)


def test_a_bad_pair_is_not_saved(tmp_path: Path) -> None:
    """What load_pair would refuse is refused before the old file is touched."""
    (tmp_path / TRAIN).write_bytes(b"old")
    with pytest.raises(ValueError, match=r"torch\.float32"):
        save_pair(tmp_path / TRAIN, IMAGES.float(), IMAGES.float())
    assert (tmp_path / TRAIN).read_bytes() == b"old"


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted while writing: the old file is whole and nothing else is left."""

    def write_a_part(pair: object, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    (tmp_path / TRAIN).write_bytes(b"old")
    monkeypatch.setattr(torch, "save", write_a_part)
    with pytest.raises(KeyboardInterrupt):
        save_pair(tmp_path / TRAIN, *small_pair())
    assert (tmp_path / TRAIN).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [TRAIN]


def test_killed_halfway_leaves_no_half_file(tmp_path: Path) -> None:
    """After kill -9 while it writes there is no train_data.pkl, and the next run makes it."""
    program = f"""
import os, signal, torch
from others.data import make_data
def write_a_part(pair, path):
    open(path, "wb").write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
torch.save = write_a_part
make_data({str(tmp_path)!r}, pairs=1, validation=1)
"""
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert killed.returncode == -9
    assert not (tmp_path / TRAIN).exists()
    make_data(tmp_path, pairs=2, validation=1)
    assert len(load_pair(tmp_path / TRAIN)[0]) == 2


# make data


def test_make_data_writes_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a new folder: as many pairs as asked for, the same bytes for the same seed."""
    for folder in ("one/deep", "two"):
        make_data(tmp_path / folder, pairs=4, validation=3, seed=5)
    said = capsys.readouterr().out
    for name, count in ((TRAIN, 4), (VALIDATION, 3)):
        path = tmp_path / "one/deep" / name
        assert load_pair(path)[0].shape == (count, 3, SIZE, SIZE)
        assert path.read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert f"{path}: generated ({count} pairs)" in said
    make_data(tmp_path / "three", pairs=4, validation=3, seed=6)
    assert (tmp_path / "three" / TRAIN).read_bytes() != (tmp_path / "two" / TRAIN).read_bytes()


def test_no_scene_is_in_both_files(tmp_path: Path) -> None:
    """Validation images are new: scene by scene they are far from those to train on."""
    make_data(tmp_path, pairs=5, validation=5)
    train, validation = (load_pair(tmp_path / name)[0] / 255 for name in (TRAIN, VALIDATION))
    assert psnr_pooled(train, validation) < 12  # noisy images of the same scenes: 17 dB


@pytest.mark.parametrize("present", [[TRAIN], [VALIDATION], [TRAIN, VALIDATION]])
def test_files_that_are_there_are_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], present: list[str]
) -> None:
    """The course's own files stay as they are; only what is missing is generated."""
    for name in present:
        save_pair(tmp_path / name, *small_pair())
    before = {name: (tmp_path / name).read_bytes() for name in present}
    times = {name: (tmp_path / name).stat().st_mtime_ns for name in present}
    make_data(tmp_path, pairs=2, validation=2)
    said = capsys.readouterr().out
    for name in (TRAIN, VALIDATION):
        if name in present:
            assert (tmp_path / name).read_bytes() == before[name]
            assert (tmp_path / name).stat().st_mtime_ns == times[name]
            assert f"{name}: there already, kept (5 pairs)" in said
        else:
            assert len(load_pair(tmp_path / name)[0]) == 2
            assert f"{name}: generated (2 pairs)" in said


def test_a_damaged_file_is_reported_before_anything_is_written(tmp_path: Path) -> None:
    """A file that is there but cannot be used stops make_data, and stays for its owner to judge."""
    (tmp_path / VALIDATION).write_bytes(b"half a download")
    with pytest.raises(ValueError, match=rf"{VALIDATION}: 15 bytes"):
        make_data(tmp_path, pairs=1, validation=1)
    assert [path.name for path in tmp_path.iterdir()] == [VALIDATION]
    assert (tmp_path / VALIDATION).read_bytes() == b"half a download"


def test_a_dangling_link_is_not_replaced(tmp_path: Path) -> None:
    """A link to a disk that is not mounted is somebody's: an error, no new file."""
    (tmp_path / TRAIN).symlink_to(tmp_path / "elsewhere.pkl")
    with pytest.raises(FileNotFoundError, match=TRAIN):
        make_data(tmp_path, pairs=1, validation=1)
    assert (tmp_path / TRAIN).is_symlink()


@pytest.mark.parametrize(
    "wrong", [{"pairs": 0}, {"validation": -1}, {"seed": -1}, {"pairs": 2.5}, {"seed": True}]
)
def test_wrong_numbers_are_a_value_error(tmp_path: Path, wrong: dict) -> None:
    """The message names the number, what came and what was expected."""
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=rf"{name} is {value}; expected a whole number from \d on"):
        make_data(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FOLDER, --pairs, --validation, --seed reach make_data; an error is one line, not a trace."""
    make_data(tmp_path / "called", 2, 1, 3)
    arguments = [str(tmp_path / "data"), "--pairs", "2", "--validation", "1", "--seed", "3"]
    monkeypatch.setattr(sys, "argv", ["data", *arguments])
    main()
    for name in (TRAIN, VALIDATION):
        assert (tmp_path / "data" / name).read_bytes() == (tmp_path / "called" / name).read_bytes()
    monkeypatch.setattr(sys, "argv", ["data", str(tmp_path), "--pairs", "0"])
    with pytest.raises(SystemExit, match=r"others\.data: pairs is 0; expected"):
        main()


# PSNR


def test_psnr_by_hand() -> None:
    """Errors of 0.1 and 0.01 everywhere: 20 and 40 dB, 30 dB per image; pooled, of their mean."""
    clean = torch.full((2, 3, 4, 4), 0.5, dtype=torch.float64)
    denoised = clean + torch.tensor([0.1, 0.01], dtype=torch.float64)[:, None, None, None]
    assert psnr_per_image(denoised, clean) == pytest.approx(30)
    assert psnr_pooled(denoised, clean) == pytest.approx(-10 * math.log10(0.00505 + 1e-8))
    assert psnr_pooled(clean, clean) == pytest.approx(80)  # the handout's 1e-8
    assert psnr_per_image(clean, clean) == math.inf


@pytest.mark.parametrize("psnr", [psnr_per_image, psnr_pooled])
def test_psnr_refuses_other_input(psnr: Callable[[Any, Any], float]) -> None:
    """Different shapes, other dimensions, nothing, 0..255, NaN: errors that say what came."""
    images = torch.rand(2, 3, 4, 4, generator=seeded(0))
    with pytest.raises(ValueError, match=r"\(1, 3, 4, 4\), clean \(2, 3, 4, 4\)"):
        psnr(images[:1], images)
    with pytest.raises(ValueError, match=r"got shape \(3, 4, 4\); expected \(N, C, H, W\)"):
        psnr(images[0], images[0])
    with pytest.raises(ValueError, match=r"got shape \(0, 3, 4, 4\)"):
        psnr(images[:0], images[:0])
    with pytest.raises(ValueError, match=r"denoised has values from .*; expected 0 to 1"):
        psnr(images * 255, images)
    with pytest.raises(ValueError, match=r"clean has values from nan to nan"):
        psnr(images, images * math.nan)
    with pytest.raises(TypeError, match=r"clean is torch\.uint8; expected a float tensor"):
        psnr(images, images.byte())
    with pytest.raises(TypeError, match=r"denoised is list"):
        psnr([0.5], images)
