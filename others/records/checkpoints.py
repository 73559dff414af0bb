"""The folder of an experiment: config.json, history.json, last.pth, best.pth.

    config.json   the settings, as plain JSON; another configuration is refused
    history.json  a dictionary for each epoch
    last.pth      everything that is needed to continue after the last epoch
    best.pth      the weights alone, of the epoch with the best validation

Every file is written whole or not at all, and read without running code from it.
"""

from __future__ import annotations

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
        if path.is_file():
            self._compare(read_json(path))
        elif (self.folder / LAST).exists():
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
        return read_checkpoint(path) if path.exists() else None

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
