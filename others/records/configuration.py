"""Settings as plain JSON, and what differs between two of them."""

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any, Callable

import torch
from torch import nn

LONGEST = 100  # characters of a value in a message


def describe(thing: Any) -> Any:
    """What a setting is, as JSON that stays the same on other machines and versions of torch.

    An object with a dictionary `config` is described by it, a module by its class and number of
    parameters, a function by its name, and a partial of one by its settings too. Anything else is
    what it prints, or its class and length where it would print an address.
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
    """A function or a partial of one, with all its settings, defaults included."""
    inner = function.func if isinstance(function, partial) else function
    parameters = inspect.signature(inner).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    given = function.keywords if isinstance(function, partial) else {}
    return {"name": describe(inner), **defaults, **given}


def describe_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Class and settings. Settings that are off are left out, because newer versions add some."""
    settings = {
        key: value for key, value in optimizer.defaults.items() if value not in (None, False)
    }
    return {"class": type(optimizer).__name__, **settings}


def shown(text: str) -> str:
    """What a file says, in a message: shortened, because a damaged file may say anything."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


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
        f"{shown(name)}: {shown(str(old.get(name, 'nothing')))} -> "
        f"{shown(str(new.get(name, 'nothing')))}"
        for name in names
        if name not in old or name not in new or old[name] != new[name]
    ]
