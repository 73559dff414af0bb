"""What fresh pages cost a training step, and what keeping freed memory saves.

    python -m others.studies.bench.memory [--rounds 5] [--steps 20]

The network of a new Model of Miniproject 2 takes steps of its training in float32, by our framework
and by torch.nn, with and without `keep_freed_memory`. The setting lasts until a process ends, so
each measurement is a process of its own. The four kinds take turns, and the medians over the rounds
are kept: page faults of a step, and its processor time, of which the system's is what the faults
cost. On Linux with glibc alone.
"""

import argparse
import platform
from statistics import median
from typing import Any

import torch

from Miniproject_2.framework.memory import keep_freed_memory
from Miniproject_2.framework.training import Settings, Trainer
from others.engine import command
from others.networks.autograd import Autograd
from others.networks.prescribed import prescribed, torch_twin
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.study import brief
from others.studies.bench.timing import apart

FILE = RESULTS / "bench" / "memory.json"
PAIRS = 1000  # random ones
WHO = ("ours", "torch.nn")
Result = dict[str, Any]


def measure(who: str, kept: bool, steps: int) -> Result:
    """Page faults and seconds of processor time of one step, in this process."""
    import resource  # not on every system

    torch.set_num_threads(1)
    network = prescribed()
    first, second = torch.randint(256, (2, PAIRS, 3, 32, 32), dtype=torch.uint8).unbind()
    module = network if who == "ours" else Autograd(torch_twin(network))
    trainer = Trainer(module, first, second, 1, settings=Settings(bfloat16=False))
    batches = iter(trainer.batches())
    if kept:
        keep_freed_memory()
    for number in range(3):
        trainer.step(number, next(batches))
    before = resource.getrusage(resource.RUSAGE_SELF)
    for number in range(steps):
        trainer.step(number, next(batches))
    after = resource.getrusage(resource.RUSAGE_SELF)
    system = (after.ru_stime - before.ru_stime) / steps
    return {
        "faults": (after.ru_minflt - before.ru_minflt) / steps,
        "seconds": (after.ru_utime - before.ru_utime) / steps + system,
        "system_seconds": system,
    }


def rows(rounds: int, steps: int) -> list[Result]:
    """The four kinds, in turns: medians over the rounds."""
    kinds = [(who, kept) for who in WHO for kept in (False, True)]
    found = [[apart(measure, who, kept, steps) for who, kept in kinds] for _ in range(rounds)]
    return [
        {
            "who": who,
            "kept": kept,
            **{name: round(median(one[name] for one in column), 4) for name in column[0]},
        }
        for (who, kept), column in zip(kinds, zip(*found))
    ]


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    number = command.whole(1)
    result.add_argument("--rounds", type=number, default=5, help="processes of each kind")
    result.add_argument("--steps", type=number, default=20, help="training steps of each process")
    command.add_json(result, FILE)
    return result


def run(options: argparse.Namespace) -> None:
    """Measure all four kinds in turns."""
    found = rows(options.rounds, options.steps)
    setting = {"batch": Settings().batch_size, "rounds": options.rounds, "steps": options.steps}
    machine = {"torch": torch.__version__, "python": platform.python_version(), "threads": 1}
    save_json(
        options.json, {**setting, **machine, "libc": " ".join(platform.libc_ver()), "rows": found}
    )
    for row in found:
        memory = "kept" if row["kept"] else "given back"
        print(f"{row['who']}, memory {memory}, a step: {brief(row)}")
    print(f"{options.json}: the results")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
