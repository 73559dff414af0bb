"""Cheap runs of the commands, in processes of their own that can be killed and robbed of streams.

A process imports all commands once and forks for each run, so that a run takes no seconds to begin.
"""

from __future__ import annotations

import faulthandler
import gc
import hashlib
import importlib
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from Miniproject_1.noise2noise.checkpoint import read_checkpoint
from Miniproject_2 import model as model_2
from others.data.course import TRAIN, VALIDATION, save_pair
from others.records.paths import ROOT
from tests.helpers.fork_server import leave
from tests.helpers.images import pixels, write_images

LATE = "torch._dynamo"  # what Adam imports at its first use, in more time than the rest of a run
WAIT = 300  # seconds after which a run hangs: it then says where, and ends


class Job(NamedTuple):
    """A command with arguments relative to its working folder, and the files that it is for."""

    module: str
    arguments: str
    results: tuple[str, ...]


STUDIES = "others.studies.submission"
JOBS = {
    "engine": Job(
        "others.train",
        "--net tnet --data photos --epochs 3 --crop 8 --ema 0.9 --plot --output out/engine",
        ("out/engine/best.pth",),
    ),
    "study": Job(
        f"{STUDIES}.ablate",
        "miniproject_2 --data data --pairs 4 --epochs 2 --seeds 2 --json out/s.json --only base",
        ("out/s.json",),
    ),
    "training 1": Job(
        f"{STUDIES}.train", "1 --widths 4 8 --epochs 4 --data data", ("out/miniproject_1.pth",)
    ),
    "training 2": Job(f"{STUDIES}.train", "2 --epochs 3 --data data", ("out/miniproject_2.pth",)),
    "denoise": Job(
        "others.denoise",
        "photos out/denoised --model tnet",
        tuple(f"out/denoised/{number}.png" for number in range(4)),
    ),
    "archive": Job(
        "others.archive",
        "--scipers 111111 222222 333333 --out out",
        ("out/Proj_111111_222222_333333.zip",),
    ),
    "evaluate": Job(
        "others.evaluate", "--data data --picture out/p.png --json out/e.json", ("out/p.png",)
    ),
    "generate": Job(
        "others.generate",
        "out --pairs 1 --validation 1",
        ("out/train_data.pkl", "out/val_data.pkl"),
    ),
}


def furnish(folder: Path) -> None:
    """Put the data that JOBS need into a working folder."""
    (folder / "data").mkdir(parents=True)
    for seed, name in enumerate((TRAIN, VALIDATION)):
        save_pair(folder / "data" / name, pixels(4, 32, 32, seed), pixels(4, 32, 32, seed + 2))
    write_images(folder / "photos", [(9, 12)] * 4)


def results(job: Job, folder: Path) -> list[Any]:
    """What the job is for, without times; None for a file that is not there yet."""
    return [content(folder / name) for name in job.results]


def content(path: Path) -> Any:
    """The digest of a file, or what a JSON file holds besides times; None without a file."""
    if not path.is_file():
        return None
    if path.suffix == ".json":
        return timeless(json.loads(path.read_text(encoding="utf-8")))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def timeless(value: Any) -> Any:
    """Parsed JSON without the entries that have seconds in their names."""
    if isinstance(value, dict):
        return {name: timeless(one) for name, one in value.items() if "second" not in name}
    return value


def strays(folder: Path) -> list[str]:
    """The temporary files and locks below a folder."""
    return [str(path) for kind in ("tmp", "lock") for path in folder.rglob(f".*.{kind}")]


def begin(
    module: str, arguments: str, folder: Path, prepare: Callable[[], object] = lambda: None
) -> int:
    """Start a command in a fork of this process, and return the number of the fork.

    Its output goes to said.txt in the folder, unless `prepare` changes that in the fork.
    """
    gc.freeze()  # collecting in the fork would write to, and so copy, everything that is here
    process = os.fork()
    if process:
        return process

    def work() -> None:
        os.chdir(folder)
        said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(said, number)
        sys.stdout, sys.stderr = (open(n, "w", closefd=False) for n in (1, 2))  # noqa: SIM115
        faulthandler.dump_traceback_later(WAIT, exit=True)
        prepare()
        importlib.import_module(module).main(arguments.split())

    leave(work)


def ended(process: int) -> int:
    """The exit status of a fork, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def complete(job: Job, folder: Path) -> list[Any]:
    """Run a job to its end; its results."""
    status = ended(begin(job.module, job.arguments, folder))
    assert status == 0, (status, (folder / "said.txt").read_text())
    return results(job, folder)


def killed(name: str, folder: str, times: int) -> None:
    """Kill a job at random moments, and compare what is left with a run that nobody killed.

    Prints how often it was killed and how many strays were seen on the way, as JSON.
    """
    if name in ("engine", "training 1"):
        importlib.import_module(LATE)
    torch.set_num_threads(1)  # a fork needs no threads of its parent then
    model_2.CHANNELS = (8, 12)  # small, as --widths makes the other miniproject
    job, place, chance = JOBS[name], Path(folder) / "killed", random.Random(name)
    for path in (place, Path(folder) / "whole"):
        furnish(path)
    importlib.import_module(job.module)
    complete(job, Path(folder) / "whole")  # the first run is slower
    shutil.rmtree(Path(folder) / "whole" / "out")
    start = time.monotonic()
    whole = complete(job, Path(folder) / "whole")
    seconds = time.monotonic() - start
    counts = {"killed": 0, "strays": 0}
    while counts["killed"] < times:
        process = begin(job.module, job.arguments, place)
        time.sleep(chance.uniform(0, seconds))
        os.kill(process, chance.choice([signal.SIGKILL, signal.SIGTERM]))
        status = ended(process)
        counts["killed"] += status != 0
        counts["strays"] += len(strays(place))
        said = (place / "said.txt").read_text()
        assert status in (0, 143, -signal.SIGKILL, -signal.SIGTERM), (status, said)
        assert "Traceback" not in said, said
        check(job, place, whole)
        if status == 0:
            shutil.rmtree(place / "out")
            seconds *= 0.9  # the machine is faster now: without this, nothing might be killed
    assert complete(job, place) == whole
    assert strays(place) == []
    print(json.dumps(counts))


def check(job: Job, folder: Path, whole: list[Any]) -> None:
    """AssertionError unless each result is missing, or final but for rows and epochs to come."""
    for path, found, wanted in zip(job.results, results(job, folder), whole):
        if path.endswith("best.pth") and found is not None:
            read_checkpoint(folder / path)
        elif not path.endswith(".json"):
            assert found in (None, wanted), path


def named_commands() -> list[str]:
    """The modules of all commands that the README files name."""
    pages = (ROOT / name for name in ("README.md", "others/README.md", "CONTRIBUTING.md"))
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    names = sorted(set(re.findall(r"python -m (others[\w.]*)", text)))
    return [
        f"{name}.__main__" if (ROOT / name.replace(".", "/")).is_dir() else name for name in names
    ]


def close(*numbers: int) -> None:
    """Close stdout (1) or stderr (2) as a shell does by `>&-`."""
    for number in numbers:
        os.close(number)
        setattr(sys, ("stdout", "stderr")[number - 1], None)


def leave_unread() -> None:
    """Let stdout be a pipe that nobody reads any more, as after `| head -1`."""
    read, write = os.pipe()
    os.close(read)
    os.dup2(write, 1)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - the old one believes in a file


CIRCUMSTANCES: dict[str, Callable[[], object]] = {
    "umask 077": lambda: os.umask(0o077),
    "stdout closed": lambda: close(1),
    "stderr closed": lambda: close(2),
    "both closed": lambda: close(1, 2),
    "nobody reads": leave_unread,
}


def surrounded(folder: str, *circumstances: str) -> None:
    """Run every job in some of the CIRCUMSTANCES, and the help of every command in the first.

    Prints what went wrong, as JSON: the command, the circumstance, the status and what was said.
    """
    importlib.import_module(LATE)
    torch.set_num_threads(1)  # a fork needs no threads of its parent then
    place, failures = Path(folder), []
    furnish(place)
    runs: list[tuple[Job, Sequence[str]]] = [(job, circumstances) for job in JOBS.values()]
    runs += [(Job(name, "-h", ()), circumstances[:1]) for name in named_commands()]
    for (module, arguments, wanted), names in runs:
        importlib.import_module(module)
        for name in names:
            shutil.rmtree(place / "out", ignore_errors=True)
            status = ended(begin(module, arguments, place, CIRCUMSTANCES[name]))
            said = (place / "said.txt").read_text(encoding="utf-8", errors="replace")
            good = (0, 141) if name == "nobody reads" else (0,)
            missing = [path for path in wanted if status == 0 and not (place / path).is_file()]
            if status not in good or missing or "Traceback" in said or "Warning" in said:
                failures.append([module, arguments, name, status, missing, said[-2000:]])
    print(json.dumps(failures))
