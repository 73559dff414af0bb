"""Miniproject 2's framework against torch.nn with autograd, side by side in one process.

    python -m others.studies.bench.framework [--rounds 25] [--device cpu] [--json PATH]

Every figure is a ratio, ours over torch's: the two take turns on the same threads, each round gives
one ratio, and the table shows the median with the 10th and 90th percentile. A ratio below 1 means
that ours is faster. Blocks are timed forward and backward, networks as whole training steps
(forward, loss, backward, SGD with momentum). Peak memory is what training steps add to a fresh
process at their highest: by the allocator (GPU), or resident (CPU, on Linux alone).
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from Miniproject_2 import framework as f
from Miniproject_2.model import Model
from others.engine import command
from others.networks.prescribed import torch_twin
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.studies.bench.timing import Step, compare

FILE = RESULTS / "bench" / "framework.json"

Block = tuple[str, f.Module, nn.Module, tuple[int, ...]]  # name, ours, torch's, input shape


def blocks() -> list[Block]:
    """The blocks and the inputs that they are timed on: batches of 64, with 64 channels."""
    small, middle, large = (64, 64, 8, 8), (64, 64, 16, 16), (64, 3, 32, 32)
    strided, wide, up = (3, 2, 1), (4, 2, 1), nn.UpsamplingNearest2d(scale_factor=2)
    return [
        ("Conv2d 3→64, k3 s2", f.Conv2d(3, 64, *strided), nn.Conv2d(3, 64, *strided), large),
        ("Conv2d 64→64, k3 s2", f.Conv2d(64, 64, *strided), nn.Conv2d(64, 64, *strided), middle),
        ("Conv2d 64→64, k3 s1", f.Conv2d(64, 64, 3, 1, 1), nn.Conv2d(64, 64, 3, 1, 1), middle),
        ("Conv2d 64→192, k4 s2", f.Conv2d(64, 192, *wide), nn.Conv2d(64, 192, *wide), middle),
        (
            "TransposeConv2d 64→64, k4 s2",
            f.TransposeConv2d(64, 64, *wide),
            nn.ConvTranspose2d(64, 64, *wide),
            small,
        ),
        (
            "TransposeConv2d 64→3, k4 s2",
            f.TransposeConv2d(64, 3, *wide),
            nn.ConvTranspose2d(64, 3, *wide),
            middle,
        ),
        (
            "Upsampling 64→64, k3",
            f.Upsampling(64, 64, 3, padding=1),
            nn.Sequential(up, nn.Conv2d(64, 64, 3, padding=1)),
            small,
        ),
        (
            "Upsampling 64→3, k3",
            f.Upsampling(64, 3, 3, padding=1),
            nn.Sequential(up, nn.Conv2d(64, 3, 3, padding=1)),
            middle,
        ),
        ("NearestUpsampling ×2", f.NearestUpsampling(), up, middle),
        ("ReLU", f.ReLU(), nn.ReLU(), middle),
        ("LeakyReLU", f.LeakyReLU(), nn.LeakyReLU(), middle),
        ("Sigmoid", f.Sigmoid(), nn.Sigmoid(), large),
    ]


SHORT = ", bfloat16"  # ours on images of 16 bits, torch's under autocast
NETWORKS = ("nearest", "transposed", "shipped", "shipped" + SHORT)
BATCHES = (16, 64, 256)


def our_network(kind: str) -> f.Sequential:
    """The prescribed network with 64 channels and one kind of upsampling, or the shipped one."""
    if kind == "shipped":
        return Model().network
    up = (
        (lambda i, o: f.Upsampling(i, o, 3, padding=1))
        if kind == "nearest"
        else (lambda i, o: f.TransposeConv2d(i, o, 4, 2, 1))
    )
    first, second = f.Conv2d(3, 64, 3, 2, 1), f.Conv2d(64, 64, 3, 2, 1)
    return f.Sequential(
        first, f.ReLU(), second, f.ReLU(), up(64, 64), f.ReLU(), up(64, 3), f.Sigmoid()
    )


def block_steps(
    ours: f.Module, theirs: nn.Module, shape: tuple[int, ...], device: str
) -> dict[str, tuple[Step, Step]]:
    """Forward, backward, and both, of one block: ours and torch's."""
    x, theirs = torch.randn(shape, device=device), theirs.to(device)
    tracked = x.clone().requires_grad_()
    gradient = torch.randn_like(ours.forward(x))

    def our_both() -> None:
        ours.forward(x)
        ours.backward(gradient)

    def their_forward() -> None:
        with torch.no_grad():
            theirs(x)

    def their_both() -> None:
        theirs(tracked).backward(gradient)

    kept = theirs(tracked)

    def their_backward() -> None:
        kept.backward(gradient, retain_graph=True)

    return {
        "forward": (lambda: ours.forward(x), their_forward),
        "backward": (lambda: ours.backward(gradient), their_backward),
        "both": (our_both, their_both),
    }


def network_steps(kind: str, batch: int, device: str) -> tuple[Step, Step]:
    """One training step of ours and of torch's, on the same images."""
    x, target = torch.rand(2, batch, 3, 32, 32, device=device).unbind()
    short, kind = kind.endswith(SHORT), kind.replace(SHORT, "")
    own, loss = our_network(kind), f.MSE()
    own.forward(x)
    own_optimizer = f.SGD(own, 0.1, 0.9)
    reference = torch_twin(own).to(device)
    optimizer = torch.optim.SGD(reference.parameters(), 0.1, 0.9)

    def our_step() -> None:
        own_optimizer.zero_grad()
        loss.forward(own.forward(x.bfloat16() if short else x), target)
        own.accumulate(loss.backward())
        own_optimizer.step()

    def their_step() -> None:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=short):
            denoised = reference(x)
        nn.functional.mse_loss(denoised.float(), target).backward()
        optimizer.step()

    return our_step, their_step


def peak_memory(kind: str, batch: int, which: int, device: str) -> float:
    """MiB that three training steps of ours (0) or torch's (1) add, in this process."""
    step = network_steps(kind, batch, device)[which]
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    else:
        Path("/proc/self/clear_refs").write_text("5")  # forget the high-water mark of importing
        before = resident_peak()
    for _ in range(3):
        step()
    after = torch.cuda.max_memory_allocated() if device == "cuda" else resident_peak()
    return (after - before) / 2**20


def resident_peak() -> int:
    """Bytes of memory that this process has held at most."""
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def memory_of(kind: str, batch: int, which: int, device: str) -> float:
    """`peak_memory` in a fresh process, whose high-water mark is its own."""
    arguments = [kind, str(batch), str(which), device]
    command = [sys.executable, "-m", "others.studies.bench.framework", "--memory", *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(rounds: int, device: str) -> list[dict[str, Any]]:
    """All rows of the table, each printed as soon as it is known."""
    rows: list[dict[str, Any]] = []

    def add(name: str, what: str, ours: Step, theirs: Step) -> None:
        row = {"name": name, "what": what, **compare(ours, theirs, rounds, device)}
        rows.append(row)
        print(
            f"{name:34} {what:14} {row['ratio']:6.2f}  [{row['low']:.2f}, {row['high']:.2f}]"
            f"  {row['ours_ms']:8.2f} ms {row['torch_ms']:8.2f} ms",
            flush=True,
        )

    print(f"{'':34} {'':14}  ratio  [10 %, 90 %]        ours       torch")
    for name, ours, theirs, shape in blocks():
        for what, (own, reference) in block_steps(ours, theirs, shape, device).items():
            add(name, what, own, reference)
    for kind in NETWORKS:
        for batch in BATCHES:
            add(f"network, {kind}", f"step, batch {batch}", *network_steps(kind, batch, device))
            rows[-1].update(kind=kind, batch=batch)
            memory = [memory_of(kind, batch, which, device) for which in (0, 1)]
            rows[-1]["ours_mib"], rows[-1]["torch_mib"] = (round(one, 1) for one in memory)
            print(f"{'':34} {'peak memory':14} {memory[0] / memory[1]:6.2f}")
    return rows


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--rounds", type=command.whole(1), default=25, help="turns of each row")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    result.add_argument("--device", choices=("cpu", "cuda"), default=device, help="where to run")
    result.add_argument("--json", type=Path, default=FILE, help="file of the results")
    result.add_argument("--memory", nargs=4, help=argparse.SUPPRESS)
    return result


def run(options: argparse.Namespace) -> None:
    """Measure all rows; or, in a process of its own, the peak memory of one."""
    torch.manual_seed(0)
    if options.memory:
        kind, batch, which, device = options.memory
        print(peak_memory(kind, int(batch), int(which), device))
        return
    result = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "device": options.device,
        "rounds": options.rounds,
        "rows": measure(options.rounds, options.device),
    }
    save_json(options.json, result)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    command.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
