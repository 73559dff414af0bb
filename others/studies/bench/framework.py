"""Miniproject 2's framework against torch.nn with autograd, side by side in one process.

    python -m others.studies.bench.framework [--rounds 25] [--device cpu] [--avx2] [--json PATH]

Every figure is a ratio, ours over torch's: the two take turns on the same threads, each round gives
one ratio, and the table shows the median with the 10th and 90th percentile. A ratio below 1 means
that ours is faster. Of a block, a forward pass and the backward pass that follows it are timed, so
that both together are the sum of the parts; of a network, whole training steps (forward, loss,
backward, SGD with momentum). Each side gets images and weights in the order of memory, channels
first or channels last, that a short trial finds the faster for it; our networks get channels first,
because they choose the order by themselves. On a GPU, torch's convolutions round to TF32 by default
and our products do not: --exact keeps torch from it. On a CPU with AVX-512, --avx2 keeps torch's
convolutions from it, because not every CPU lets our products use it (see products.py). Peak memory
is what training steps add to a fresh process at their highest, with channels first: by the
allocator (GPU), or resident (CPU, on Linux alone).
"""

import argparse
from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor, nn

from Miniproject_1.noise2noise.surroundings import gpu_or_cpu
from Miniproject_2 import framework as f
from Miniproject_2.framework.memory import keep_freed_memory
from Miniproject_2.model import Model
from others.engine import command
from others.networks.prescribed import prescribed, torch_twin
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.study import machine
from others.studies.bench.timing import Step, apart, compare, leave_out_avx512, seconds, summary

FOLDER = RESULTS / "bench"
Times = tuple[float, float]  # seconds of a forward and of a backward pass

Block = tuple[str, f.Module, tuple[int, ...]]  # its name, and the shape of its input


def blocks() -> list[Block]:
    """The blocks and the inputs that they are timed on: batches of 64, with 64 channels."""
    small, middle, large = (64, 64, 8, 8), (64, 64, 16, 16), (64, 3, 32, 32)
    strided, wide = (3, 2, 1), (4, 2, 1)
    return [
        ("Conv2d 3→64, k3 s2", f.Conv2d(3, 64, *strided), large),
        ("Conv2d 64→64, k3 s2", f.Conv2d(64, 64, *strided), middle),
        ("Conv2d 64→64, k3 s1", f.Conv2d(64, 64, 3, 1, 1), middle),
        ("Conv2d 64→192, k4 s2", f.Conv2d(64, 192, *wide), middle),
        ("TransposeConv2d 64→64, k4 s2", f.TransposeConv2d(64, 64, *wide), small),
        ("TransposeConv2d 64→3, k4 s2", f.TransposeConv2d(64, 3, *wide), middle),
        ("Upsampling 64→64, k3", f.Upsampling(64, 64, 3, padding=1), small),
        ("Upsampling 64→3, k3", f.Upsampling(64, 3, 3, padding=1), middle),
        ("NearestUpsampling ×2", f.NearestUpsampling(), middle),
        ("ReLU", f.ReLU(), middle),
        ("LeakyReLU", f.LeakyReLU(), middle),
        ("Sigmoid", f.Sigmoid(), large),
    ]


SHORT = ", bfloat16"  # ours on images of 16 bits, torch's under autocast
NETWORKS = ("nearest", "transposed", "new model", "new model" + SHORT)
BATCHES = {"cpu": (16, 64, 256), "cuda": (16, 64, 256, 1024)}


def our_network(kind: str) -> f.Sequential:
    """The prescribed network with 64 channels and one kind of upsampling, or a new Model's."""
    if kind == "new model":
        return Model().network
    if kind == "nearest":
        return prescribed((64, 64), kernel=3, nearest=3)
    first, second = f.Conv2d(3, 64, 3, 2, 1), f.Conv2d(64, 64, 3, 2, 1)
    third, last = f.TransposeConv2d(64, 64, 4, 2, 1), f.TransposeConv2d(64, 3, 4, 2, 1)
    return f.Sequential(first, f.ReLU(), second, f.ReLU(), third, f.ReLU(), last, f.Sigmoid())


LAYOUTS: Any = (torch.contiguous_format, torch.channels_last)
TRIALS = 5  # rounds that decide between them


def ordered(module: Any, layout: Any) -> nn.Module:
    """A module of torch's whose weights are in an order of memory."""
    return module.to(memory_format=layout)


def our_passes(ours: f.Module, x: Tensor, gradient: Tensor, device: str) -> Times:
    """The seconds of a forward pass of our block, and of its backward pass."""
    forward = seconds(lambda: ours.forward(x), device)
    return forward, seconds(lambda: ours.backward(gradient), device)


def torch_passes(theirs: nn.Module, x: Tensor, gradient: Tensor, device: str) -> Times:
    """The seconds of torch's forward pass, which records a graph, and of its backward pass."""
    tracked, outputs = x.detach().requires_grad_(), []
    forward = seconds(lambda: outputs.append(theirs(tracked)), device)
    return forward, seconds(lambda: outputs[0].backward(gradient), device)


def in_layout(passes: Callable[..., Times], block: Any, x: Tensor, device: str) -> Step:
    """`passes` of a block, in whichever order of memory is the faster for it."""
    gradient, kinds = torch.randn_like(block(x).detach()), []
    for layout in LAYOUTS:
        images = [one.contiguous(memory_format=layout) for one in (x, gradient)]
        own = ordered(deepcopy(block), layout) if isinstance(block, nn.Module) else block
        kinds.append(partial(passes, own, *images, device))
    return min(kinds, key=lambda kind: sorted(sum(kind()) for _ in range(TRIALS))[TRIALS // 2])


def compare_blocks(
    ours: f.Module, shape: tuple[int, ...], rounds: int, device: str
) -> dict[str, dict[str, float]]:
    """Forward, backward and both of one block and its twin: what `summary` says of each."""
    x, theirs = torch.randn(shape, device=device), torch_twin(ours).to(device)
    steps = in_layout(our_passes, ours, x, device), in_layout(torch_passes, theirs, x, device)
    for _ in range(3):
        for step in steps:
            step()
    times = torch.tensor([[step() for step in steps] for _ in range(rounds)])
    parts = {"forward": times[:, :, 0], "backward": times[:, :, 1], "both": times.sum(2)}
    return {name: summary(part) for name, part in parts.items()}


def network_steps(kind: str, batch: int, device: str, trial: bool = True) -> tuple[Step, Step]:
    """One training step of ours and of torch's, on the same images; torch's after the trial."""
    x, target = torch.rand(2, batch, 3, 32, 32, device=device).unbind()
    short, kind = kind.endswith(SHORT), kind.replace(SHORT, "")
    own, loss = our_network(kind), f.MSE()
    own.forward(x)
    own_optimizer = f.SGD(own, 0.1, 0.9)

    def our_step() -> None:
        own_optimizer.zero_grad()
        loss.forward(own.forward(x.bfloat16() if short else x), target)
        own.accumulate(loss.backward())
        own_optimizer.step()

    def median(step: Step) -> float:
        return sorted(seconds(step, device) for _ in range(TRIALS))[TRIALS // 2]

    steps = [torch_step(own, x, target, short, layout) for layout in LAYOUTS]
    return our_step, min(steps, key=median) if trial else steps[0]


def torch_step(own: f.Sequential, x: Tensor, target: Tensor, short: bool, layout: Any) -> Step:
    """A training step of the twin of our network in torch, in an order of memory."""
    x, target = (one.contiguous(memory_format=layout) for one in (x, target))
    reference = ordered(torch_twin(own).to(x.device), layout)
    optimizer = torch.optim.SGD(reference.parameters(), 0.1, 0.9)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(x.device.type, torch.bfloat16, enabled=short):
            denoised = reference(x)
        nn.functional.mse_loss(denoised.float(), target).backward()
        optimizer.step()

    return step


def peak_memory(kind: str, batch: int, which: int, device: str) -> float:
    """MiB that three training steps of ours (0) or torch's (1) add; on a CPU in a fresh process."""
    step = network_steps(kind, batch, device, trial=False)[which]
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


def measure(rounds: int, device: str, networks: Sequence[str]) -> list[dict[str, Any]]:
    """All rows of the table, each printed as soon as it is known."""
    rows: list[dict[str, Any]] = []

    def add(name: str, what: str, found: dict[str, float]) -> None:
        row: dict[str, Any] = {"name": name, "what": what, **found}
        rows.append(row)
        print(
            f"{name:34} {what:14} {row['ratio']:6.2f}  [{row['low']:.2f}, {row['high']:.2f}]"
            f"  {row['ours_ms']:8.2f} ms {row['torch_ms']:8.2f} ms",
            flush=True,
        )

    # The allocator of a GPU knows what a step adds; a CPU's resident memory says it only once.
    peak = peak_memory if device == "cuda" else partial(apart, peak_memory)
    print(f"{'':34} {'':14}  ratio  [10 %, 90 %]        ours       torch")
    for name, ours, shape in blocks():
        for what, found in compare_blocks(ours, shape, rounds, device).items():
            add(name, what, found)
    for kind in networks:
        for batch in BATCHES[device]:
            steps = network_steps(kind, batch, device)
            add(f"network, {kind}", f"step, batch {batch}", compare(*steps, rounds, device))
            rows[-1].update(kind=kind, batch=batch)
            memory = [peak(kind, batch, which, device) for which in (0, 1)]
            rows[-1]["ours_mib"], rows[-1]["torch_mib"] = (round(one, 1) for one in memory)
            print(f"{'':34} {'peak memory':14} {memory[0] / memory[1]:6.2f}")
    return rows


def file_of(device: str, exact: bool = False, avx2: bool = False) -> Path:
    """The file of the results of a device, which those of another one do not replace."""
    parts = {"_gpu": device == "cuda", "_exact": exact, "_avx2": avx2}
    return FOLDER / f"framework{''.join(part for part, is_in in parts.items() if is_in)}.json"


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--rounds", type=command.whole(1), default=25, help="turns of each row")
    device = gpu_or_cpu().type
    result.add_argument("--device", choices=("cpu", "cuda"), default=device, help="where to run")
    kinds: Any = ("cpu",), ("cpu", False, True), ("cuda",), ("cuda", True)
    names = ", ".join(file_of(*kind).name for kind in kinds)
    result.add_argument(
        "--json", type=Path, help=f"file of the results (in others/results/bench: {names})"
    )
    result.add_argument("--exact", action="store_true", help="no TF32 in torch's convolutions")
    result.add_argument("--avx2", action="store_true", help="no AVX-512 in torch's convolutions")
    return result


def run(options: argparse.Namespace) -> None:
    """Measure all rows."""
    if options.exact and options.device != "cuda":
        raise command.UsageError("--exact is for a GPU; a CPU has no TF32")
    if options.avx2 and options.device != "cpu":
        raise command.UsageError("--avx2 is for a CPU; a GPU has no AVX-512")
    kind = options.device, options.exact, options.avx2
    path = command.output(options.json or file_of(*kind))
    networks: Sequence[str] = NETWORKS
    if options.avx2:
        leave_out_avx512()
        networks = [name for name in NETWORKS if SHORT not in name]  # AVX2 has no bfloat16
    torch.manual_seed(0)
    torch.backends.cudnn.allow_tf32 = not options.exact
    keep_freed_memory()  # for both sides, as in every training: see bench/memory.py
    result = {
        **machine(),
        "device": options.device,
        "device_name": torch.cuda.get_device_name() if options.device == "cuda" else None,
        "tf32": options.device == "cuda" and not options.exact,
        "avx2": options.avx2,
        "rounds": options.rounds,
        "rows": measure(options.rounds, options.device, networks),
    }
    save_json(path, result)
    print(f"{path}: the results")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
