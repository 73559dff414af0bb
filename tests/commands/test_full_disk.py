"""A full disk: a sentence that names the file, old files whole; with room again, all goes on."""

from __future__ import annotations

import errno
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.commands import JOBS, furnish, results, strays

LONGER = {  # arguments that make a finished job write again
    "engine": "--epochs 4",
    "study": "base --seeds 3",
    "training 1": "--seed 0",
    "training 2": "--seed 0",
    "denoise": "--overwrite",
}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder on a file system of 48 MB; skipped where nothing may be mounted."""
    place = tmp_path / "small disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a file system, and not everywhere")
    monkeypatch.chdir(place)
    try:
        yield place
    finally:
        monkeypatch.undo()
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(path: Path) -> None:
    """Write zeros until no space is left."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017 - the purpose of the loop


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's")
@pytest.mark.parametrize("name", JOBS)
def test_full_disk(name: str, small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with a sentence and status 1, and goes on when space is made."""
    job = JOBS[name]
    main = importlib.import_module(job.module).main
    furnish(small)
    main(job.arguments.split())
    before = results(job, small)
    if name == "generate":  # what is there is not written again
        Path(job.results[0]).unlink()
        before[0] = None
    fill(small / "filler")
    capsys.readouterr()
    arguments = [*job.arguments.split(), *LONGER.get(name, "").split()]
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    told = f"{stop.value.code}\n{capsys.readouterr().err}"
    assert "No space left on device: '" in told
    assert str(stop.value.code) != "0"
    assert results(job, small) == before
    assert strays(small) == []
    (small / "filler").unlink()
    main(arguments)
    assert None not in results(job, small)
