"""The command that denoises files: folders to their end, nothing overwritten, nothing skipped."""

from __future__ import annotations

import argparse
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
import torch
from PIL import Image
from torch import nn

import others.denoise
from Miniproject_1.noise2noise.symmetries import turn
from others.denoise import Record, main, planned, settings_of, unfinished
from others.files import image_file
from others.files.image_file import read_picture, write_picture
from others.files.kinds import Picture
from others.networks.catalogue import make_network
from others.networks.pretrained import load_denoiser, load_network, model_names, weights_file
from others.records.weights import digest, save_weights
from tests.helpers import fork_server
from tests.helpers.files import picture, same, values


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Random weights of the smallest bias-free network."""
    torch.manual_seed(0)
    save_weights(make_network("biasfree_6"), tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def test_the_ensemble_turns_with_the_image() -> None:
    """The mean over eight turns of a turned image, of odd size too, is the turned mean."""
    denoiser = load_denoiser("dncnn", ensemble=True)
    x = values(3, 7, 9).float()[None] / 255
    with torch.no_grad():
        answer = denoiser.apply(x)
        for which in range(8):
            turned = denoiser.apply(turn(x, which))
            torch.testing.assert_close(turned, turn(answer, which), rtol=0, atol=1e-5)


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
    reach = 15  # pixels: an image as small as this one is repeated around itself
    with torch.no_grad():
        around = nn.functional.pad(x, 4 * (reach,), mode="replicate")
        y = load_network("biasfree_6", weights)(around)[0, :, reach:-reach, reach:-reach]
    y = y.mean(0, keepdim=True) if len(before.colour) == 1 else y
    expected = (y.clamp(0, 1) * before.white).round().int()
    assert int((after.colour.int() - expected).abs().max()) <= 1
    assert same(read_picture(tmp_path / "in.png"), before)


def test_folders(tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder is done to its end: what cannot be read or would lose something is listed, no image
    is skipped without a word, and the exit status is 1."""
    folder = tmp_path / "in"
    folder.mkdir()
    long = "ä" * 125 + "x.png"  # of 255 bytes, the most that a name can have
    undecodable = os.fsdecode(b"\xff.png")  # no text that stdout can show
    lines = "two\nlines.png"
    for name in ("a.png", "b.jfif", long, undecodable, lines, ".png"):
        write_picture(folder / name, picture("RGB"))
    write_picture(tmp_path / "c.jpg", picture("RGB"))
    (folder / "broken.png").write_bytes(b"no image")
    (folder / "link.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "folder.png").mkdir()
    Image.new("RGB", (3, 3)).save(folder / "animated.gif")
    Image.new("CMYK", (3, 3)).save(folder / "inks.tif")
    model = ["--model", "biasfree_6", "--weights", str(weights)]
    with pytest.raises(SystemExit) as stop:
        main([str(folder), str(tmp_path / "c.jpg"), str(tmp_path / "out"), *model])
    assert stop.value.code == 1
    written = {p.name for p in (tmp_path / "out").iterdir()}
    assert written == {"a.png", "b.jfif", "c.jpg", long, undecodable, lines, ".png", ".unfinished"}
    output = capsys.readouterr()
    assert "7x9 RGB" in output.out
    assert "two\\nlines.png: " in output.out  # one line for each image, whatever its name is
    assert "7 of 12 images denoised in " in output.out
    failures = output.err.strip().splitlines()
    assert len(failures) == 5
    for name in ("animated.gif", "broken.png", "inks.tif", "link.png", "loop.png"):
        assert sum(line.startswith("not denoised: ") and name in line for line in failures) == 1


def test_an_encoder_that_fails(
    tmp_path: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever a library raises for an image, that one is named, and the others are done."""
    (tmp_path / "in").mkdir()
    encode = image_file.WRITERS["PNG"]

    def fails_at_grey(image: Picture) -> bytes:
        if image.mode == "L":
            raise struct.error("argument out of range")
        return encode(image)

    for name, mode in (("a.png", "L"), ("b.png", "RGB")):
        write_picture(tmp_path / "in" / name, picture(mode))
    monkeypatch.setitem(image_file.WRITERS, "PNG", fails_at_grey)
    folders = [str(tmp_path / "in"), str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        main([*folders, "--model", "biasfree_6", "--weights", str(weights)])
    output = capsys.readouterr()
    assert "1 of 2 images denoised in " in output.out
    source, target = (tmp_path / folder / "a.png" for folder in ("in", "out"))
    reason = "cannot be written as PNG (error: argument out of range)"
    assert output.err.strip() == f"not denoised: {source}: {target}: {reason}"
    assert (tmp_path / "out" / "b.png").exists()


def test_a_name_that_stdout_cannot_show(tmp_path: Path, weights: Path) -> None:
    """Where stdout is plain ASCII, such names are written with backslashes."""
    write_picture(tmp_path / "ä.png", picture("L"))
    files = [str(tmp_path / "ä.png"), str(tmp_path / "out"), "--model", "biasfree_6"]
    code = (
        "import sys; sys.stdout.reconfigure(encoding='ascii', errors='strict')\n"
        "from others import denoise; denoise.main(sys.argv[1:])"
    )
    done = fork_server.run(code, *files, "--weights", str(weights))
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\xe4.png -> " in done.stdout


def test_what_is_left_out_is_said(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A resolution has no place in a PPM: the line of the file says so."""
    Image.new("RGB", (8, 8)).save(tmp_path / "in.jpg", dpi=(300, 300))
    arguments = [str(tmp_path / "in.jpg"), str(tmp_path / "out"), "--suffix", ".ppm"]
    main([*arguments, "--model", "biasfree_6", "--weights", str(weights)])
    assert "8x8 RGB, without resolution, " in capsys.readouterr().out


def test_planning_is_linear(tmp_path: Path) -> None:
    """20,000 files are planned in less than 2 s, whether or not files with their names are there:
    each is looked at once."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(20_000):
        (folder / f"{number}.png").touch()
    record = Record(tmp_path / "none", {})
    for _ in range(2):
        start = time.process_time()
        assert len(unfinished(planned([folder], out, None), True, record)) == 20_000
        assert time.process_time() - start < 2
        out.mkdir(exist_ok=True)
        for number in range(20_000):
            (out / f"{number}.png").touch()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Not an input, not under another name either; no other file unless asked for; no two images
    into one file. All that is found before anything is done."""
    one, two = tmp_path / "one.png", tmp_path / "folder" / "one.png"
    two.parent.mkdir()
    for path in (one, two):
        write_picture(path, picture("L"))
    link, record = tmp_path / "link.png", Record(tmp_path / "none", {})
    link.symlink_to(one)
    for output in (one, tmp_path, link):
        for overwrite in (False, True):
            with pytest.raises(ValueError, match="is an input, which is never overwritten"):
                unfinished(planned([one], output, None), overwrite, record)
    with pytest.raises(ValueError, match="several images would be written to"):
        planned([one, two], tmp_path / "out", None)
    jobs = planned([one], tmp_path / "folder", None)
    with pytest.raises(ValueError, match="is there; --overwrite replaces it"):
        unfinished(jobs, False, record)
    assert unfinished(jobs, True, record) == [(one, two)]
    assert planned([one], tmp_path / "out", ".tif")[0][1] == tmp_path / "out" / "one.tif"
    two.unlink()
    two.mkdir()
    with pytest.raises(ValueError, match=r"one\.png is a folder; expected an image or nothing"):
        unfinished(jobs, True, record)


def test_what_cannot_be_written_to(tmp_path: Path) -> None:
    """An output in what is no folder, be it a file or a link that leads nowhere, and a kind of file
    that is not written are refused before anything is done."""
    for name in ("one.png", "two.png"):
        write_picture(tmp_path / name, picture("L"))
    one, dead = tmp_path / "one.png", tmp_path / "dead"
    dead.symlink_to(tmp_path / "nowhere")
    for inputs, output in (
        ([one], dead),
        ([one], dead / "out.png"),
        ([one], one / "deeper" / "out.png"),
        ([tmp_path], one),
    ):
        with pytest.raises(ValueError, match=r"(one\.png|dead) is no folder; expected one for the"):
            planned(inputs, output, None)
    with pytest.raises(ValueError, match=r"\.gif: expected a name that ends with"):
        planned([one], tmp_path / "out.gif", None)
    with pytest.raises(FileNotFoundError, match="no such image"):
        planned([tmp_path / "none.png"], tmp_path / "out", None)


def test_unknown_models(tmp_path: Path) -> None:
    """The message lists what there is; missing weights are named."""
    write_picture(tmp_path / "in.png", picture("L"))
    files = [str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    with pytest.raises(SystemExit, match="no model 'magic'; there is miniproject_1, "):
        main([*files, "--model", "magic"])
    with pytest.raises(SystemExit, match=r"none\.pth"):
        main([*files, "--model", "biasfree_6", "--weights", str(tmp_path / "none.pth")])
    assert not (tmp_path / "out.png").exists()


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Every model has a line of its own, and no strength of the noise is asked for."""
    with pytest.raises(SystemExit):
        main(["-h"])
    lines = capsys.readouterr().out.splitlines()
    for name in model_names():
        assert any(line.startswith(f"  {name} ") and len(line) > 30 for line in lines)
    assert any("No strength of the noise is asked for" in line for line in lines)


@pytest.mark.parametrize(
    "options", ["--tile 0", "--tile -4", "--tile half", "--suffix png", "--suffix .gif"]
)
def test_usage(options: str, usage_error: Callable[..., str]) -> None:
    """A tile of no pixel and a suffix that no image has are usage errors."""
    usage_error(main, "a.png", "out", *options.split())


class Stopped(BaseException):
    """In the place of a signal."""


@pytest.fixture
def stopped(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of a run over a.png, b.png and c.png that was stopped after the first."""
    folder, write = tmp_path / "in", others.denoise.write_atomically
    folder.mkdir()
    for name in "abc":
        write_picture(folder / f"{name}.png", picture("RGB"))

    def stop_at_b(path: Path, writer: Callable[[IO[bytes]], object]) -> None:
        if path.name == "b.png":
            raise Stopped
        write(path, writer)

    options = ["--model", "biasfree_6", "--weights", str(weights)]
    arguments = [str(folder), str(tmp_path / "out"), *options]
    with monkeypatch.context() as patch:
        patch.setattr(others.denoise, "write_atomically", stop_at_b)
        with pytest.raises(Stopped):
            main(arguments)
    return arguments


def test_the_same_command_goes_on(
    stopped: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It keeps what is finished, as often as it is stopped or an image cannot be read; nothing but
    the images is left in the end."""
    finished, broken = tmp_path / "out" / "a.png", tmp_path / "in" / "broken.png"
    written, content = finished.stat().st_mtime_ns, finished.read_bytes()
    broken.touch()
    with pytest.raises(SystemExit):
        main(stopped)
    broken.unlink()
    capsys.readouterr()
    main(stopped)
    said = capsys.readouterr().out
    assert said.startswith("3 of 3 images denoised in ")
    assert said.endswith(" s, 3 of them by an earlier run\n")
    assert (finished.stat().st_mtime_ns, finished.read_bytes()) == (written, content)
    assert sorted(path.name for path in finished.parent.iterdir()) == ["a.png", "b.png", "c.png"]


def test_finished_images_are_read_once(
    stopped: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that goes on reads what is finished once: a folder may hold hours of work."""
    read, content_of = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or content_of(path))
    main(stopped)
    assert read.count(tmp_path / "out" / "a.png") == 1


@pytest.mark.parametrize("name", ["miniproject_2", "biasfree_6"])
def test_other_weights_of_the_project_are_other_options(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that were replaced since then are noticed, where a model is given by its name too."""
    options = argparse.Namespace(model=name, weights=None, ensemble=False, tile=64)
    before = settings_of(options)["weights"]
    assert before == digest(weights_file(name))
    (tmp_path / "other.pth").write_bytes(b"other")
    monkeypatch.setattr(others.denoise, "weights_file", lambda name: tmp_path / "other.pth")
    assert settings_of(options)["weights"] not in (before, None)


def test_what_others_have_written_is_not_taken(stopped: list[str], tmp_path: Path) -> None:
    """An image with other bytes, of other options, or of an input that has changed since then is
    refused as it is without an earlier run."""
    foreign = tmp_path / "out" / "b.png"
    foreign.write_bytes(b"foreign")
    with pytest.raises(SystemExit, match=r"b\.png is there; --overwrite replaces it"):
        main(stopped)
    foreign.unlink()
    with pytest.raises(SystemExit, match=r"a\.png is there; --overwrite replaces it"):
        main([*stopped, "--ensemble"])
    os.utime(tmp_path / "in" / "a.png", (0, 0))
    with pytest.raises(SystemExit, match=r"a\.png is there; --overwrite replaces it"):
        main(stopped)


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_record_that_is_none(kind: str, tmp_path: Path, weights: Path) -> None:
    """What is no file of the command in the place of its record is refused, and left alone."""
    for name in "ab":
        write_picture(tmp_path / f"{name}.png", picture("L"))
    record = tmp_path / "out" / ".unfinished"
    record.parent.mkdir()
    if kind == "folder":
        record.mkdir()
    else:
        record.symlink_to(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(SystemExit, match=r"\.unfinished is no file of this command; remove it"):
        main([str(tmp_path), str(record.parent), "--model", "biasfree_6"])
    assert (tmp_path / "a.png").read_bytes() == before
    assert list(record.parent.iterdir()) == [record]
