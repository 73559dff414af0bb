"""The folder of an experiment: config.json, history.json, last.pth, best.pth.

    config.json   the settings, as plain JSON; another configuration is refused
    history.json  a dictionary for each epoch
    last.pth      everything that is needed to continue after the last epoch
    best.pth      the weights alone, of the epoch with the best validation

Every file is written whole or not at all, and read without running code from it.
"""

from __future__ import annotations

import inspect
import json
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator

import torch
from torch import Tensor, nn

from Miniproject_1.noise2noise.checkpoint import read_checkpoint
from Miniproject_1.noise2noise.files import write_atomically
from others.json_files import save_json

CONFIG, HISTORY, LAST, BEST = "config.json", "history.json", "last.pth", "best.pth"


def describe(thing: Any) -> Any:
    """What a setting is, as JSON that stays the same on other machines and versions of torch.

    A dictionary `thing.config` if there is one; the name of a function, with its settings if it is
    a partial; else what the object prints, or its class if it prints an address.
    """
    if isinstance(getattr(thing, "config", None), dict):
        return thing.config
    if isinstance(thing, partial):
        return {"name": describe(thing.func), **thing.keywords}
    if isinstance(thing, nn.Module):
        count = sum(value.numel() for value in thing.parameters())
        return {"class": type(thing).__name__, "parameters": count}
    if hasattr(thing, "__name__"):
        return thing.__name__
    prints = type(thing).__repr__ is not object.__repr__
    size = {"length": len(thing)} if hasattr(thing, "__len__") else {}
    return repr(thing) if prints else {"class": type(thing).__name__, **size}


def describe_call(function: Callable[..., Any]) -> dict[str, Any]:
    """A function, or a partial of one, with all its settings, those left at their default too."""
    inner = function.func if isinstance(function, partial) else function
    parameters = inspect.signature(inner).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    given = function.keywords if isinstance(function, partial) else {}
    return {"name": describe(inner), **defaults, **given}


def describe_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Class and settings; those that are off are left out, for newer versions of torch add some."""
    settings = {
        key: value for key, value in optimizer.defaults.items() if value not in (None, False)
    }
    return {"class": type(optimizer).__name__, **settings}


def flattened(config: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The entries of nested dictionaries, under names with dots."""
    if not isinstance(config, dict):
        yield name, config
        return
    for key, value in config.items():
        yield from flattened(value, f"{name}.{key}" if name else str(key))


def differences(saved: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    """One line for each setting that is not the same: name, saved value, value asked for."""
    old, new = dict(flattened(saved)), dict(flattened(asked))
    names = [*old, *(name for name in new if name not in old)]
    return [
        f"{name}: {old.get(name, 'nothing')} -> {new.get(name, 'nothing')}"
        for name in names
        if name not in old or name not in new or old[name] != new[name]
    ]


class Checkpoints:
    """The files of one experiment in `folder`; only one process of it is a `writer`.

    Raises:
        ValueError: `config` is no plain JSON, `folder` belongs to an experiment with another one,
            or a file in it is damaged. Nothing has been written then.
    """

    def __init__(self, folder: Path, config: dict[str, Any], writer: bool = True) -> None:
        self.folder, self.writer = Path(folder), writer
        self.config = self._as_json(config)
        path = self.folder / CONFIG
        if path.is_file():
            self._compare(path)
        elif (self.folder / LAST).exists():
            raise ValueError(f"{self.folder} holds {LAST} but no {CONFIG}; expected both or none")
        elif writer:
            save_json(path, self.config)

    def _as_json(self, config: dict[str, Any]) -> dict[str, Any]:
        try:
            return json.loads(json.dumps(config))
        except TypeError as error:
            raise ValueError(f"the configuration must be plain JSON: {error}") from error

    def _compare(self, path: Path) -> None:
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not JSON: {error}") from error
        lines = differences(saved, self.config)
        if lines:
            raise ValueError(
                f"{self.folder} belongs to an experiment with another configuration "
                "(saved -> asked for):\n  " + "\n  ".join(lines)
            )

    def load(self) -> dict[str, Any] | None:
        """The state to continue from, with its tensors on the CPU; None before the first epoch."""
        path = self.folder / LAST
        return read_checkpoint(path) if path.exists() else None

    def save(self, state: dict[str, Any], best: dict[str, Tensor] | None) -> None:
        """Write the state, the history in it and, if they are given, the best weights so far.

        The state comes last: after a kill in between, the epoch is done again and writes the same.
        """
        if not self.writer:
            return
        if best is not None:
            write_atomically(self.folder / BEST, lambda file: torch.save(best, file))
        save_json(self.folder / HISTORY, {"epochs": state["history"]})
        write_atomically(self.folder / LAST, lambda file: torch.save(state, file))


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """Its state on the CPU, ready to be written."""
    return {name: value.detach().cpu() for name, value in net.state_dict().items()}


def save_weights(net: nn.Module, path: Path) -> None:
    """Write the weights alone, whole or not at all; `load_weights` reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: torch.save(weights_of(net), file))


def load_weights(net: nn.Module, path: Path) -> None:
    """Fill `net` from plain weights or from an experiment's last.pth (its average, if it has one).

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, or the weights of another network, with the names that differ. The
            network is left as it was.
    """
    weights = read_checkpoint(path)
    if isinstance(weights.get("net"), dict):
        weights = weights.get("average") or weights["net"]
    check_weights(net, weights, str(path))
    net.load_state_dict(weights)


def check_weights(net: nn.Module, weights: dict[str, Any], source: str) -> None:
    """ValueError that names the first differences unless `weights` fit `net` exactly."""
    expected = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    found = {name: tuple(getattr(value, "shape", ())) for name, value in weights.items()}
    lines = differences(found, expected)
    if lines:
        shown = "; ".join(lines[:4])
        raise ValueError(
            f"{source} holds the weights of another network than {type(net).__name__}: "
            f"{len(lines)} tensors differ (found -> expected): {shown}"
        )
