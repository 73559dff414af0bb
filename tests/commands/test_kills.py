"""Killed at any moment, every kind of work leaves whole files; the same command completes it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.helpers import fork_server
from tests.helpers.commands import JOBS

TIMES = int(os.environ.get("KILLS", "5"))  # of each job; KILLS=25 for a thorough test
CODE = """
import sys, warnings
warnings.simplefilter("ignore")
from tests.helpers import fork_server
from tests.helpers.commands import killed
killed(*sys.argv[1:3], {})
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork processes")
@pytest.mark.parametrize(
    "name", ["engine", "study", "training 1", "training 2", "denoise", "archive"]
)
def test_killed_at_random_moments(name: str, tmp_path: Path) -> None:
    """After SIGKILL or SIGTERM every file is an old or a new one, the same command goes on to the
    same bits, and in the end nothing temporary is left."""
    assert name in JOBS
    done = fork_server.run(CODE.format(TIMES), name, str(tmp_path), limit=1800)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    print(name, counts)
    assert counts["killed"] == TIMES
