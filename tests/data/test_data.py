"""The course's data files: written whole, read without running code, never overwritten."""

from __future__ import annotations

import functools
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
import torch
from torch import Tensor

from others.data.course import CLEAN, TRAIN, VALIDATION, load_pair, make_data, save_pair
from others.data.dead_leaves import SIZE
from others.data.seeds import seeded
from others.engine.metrics import psnr_pooled
from others.generate import main
from tests.helpers import fork_server


@functools.cache
def small_pair() -> tuple[Tensor, Tensor]:
    """Five pairs of 8x8 images."""
    first, second = torch.randint(256, (2, 5, 3, 8, 8), generator=seeded(0), dtype=torch.uint8)
    return first, second


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
    """FileNotFoundError names the file and the command that writes it into the same folder.

    Of a file that no command generates it says what is expected; a folder is no file either.
    """
    folder = tmp_path / "of mine"
    for name, option in ((TRAIN, ""), (VALIDATION, ""), (CLEAN, " --clean")):
        with pytest.raises(FileNotFoundError, match=f"{name}: .*`(.*)`") as caught:
            load_pair(folder / name)
        assert f"`python -m others.generate '{folder}'{option}`" in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"tune_data\.pkl: no file here; expected a tup"):
        load_pair(folder / "tune_data.pkl")
    with pytest.raises(FileNotFoundError, match="expected a file"):
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

    def write_a_part(pair: object, file: IO[bytes]) -> None:
        file.write(b"half")
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
from others.data.course import make_data
def write_a_part(pair, file):
    file.write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
torch.save = write_a_part
make_data({str(tmp_path)!r}, pairs=1, validation=1)
"""
    killed = fork_server.run(program)
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


def test_clean_images_of_the_pairs_come_on_request(tmp_path: Path) -> None:
    """--clean adds clean_data.pkl, nearer to both noisy images than they are to each other."""
    make_data(tmp_path, pairs=3, validation=1)
    assert not (tmp_path / CLEAN).exists()
    arguments = [str(tmp_path), "--pairs", "3", "--validation", "1", "--clean"]
    main(arguments)
    one, other = load_pair(tmp_path / TRAIN)
    first, clean = load_pair(tmp_path / CLEAN)
    assert torch.equal(first, one)
    between = psnr_pooled(one / 255, other / 255)
    assert all(psnr_pooled(images / 255, clean / 255) > between + 2 for images in (one, other))


def test_clean_images_of_other_pairs_are_not_invented(tmp_path: Path) -> None:
    """The course's pairs, or those of another seed, stop it before any file is written."""
    save_pair(tmp_path / TRAIN, *small_pair())
    with pytest.raises(ValueError, match=rf"{TRAIN}: its 5 pairs are not the 5 that this seed"):
        make_data(tmp_path, pairs=5, validation=1, clean=True)
    assert [path.name for path in tmp_path.iterdir()] == [TRAIN]


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


def test_generate_from_the_command_line(tmp_path: Path, usage_error: Callable[..., str]) -> None:
    """FOLDER, --pairs, --validation, --seed reach make_data; an error is one line, not a trace."""
    make_data(tmp_path / "called", 2, 1, 3)
    arguments = [str(tmp_path / "data"), "--pairs", "2", "--validation", "1", "--seed", "3"]
    main(arguments)
    for name in (TRAIN, VALIDATION):
        assert (tmp_path / "data" / name).read_bytes() == (tmp_path / "called" / name).read_bytes()
    assert "'0' is no whole number from 1 on" in usage_error(main, str(tmp_path), "--pairs", "0")


def test_what_is_no_file_gets_no_advice(tmp_path: Path) -> None:
    """A folder or a dead link in the place of a data file is said to be one: `others.generate`
    would not write there either."""
    (tmp_path / "train_data.pkl").mkdir()
    (tmp_path / "val_data.pkl").symlink_to("nowhere")
    for name in ("train_data.pkl", "val_data.pkl"):
        with pytest.raises(FileNotFoundError, match=rf"{name}: a folder, a device or a dead link"):
            load_pair(tmp_path / name)
