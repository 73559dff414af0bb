"""Two ways to compute the same thing timed in turns: what disturbs the machine disturbs both."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Callable

import torch
from torch import Tensor

Step = Callable[[], Any]
Clock = Callable[[], float]  # the seconds since some moment
VARIABLE = "ONEDNN_MAX_CPU_ISA"  # the library oneDNN reads it, which has torch's convolutions


def leave_out_avx512() -> None:
    """Let torch's convolutions use AVX2 at most, as on a processor without AVX-512.

    On the processors of one maker torch's products of matrices do so in any case, so that both
    then use the same instructions. It has to come before the first convolution of a process; the
    processes that this one starts inherit it.
    """
    os.environ[VARIABLE] = "AVX2"


def seconds(step: Step, device: str, clock: Clock = time.perf_counter) -> float:
    """The time of one call, the device's work included."""
    start = clock()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def compare(
    ours: Step, theirs: Step, rounds: int, device: str, clock: Clock = time.perf_counter
) -> dict[str, float]:
    """Interleaved timing: the median ratio ours / torch's, its spread, and both medians in ms.

    With `time.process_time` as the `clock`, it is processor time, over all threads: the time in
    which other processes have the processor does not count.
    """
    for _ in range(3):
        ours()
        theirs()
    steps = (ours, theirs)
    times = [[seconds(step, device, clock) for step in steps] for _ in range(rounds)]
    return summary(torch.tensor(times))


def ratio_of(found: dict[str, float]) -> dict[str, float]:
    """The ratio and its spread alone, of what `compare` gives."""
    return {name: found[name] for name in ("ratio", "low", "high")}


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a process of its own, which no earlier measurement has changed."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def summary(times: Tensor) -> dict[str, float]:
    """Of rounds (ours, torch's) in seconds: the ratio, its spread, and both medians in ms."""
    ratios, medians = times[:, 0] / times[:, 1], times.median(0).values * 1000
    low, middle, high = ratios.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
    return {
        "ratio": round(middle, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "ours_ms": round(float(medians[0]), 3),
        "torch_ms": round(float(medians[1]), 3),
    }
