"""What `batched.py` gains over the fold and unfold that the handout's appendix suggests.

    python -m others.studies.bench.straightforward [--rounds 15] [--json PATH]

The same maps of the framework computed in both ways, in turns in one process, on batches of 64: a
forward and a backward pass. A ratio is the time of the straightforward way over that of ours.
The products counted are those that the map needs for one image; `runs` are the separate additions
by which Gᵀ puts one image together, `copies` the numbers that G writes for it.
"""

import argparse
from typing import Any, NamedTuple

import torch
from torch import Tensor

from Miniproject_2.framework import batched, convolution
from Miniproject_2.framework.convolution import Geometry
from others.engine import command
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.study import brief, machine
from others.studies.bench.timing import Step, compare, ratio_of

FILE = RESULTS / "bench" / "straightforward.json"
BATCH = 64
SMALL, LARGE = (8, 8), (16, 16)  # pixels before and after upsampling


class Case(NamedTuple):
    """A layer of the prescribed network, with its channels and its kernel."""

    name: str
    inputs: int
    outputs: int
    geometry: Geometry


WIDE, DENSE = Geometry((4, 4), (2, 2), (1, 1)), Geometry((3, 3), padding=(1, 1))
CONVOLUTION = Case("Conv2d, k4 s2", 64, 192, WIDE)
TRANSPOSED = Case("TransposeConv2d, k4 s2", 192, 64, WIDE)
NEAREST = Case("Upsampling, k3", 192, 64, DENSE)


def convolution_steps(case: Case) -> tuple[Step, Step]:
    """Ours and the straightforward one: output, gradients of weights and of the input."""
    x, y = torch.rand(BATCH, case.inputs, *LARGE), torch.rand(BATCH, case.outputs, *SMALL)
    weight, geometry = torch.rand(case.outputs, case.inputs, *case.geometry.kernel), case.geometry

    def step(maps: Any, x: Tensor, y: Tensor) -> None:
        maps.convolve(x, weight, None, geometry, SMALL)
        maps.weight_gradient(x, y, weight, geometry)
        maps.transpose(y, weight, None, geometry, LARGE)

    return lambda: step(batched, last(x), last(y)), lambda: step(convolution, x, y)


def transposed_steps(case: Case) -> tuple[Step, Step]:
    """Ours and the straightforward one of a transposed convolution: output and gradients."""
    x, y = torch.rand(BATCH, case.inputs, *SMALL), torch.rand(BATCH, case.outputs, *LARGE)
    weight, geometry = torch.rand(case.inputs, case.outputs, *case.geometry.kernel), case.geometry

    def step(maps: Any, x: Tensor, y: Tensor) -> None:
        maps.transpose(x, weight, None, geometry, LARGE)
        maps.transpose_backward(y, x, weight, geometry)

    return lambda: step(batched, last(x), last(y)), lambda: step(convolution, x, y)


def nearest_steps(case: Case) -> tuple[Step, Step]:
    """Weights that are smeared to the geometry WIDE, against repeated pixels and a convolution."""
    x, y = torch.rand(BATCH, case.inputs, *SMALL), torch.rand(BATCH, case.outputs, *LARGE)
    weight, geometry = torch.rand(case.outputs, case.inputs, *case.geometry.kernel), case.geometry
    inner = last(x), last(y)

    def ours() -> None:
        smeared_weight = batched.smear(weight, (2, 2))
        batched.transpose(inner[0], smeared_weight, None, WIDE, LARGE)
        _, gradient = batched.transpose_backward(inner[1], inner[0], smeared_weight, WIDE)
        batched.unsmear(gradient, (2, 2), (3, 3))

    def straightforward() -> None:
        enlarged = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        convolution.convolve(enlarged, weight, None, geometry, LARGE)
        convolution.weight_gradient(enlarged, y, weight, geometry)
        back = convolution.transpose(y, weight, None, geometry, LARGE)
        back.view(BATCH, -1, 8, 2, 8, 2).sum((3, 5))

    return ours, straightforward


def last(images: Tensor) -> Tensor:
    """The same images in the order that the framework keeps between layers."""
    return images.contiguous(memory_format=torch.channels_last)


def products(case: Case, positions: tuple[int, int]) -> int:
    """Multiply-adds of one image's forward pass when every position meets the whole kernel."""
    kernel = case.geometry.kernel
    return positions[0] * positions[1] * case.inputs * case.outputs * kernel[0] * kernel[1]


def counts() -> dict[str, dict[str, int]]:
    """Forward passes of one image: multiply-adds, copied numbers and runs, in each way."""
    phased = products(TRANSPOSED, SMALL)
    return {
        "TransposeConv2d, k4 s2": {
            "products_with_zeros_between": products(TRANSPOSED, LARGE),
            "products": phased,
            "runs": 16,
            "runs_by_phases": 4,
        },
        "Upsampling, k3": {
            "products_of_the_enlarged": products(NEAREST, LARGE),
            "products": phased,
            "copies_of_the_enlarged": LARGE[0] * LARGE[1] * NEAREST.inputs * 9,
            "copies": SMALL[0] * SMALL[1] * NEAREST.inputs,
        },
    }


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--rounds", type=command.whole(1), default=15, help="turns of each row")
    command.add_json(result, FILE)
    return result


def run(options: argparse.Namespace) -> None:
    """Time both ways for each layer, and count what they compute."""
    torch.manual_seed(0)
    rows = []
    for case, make in (
        (CONVOLUTION, convolution_steps),
        (TRANSPOSED, transposed_steps),
        (NEAREST, nearest_steps),
    ):
        ours, straightforward = make(case)
        found = compare(straightforward, ours, options.rounds, "cpu")
        row = {"name": case.name, "channels": [case.inputs, case.outputs], **ratio_of(found)}
        times = {"straightforward_ms": found["ours_ms"], "ours_ms": found["torch_ms"]}
        rows.append({**row, **times})
        print(f"{case.name}: {brief(rows[-1])}", flush=True)
    shared = {**machine(), "rounds": options.rounds, "batch": BATCH}
    save_json(options.json, {**shared, "rows": rows, "counts": counts()})
    print(f"{options.json}: the results")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
