"""A training that reports while it goes, in this process and in one of its own."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import Callable

import pytest
import torch

from Miniproject_2 import framework as f
from others.studies.live.charts import curves
from others.studies.live.process import LiveTraining
from others.studies.live.training import OPTIMIZERS, Report, Run, train, trainer_of

SMALL = Run(channels=4, steps=64)  # two passes over the pairs


def reports(run: Run) -> list[Report]:
    """The reports of a training before its first step and after its last."""
    return [report for report in train(run, interval=math.inf) if report is not None]


def wait_for(condition: Callable[[], bool], seconds: float = 180) -> bool:
    """Whether a condition comes true in time, which is long: the machine may be busy."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def is_running(pid: int) -> bool:
    """Whether there is such a process, which has not ended yet."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_learning_rate_cliff() -> None:
    """Report 2's cliff: SGD at 0.01 hardly moves, and at 2 it gains more than a decibel over it."""
    slow, fast = (
        reports(Run(channels=8, steps=320, learning_rate=rate))[-1].psnr for rate in (0.01, 2.0)
    )
    assert fast > slow + 1


@pytest.mark.parametrize(
    "run",
    [
        Run(channels=4, steps=64, upsampling="nearest"),
        Run(channels=4, steps=64, optimizer="Adam", learning_rate=0.003),
        Run(channels=4, steps=64, optimizer="Muon", learning_rate=0.02),
        Run(channels=4, steps=64, optimizer="Muon", learning_rate=0.02, momentum=0),
        Run(miniproject=1, channels=4, steps=64, learning_rate=0.002),
    ],
    ids=["nearest", "Adam", "Muon", "Muon without momentum", "Miniproject 1"],
)
def test_reports(run: Run) -> None:
    """Every choice trains: the network answers otherwise, and steps and pictures arrive."""
    first, last = reports(run)
    assert (first.step, last.step, last.steps) == (0, 64, 64)
    assert math.isnan(first.loss)
    assert math.isfinite(last.loss)
    assert last.psnr != first.psnr
    assert last.images.shape == (3, 4, 3, 32, 32)
    assert last.images.dtype == torch.uint8
    assert not torch.equal(first.images[1], last.images[1])


def test_same_run_same_numbers() -> None:
    """A run is repeatable, and another seed is another run."""
    runs = SMALL, SMALL, replace(SMALL, seed=1)
    one, again, other = (reports(run)[-1] for run in runs)
    assert one.psnr == again.psnr != other.psnr


def test_optimizer() -> None:
    """The trainer steps by the chosen optimizer, with the chosen momentum and rate."""
    pairs = torch.zeros(2, 32, 3, 8, 8, dtype=torch.uint8)
    kinds = {
        name: trainer_of(Run(optimizer=name, momentum=0.5, learning_rate=0.1), *pairs).optimizer
        for name in OPTIMIZERS
    }
    assert {name: type(one) for name, one in kinds.items()} == {
        "SGD": f.SGD,
        "Adam": f.Adam,
        "Muon": f.Muon,
    }
    assert all(one.lr == 0.1 for one in kinds.values())
    assert kinds["SGD"].momentum == kinds["Muon"].momentum == kinds["Adam"].betas[0] == 0.5


def test_broken_training_ends() -> None:
    """A training whose loss is no number says so and stops."""
    last = reports(Run(miniproject=1, channels=4, learning_rate=1e30))[-1]
    assert not math.isfinite(last.loss)
    assert last.step < last.steps


def test_process() -> None:
    """The process reports a falling loss, pauses, goes on, and ends when it is closed."""
    live = LiveTraining(Run(channels=4, steps=2_000))

    def reached(step: int) -> bool:
        live.poll()
        return bool(live.reports) and live.reports[-1].step >= step

    try:
        assert str(live) == "starting …"
        assert wait_for(lambda: reached(200))
        assert live.reports[-1].loss < live.reports[1].loss
        live.pause(True)
        assert wait_for(lambda: reached(0) and str(live).startswith("paused"))
        step = live.reports[-1].step
        time.sleep(1)  # a training that went on would report within this time, or pass unseen
        assert not reached(step + 1)
        live.pause(False)
        assert wait_for(lambda: reached(step + 1))
        assert not live.ended
    finally:
        live.close()
    assert live.pid is not None
    assert not is_running(live.pid)
    live.poll()
    assert live.ended


def test_process_that_is_done() -> None:
    """The end is told once all reports have been taken; to pause it then does nothing."""
    live = LiveTraining(SMALL)

    def ended() -> bool:
        live.poll()
        return live.ended

    assert wait_for(ended)
    assert live.reports[-1].step == live.reports[-1].steps
    assert str(live).startswith("done")
    live.pause(True)
    live.close()


def test_a_training_in_words() -> None:
    """Before its first step a training has no loss; one that failed says where to look."""
    live = LiveTraining.__new__(LiveTraining)
    live.reports, live.waits, live.ended = reports(SMALL)[:1], False, False
    assert "loss –" in str(live)
    live.reports, live.ended = [], True
    assert str(live) == "failed: the server's terminal says why"


def test_curves() -> None:
    """Each run has a curve of its own colour and line, without what is no number."""
    first, last = reports(SMALL)
    drawn = {name: curves({"a": [first, last], "b": []}, name) for name in ("loss", "psnr")}
    assert [one["data"] for one in drawn["loss"]] == [[[64, last.loss]], []]
    psnr, _, noisy = (one["data"] for one in drawn["psnr"])
    assert psnr == [[0, first.psnr], [64, last.psnr]]
    assert noisy == [[0, first.noisy_psnr], [64, first.noisy_psnr]]
    looks = [tuple(one["lineStyle"].values()) for one in drawn["psnr"]]
    assert len(set(looks)) == 3


def test_no_orphan() -> None:
    """When the process that holds a training is killed, the training ends by itself."""
    code = (
        "import time\n"
        "from others.studies.live.process import LiveTraining, Run\n"
        "if __name__ == '__main__':\n"
        "    live = LiveTraining(Run(channels=4, steps=100_000))\n"
        "    while not live.reports:\n"
        "        live.poll()\n"
        "        time.sleep(0.05)\n"
        "    print(live.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        pid = int(holder.stdout.readline())
        assert is_running(pid)
        os.kill(holder.pid, signal.SIGKILL)
    assert wait_for(lambda: not is_running(pid))
