"""Two ways to compute the same thing timed in turns: what disturbs the machine disturbs both."""

from __future__ import annotations

import time
from typing import Any, Callable

import torch

Step = Callable[[], Any]


def seconds(step: Step, device: str) -> float:
    """The time of one call, the device's work included."""
    start = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(ours: Step, theirs: Step, rounds: int, device: str) -> dict[str, float]:
    """Interleaved timing: the median ratio ours / torch's, its spread, and both medians in ms."""
    for _ in range(3):
        ours()
        theirs()
    pairs = [(seconds(ours, device), seconds(theirs, device)) for _ in range(rounds)]
    ratios = torch.tensor([one / other for one, other in pairs])
    times = torch.tensor(pairs).median(0).values * 1000
    low, middle, high = ratios.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
    return {
        "ratio": round(middle, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "ours_ms": round(float(times[0]), 3),
        "torch_ms": round(float(times[1]), 3),
    }
