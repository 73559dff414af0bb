"""The grader where there is no room, no right or another Python: a sentence, and nothing left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grader import formats, watch
from grader.subject import run_python
from tests.grading import ROOT, change, grade

LOAD = '        values = json.loads(WEIGHTS.read_text(encoding="utf-8"))'
TRAIN = "        loss, optimizer = MSE(), SGD(self.network, lr=0.01)"
SPAWN = """
        import multiprocessing

        process = multiprocessing.get_context("spawn").Process(target=abs, args=(1,))
        process.start()
        process.join()
        assert process.exitcode == 0
"""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no such device")
@pytest.mark.parametrize("full", ["the output", "the temporary files"])
def test_no_room(project: Path, data: Path, full: str) -> None:
    """Where the output or the temporary files find no room, a sentence says so, and the status."""
    resource = pytest.importorskip("resource")
    options: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    if full == "the output":
        options["stdout"] = os.open("/dev/full", os.O_WRONLY)
        told = "No space left on device"
    else:
        options["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        told = "No usable temporary directory"
    command = [sys.executable, str(ROOT / "test.py"), "-p", str(project), "-d", str(data)]
    done = subprocess.run([*command, "--only", "structure"], text=True, **options)
    assert done.returncode == 1
    assert done.stderr.startswith("test.py cannot go on: ")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_reports_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a report can be written is known before anything runs: a folder without the right to
    write, a folder in the file's place, none at all. A pipe needs no such folder."""
    refused = tmp_path / "refused"
    refused.mkdir()
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: refused != Path(path) and access(path, mode)
    )
    assert formats.can_be_written(tmp_path / "report")
    assert not formats.can_be_written(refused / "report")
    assert not formats.can_be_written(tmp_path)
    assert not formats.can_be_written(tmp_path / "none" / "report")
    if hasattr(os, "mkfifo"):
        os.mkfifo(refused / "pipe")
        assert formats.can_be_written(refused / "pipe")


def test_folder_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that the user may not look into, or that is gone, hides none of those beside it."""
    for name in ("hidden", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    scandir = os.scandir

    def refuse(folder: Path) -> Any:
        if folder.name == "hidden":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found = [Path(path).relative_to(tmp_path).as_posix() for path in watch.files_in(tmp_path)]
    assert sorted(found) == ["hidden", "open", "open/file"]
    assert watch.files_in(tmp_path / "gone") == {}


def test_temporary_files(
    project: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that is stopped leaves no temporary files, neither the grader's nor a submission's;
    and a submission may have some."""
    place = tmp_path / "temporary files"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    line = "        import tempfile; tempfile.mkdtemp()\n"
    change(project / "Miniproject_1/model.py", LOAD, f"{line}        while True: pass")
    change(project / "Miniproject_2/model.py", LOAD, line + LOAD)
    options = ["--only", "bad_weights", "--time-limit", "5"]
    status, output = grade(ROOT / "test.py", project, data, *options, forks=False)
    assert status == 1
    assert "FAIL  ours    bad_weights of Miniproject_1: still running after 5 s" in output
    assert list(place.iterdir()) == []
    output = grade(ROOT / "test.py", project, data, "--only", "of Miniproject_2", forks=False)[1]
    assert "ok    ours    conduct of Miniproject_2" in output
    assert list(place.iterdir()) == []


def test_path_of_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that a check starts finds what PYTHONPATH leads to, as torch on some clusters."""
    (tmp_path / "torch_of_cluster.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run_python("import torch_of_cluster", ROOT)


def test_spawned_process(project: Path, data: Path) -> None:
    """A submission may spawn processes, as a DataLoader does on macOS and Windows."""
    change(project / "Miniproject_1/model.py", TRAIN, SPAWN + TRAIN)
    options = ["--only", "training of Miniproject_1"]
    status, output = grade(ROOT / "test.py", project, data, *options, forks=False)
    assert status == 0, output
