"""What the memory format channels-last gains: the networks of `others.denoise` in both formats.

    python -m others.studies.bench.channels_last [--rounds 9] [--side 256] [--json PATH]

In channels-last the numbers of a pixel lie side by side, and not those of a channel. A network that
`load_network` gives, in channels-last, and a copy of it in torch's usual format answer to the same
image, in turns in one process. A ratio is the processor time in channels-last over that in the
usual format. The difference is the largest one between the two answers, over the largest value of
the answer.
"""

import argparse
import copy
import time
from typing import Any

import torch
from torch import nn

from others.data.seeds import seeded
from others.engine import command
from others.networks.pretrained import load_network, model_names
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.study import brief, machine
from others.studies.bench.timing import compare, ratio_of

FILE = RESULTS / "bench" / "channels_last.json"
OF_THE_FRAMEWORK = "miniproject_2"  # no network of torch.nn


@torch.no_grad()
def row(name: str, net: nn.Module, side: int, rounds: int) -> dict[str, Any]:
    """The figures of a network in channels-last, on an image of side x side pixels."""
    usual: nn.Module = copy.deepcopy(net).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    x = torch.rand(1, 3, side, side, generator=seeded(0))
    last = x.contiguous(memory_format=torch.channels_last)
    y = usual(x)
    difference = float((net(last) - y).abs().max() / y.abs().max())
    found = compare(lambda: net(last), lambda: usual(x), rounds, "cpu", time.process_time)
    times = {"channels_last_ms": found["ours_ms"], "usual_ms": found["torch_ms"]}
    return {"name": name, **ratio_of(found), **times, "difference": float(f"{difference:.1e}")}


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--rounds", type=command.whole(1), default=9, help="turns of each row")
    result.add_argument("--side", type=command.whole(1), default=256, help="pixels of the image")
    command.add_json(result, FILE)
    return result


def run(options: argparse.Namespace) -> None:
    """Time every pretrained network in both formats."""
    rows = []
    for name in model_names():
        if name != OF_THE_FRAMEWORK:
            rows.append(row(name, load_network(name), options.side, options.rounds))
            print(f"{name}: {brief(rows[-1])}", flush=True)
    setting = {"side": options.side, "rounds": options.rounds}
    save_json(options.json, {**machine(), **setting, "rows": rows})
    print(f"{options.json}: the results")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
