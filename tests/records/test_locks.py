"""Two processes never do the same work into the same files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from others.records.json_files import locked
from others.records.paths import ROOT
from others.records.study import Row, Study
from others.studies.submission import train
from tests.helpers.experiments import Make

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
BUSY = "another process is working on"
HOLDER = """
import sys, time
from pathlib import Path
from others.records.json_files import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


def test_a_lock_leaves_nothing(tmp_path: Path) -> None:
    """While it is held, nobody else gets it; afterwards nothing of it is left."""
    path = tmp_path / "new" / "file"
    with locked(path), pytest.raises(ValueError, match=rf"{BUSY} .*file; wait"), locked(path):
        pytest.fail("two hold one lock")
    with locked(path):
        pass
    assert list(path.parent.iterdir()) == []


def test_the_longest_names(tmp_path: Path) -> None:
    """A name has 255 bytes at most, and with such a one there is a lock as well: its own."""
    one, other = (tmp_path / ("ü" * 127 + end) for end in "ab")
    with locked(one), locked(other), pytest.raises(ValueError, match=BUSY), locked(one):
        pytest.fail("two hold one lock")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    """A killed process holds nothing any more, whatever file it left."""
    code = [sys.executable, "-c", HOLDER, str(tmp_path / "file")]
    with subprocess.Popen(code, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(ValueError, match=BUSY), locked(tmp_path / "file"):
            pytest.fail("two hold one lock")
        os.kill(holder.pid, signal.SIGKILL)
    with locked(tmp_path / "file"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_removed_lock_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opened the file just before its holder removed it does not get a lock that guards
    nothing."""

    def gone(*_: object) -> None:
        (tmp_path / ".file.lock").unlink()

    monkeypatch.setattr("others.records.json_files.flock", gone)
    with pytest.raises(ValueError, match=BUSY), locked(tmp_path / "file"):
        pytest.fail("the lock is on a file that nobody else sees")


def test_a_study_runs_once_at_a_time(tmp_path: Path) -> None:
    """The second is refused; if it was made before the first ended, it has what that measured."""
    path = tmp_path / "study.json"
    first, second = (Study(path, {}, {"base": Row()}) for _ in range(2))
    with locked(path), pytest.raises(ValueError, match=BUSY):
        first.run(lambda *_: pytest.fail("measured beside another process"))
    results = first.run(lambda *_: {"psnr": 20.0})
    assert second.run(lambda *_: pytest.fail("measured again")) == results


def test_an_experiment_runs_once_at_a_time(tmp_path: Path) -> None:
    """Two trainings into one folder: the second is refused, and its folder is as it was."""
    experiment = Make(tmp_path)()
    folder = tmp_path / "experiment"
    before = sorted(folder.iterdir())
    with locked(folder / "last.pth"), pytest.raises(ValueError, match=BUSY):
        experiment.run(1)
    assert sorted(folder.iterdir()) == before


def test_a_miniproject_is_trained_once_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is refused before it reads anything while another one trains."""
    monkeypatch.chdir(tmp_path)
    with locked(Path("out/miniproject_2.state")), pytest.raises(SystemExit, match=BUSY):
        train.main(["2", "--data", "nowhere"])
