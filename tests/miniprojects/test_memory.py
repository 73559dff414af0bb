"""Memory that is kept between steps: freed blocks come back without page faults."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from others.studies.bench import memory
from others.studies.bench.timing import apart

FAULTS = """
import resource, torch
from Miniproject_1.noise2noise.memory import keep_freed_memory

def faults():
    start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        blocks = [torch.ones(2**16) for _ in range(64)]  # 16 MiB
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start

first = faults()
keep_freed_memory()
faults()
print(first, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc is told")
def test_freed_memory_is_kept() -> None:
    """Blocks that are taken, filled and freed in turn fault their pages in once, not each time."""
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, kept = map(int, done.stdout.split())
    assert kept < first / 10


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc is told")
def test_faults_are_measured() -> None:
    """A training step of the shipped network has far fewer faults where freed memory is kept.

    None would be left but for memory that a process asks for the first time, which enough steps
    average out.
    """
    row, kept = (apart(memory.measure, "ours", kept, 20) for kept in (False, True))
    assert row["faults"] > 4 * kept["faults"]
    assert 0 < row["system_seconds"] < row["seconds"]
