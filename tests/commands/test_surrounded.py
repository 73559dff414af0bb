"""Every command that a README names works wherever it is called, and whoever reads what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.commands import CIRCUMSTANCES, ROOT

CODE = "import sys; from tests.helpers.commands import surrounded; surrounded(*sys.argv[1:])"
BARE = {  # no HOME, no TERM, and a locale without umlauts, which Python does not replace by UTF-8
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUTF8": "0",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork processes")
@pytest.mark.parametrize(
    ("options", "environment", "circumstances"),
    [
        ([], None, list(CIRCUMSTANCES)),
        ([], BARE, ["umask 077"]),
        (["-OO"], None, ["umask 077"]),
    ],
    ids=["streams", "bare environment", "-OO"],
)
def test_surrounded(
    options: list[str],
    environment: dict[str, str] | None,
    circumstances: list[str],
    tmp_path: Path,
) -> None:
    """In a folder with a space, an umlaut and a line break in its name, every job succeeds without
    a traceback or a warning; where nobody reads what it says, it may stop with status 141."""
    folder = tmp_path / "mit Leerzeichen, Ümlaut\nund Zeile"
    call = [sys.executable, *options, "-c", CODE, str(folder), *circumstances]
    paths = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        call,
        cwd=tmp_path,
        env={**(os.environ if environment is None else environment), **paths},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == []
