"""The folder of an experiment: config.json, history.json, last.pth, best.pth.

    config.json   the settings, as plain JSON; another configuration is refused
    history.json  a dictionary for each epoch
    last.pth      everything that is needed to continue after the last epoch
    best.pth      the weights alone, of the epoch with the best validation

Every file is written whole or not at all, and read without running code from it.
"""

import copy
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from Miniproject_1.noise2noise.checkpoint import read_checkpoint
from Miniproject_1.noise2noise.files import write_atomically
from others.records.configuration import differences
from others.records.json_files import locked, read_json, save_json
from others.records.study import as_json
from others.records.weights import wrong_tensor

CONFIG, HISTORY, LAST, BEST = "config.json", "history.json", "last.pth", "best.pth"


class Checkpoints:
    """The files of one experiment.

    Args:
        folder: where the files are, or will be.
        config: the experiment's configuration, as plain JSON.
        writer: whether this process writes; of several processes only one does.

    Raises:
        ValueError: `config` is no plain JSON, `folder` belongs to an experiment with another
            configuration, or a file in it is damaged. Nothing has been written then.
    """

    def __init__(self, folder: Path, config: dict[str, Any], writer: bool = True) -> None:
        self.folder, self.writer = Path(folder), writer
        self.config = as_json(config)
        path = self.folder / CONFIG
        if os.path.lexists(path):  # a folder or a pipe in its place is refused, and not replaced
            self._compare(read_json(path))
        elif os.path.lexists(self.folder / LAST):
            raise ValueError(f"{self.folder} holds {LAST} but no {CONFIG}; expected both or none")
        elif writer:
            save_json(path, self.config)

    def _compare(self, saved: dict[str, Any]) -> None:
        lines = differences(saved, self.config)
        if lines:
            raise ValueError(
                f"{self.folder} belongs to an experiment with another configuration "
                "(saved -> asked for):\n  " + "\n  ".join(lines)
            )

    def locked(self) -> AbstractContextManager[None]:
        """The right to write to the folder, which one process at a time has."""
        return locked(self.folder / LAST) if self.writer else nullcontext()

    def load(self) -> dict[str, Any] | None:
        """The state to continue from, with its tensors on the CPU; None before the first epoch.

        ValueError if the file is damaged.
        """
        path = self.folder / LAST
        return read_checkpoint(path) if os.path.lexists(path) else None

    def save(self, state: dict[str, Any], best: dict[str, Tensor] | None) -> None:
        """Write the state, the history in it and, if they are given, the best weights so far.

        The state is written last. A process that is killed before that has saved nothing to
        continue from: the epoch is done again, and it writes the same files.
        """
        if not self.writer:
            return
        if best is not None:
            write_atomically(self.folder / BEST, lambda file: torch.save(best, file))
        save_json(self.folder / HISTORY, {"epochs": state["history"]})
        write_atomically(self.folder / LAST, lambda file: torch.save(state, file))


def check_moments(saved: Any, optimizer: torch.optim.Optimizer, source: str) -> dict[int, Any]:
    """Return what an optimizer has kept of each parameter, by the parameters' numbers.

    It is compared with what a copy of the optimizer keeps after a step.

    Raises:
        ValueError: it is not what this optimizer keeps; the message begins with `source`.
    """
    trial = copy.deepcopy(optimizer)
    for group in trial.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    trial.step()
    expected = trial.state_dict()["state"]
    found = saved.get("state") if isinstance(saved, dict) else None
    if not isinstance(found, dict) or not found.keys() <= expected.keys():
        raise ValueError(f"{source} holds no state of this optimizer")
    for number, entry in found.items():
        if not isinstance(entry, dict) or entry.keys() != expected[number].keys():
            raise ValueError(f"{source} holds no state of this optimizer for parameter {number}")
        for name, value in expected[number].items():
            wrong = _wrong_moment(entry[name], value)
            if wrong:
                raise ValueError(f"{source}: {name} of the optimizer's parameter {number} {wrong}")
    return found


def _wrong_moment(found: Any, expected: Any) -> str:
    """What is wrong with something that an optimizer keeps; nothing if nothing is."""
    if not isinstance(expected, Tensor):
        return "" if type(found) is type(expected) else f"is a {type(found).__name__}"
    wrong = wrong_tensor(found, expected)
    # The only number without dimensions counts the steps; without a step there is no state.
    return "should be 1 at least" if not wrong and not expected.dim() and found < 1 else wrong


def check_history(state: dict[str, Any], validated: bool, source: str) -> None:
    """ValueError, which begins with `source`, unless the epochs and the best of them are told.

    Args:
        validated: whether each epoch has been validated.
    """
    history, best = state.get("history"), state.get("best")
    parts = ("train", "validation") if validated else ("train",)
    numbers = ("learning_rate", "seconds", "images_per_second")
    right = isinstance(history, list) and all(
        isinstance(entry, dict)
        and type(entry.get("epoch")) is int
        and entry["epoch"] == number
        and all(_are_numbers(entry.get(part)) for part in parts)
        and _are_numbers({name: entry.get(name) for name in numbers})
        for number, entry in enumerate(history, start=1)
    )
    if not right:
        raise ValueError(f"{source} holds no history of a training")
    if not isinstance(best, dict) or best.keys() != {"epoch", "score"} or not _are_numbers(best):
        raise ValueError(f"{source} does not say which epoch was the best")


def _are_numbers(found: Any) -> bool:
    """Whether it is a dictionary of plain numbers, infinite ones among them but no NaN."""
    return isinstance(found, dict) and all(
        type(value) in (int, float) and value == value for value in found.values()
    )
