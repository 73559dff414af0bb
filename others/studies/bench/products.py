"""How fast a product of matrices is beside torch's convolution with as many multiplications.

    python -m others.studies.bench.products [--rounds 15] [--json PATH]

The framework's passes are products of matrices, and cost copies besides: where torch's convolution
is faster than the product alone, no arrangement of products reaches it. The layers are those in the
middle of a new model, in batches of 64. torch's gets channels-last images, which it is fastest on.
Both are timed in turns by the processor time of one thread; a ratio is product over convolution.
In the rows with AVX2, torch's convolution does without AVX-512, as on an older processor.
"""

import argparse
import time
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import nn

from Miniproject_2.framework.training import fast_precision
from Miniproject_2.model import CHANNELS
from others.engine import command
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.study import brief, machine
from others.studies.bench.timing import Step, apart, compare, leave_out_avx512, ratio_of

FILE = RESULTS / "bench" / "products.json"
BATCH, KERNEL = 64, 4
COARSE, FINE = 8, 16  # pixels along a side on either side of a layer
FEW, MANY = CHANNELS
PLACES = BATCH * COARSE * COARSE  # of the kernel: the rows of the product
WIDE = FEW * KERNEL * KERNEL  # numbers below the kernel at each place
MULTIPLY_ADDS = PLACES * WIDE * MANY  # of a forward pass of either layer
AVX2 = ", AVX2"
TYPES = {"float32": torch.float32, "float32" + AVX2: torch.float32, "bfloat16": torch.bfloat16}


class Layer(NamedTuple):
    """A layer of torch's, the channels and the side of its input, and the weights as a matrix."""

    module: nn.Module
    channels: int
    side: int
    shape: tuple[int, int]


def layers() -> dict[str, Layer]:
    """Both layers in the middle of a new model, with random weights."""
    down = nn.Conv2d(FEW, MANY, KERNEL, stride=2, padding=1)
    up = nn.ConvTranspose2d(MANY, FEW, KERNEL, stride=2, padding=1)
    return {
        "Conv2d": Layer(down, FEW, FINE, (WIDE, MANY)),
        "TransposeConv2d": Layer(up, MANY, COARSE, (MANY, WIDE)),
    }


def steps_of(layer: Layer, dtype: torch.dtype) -> tuple[Step, Step]:
    """The product of a layer's forward pass, and torch's forward pass, on random numbers."""
    layout = torch.channels_last
    images = torch.randn(BATCH, layer.channels, layer.side, layer.side).to(dtype)
    theirs = layer.module.to(dtype=dtype).to(memory_format=layout)  # type: ignore[call-overload]
    rows, weights = torch.randn(PLACES, layer.shape[0]), torch.randn(layer.shape)
    ours = partial(torch.mm, rows.to(dtype), weights.to(dtype))
    return ours, torch.no_grad()(partial(theirs, images.contiguous(memory_format=layout)))


def measure(name: str, kind: str, rounds: int) -> dict[str, Any]:
    """The row of a layer; a process of its own may leave out instructions."""
    if kind.endswith(AVX2):
        leave_out_avx512()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    found = compare(*steps_of(layers()[name], TYPES[kind]), rounds, "cpu", time.process_time)
    speeds = {
        f"{side}_gflops": round(2e-6 * MULTIPLY_ADDS / found[f"{key}_ms"], 1)
        for side, key in (("product", "ours"), ("convolution", "torch"))
    }
    return {"name": name, "type": kind, **ratio_of(found), **speeds}


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--rounds", type=command.whole(1), default=15, help="turns of each row")
    command.add_json(result, FILE)
    return result


def run(options: argparse.Namespace) -> None:
    """Time both layers in all types that the processor has instructions for."""
    kinds = [kind for kind in TYPES if kind != "bfloat16" or fast_precision(torch.device("cpu"))]
    rows = []
    for name, kind in product(layers(), kinds):
        rows.append(apart(measure, name, kind, options.rounds))
        print(f"{name}, {kind}: {brief(rows[-1])}", flush=True)
    save_json(options.json, {**machine(), "rounds": options.rounds, "batch": BATCH, "rows": rows})
    print(f"{options.json}: the results")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
