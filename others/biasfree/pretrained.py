"""Bias-free models by their names: `load_model("biasfree_12")`.

others/biasfree/configs/NAME.json describes each, others/pretrained/NAME.pth holds its weights and
NAME.json beside them the configuration that they were trained with and how well it went.
"""

from __future__ import annotations

import json
from pathlib import Path

from torch import nn

from others.biasfree.pipeline import CONFIGS, load_pipeline, parse
from others.checkpoints import load_weights
from others.nets import NETS, PRETRAINED, load_network

NAMES = ("biasfree_6", "biasfree_12", "biasfree_18")


def make_model(name: str) -> nn.Module:
    """The network of that name with random weights; ValueError for an unknown name."""
    path = CONFIGS / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.json")))
        raise ValueError(f"unknown model {name!r}; expected one of {known}")
    return load_pipeline(path).network()


def load_model(name: str, folder: Path = PRETRAINED, other: Path | None = None) -> nn.Module:
    """A pretrained model: float (N, 3, H, W) in [0, 1] to the same, on the CPU, not clipped.

    Args:
        name: one of `NAMES`, or of what `others.biasfree.train --install` has written.
        folder: where NAME.pth and NAME.json are.
        other: other weights of the same network.

    Raises:
        FileNotFoundError: there are no such weights.
        ValueError: a damaged file, or the weights of another network.
    """
    weights, described = Path(folder) / f"{name}.pth", Path(folder) / f"{name}.json"
    if not weights.is_file() or not described.is_file():
        found = ", ".join(sorted(path.stem for path in Path(folder).glob("biasfree_*.pth")))
        raise FileNotFoundError(
            f"no {weights.name} with its {described.name} in {folder}; there is {found or 'none'}"
        )
    try:
        pipeline = parse(json.loads(described.read_text(encoding="utf-8"))["pipeline"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{described}: {error}; expected the pipeline of a model") from error
    net = pipeline.network()
    load_weights(net, weights if other is None else other)
    return net.eval()


def installed(name: str) -> bool:
    """Whether there is a bias-free model of that name with its description."""
    return all((PRETRAINED / f"{name}{suffix}").is_file() for suffix in (".pth", ".json"))


def load_named(name: str, weights: Path | None = None) -> nn.Module:
    """Any network of the project with its weights, on the CPU and in evaluation mode.

    Args:
        name: a network of `others.nets`, or an installed bias-free model.
        weights: others than those in others/pretrained.

    Raises:
        ValueError: an unknown name, a damaged file, or the weights of another network.
        FileNotFoundError: no weights.
    """
    if installed(name):
        return load_model(name, other=weights)
    if name in NETS:
        return load_network(name, weights)
    more = (path.stem for path in sorted(PRETRAINED.glob("*.json")) if installed(path.stem))
    known = dict.fromkeys([*NETS, *more])
    raise ValueError(f"no model {name!r}; expected one of {', '.join(known)}")
