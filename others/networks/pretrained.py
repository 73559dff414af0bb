"""Bias-free models by their names: `load_model("biasfree_12")`.

others/studies/biasfree/configs/NAME.json describes each, others/pretrained/NAME.pth holds its
weights and NAME.json beside them the configuration that they were trained with and how well it
went.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, Callable, NamedTuple

import torch
from torch import Tensor, nn

from Miniproject_1.model import Model as FirstModel
from Miniproject_1.noise2noise.network import padded
from Miniproject_1.noise2noise.prediction import MARGIN
from Miniproject_1.noise2noise.symmetries import self_ensemble
from Miniproject_2.model import Model as SecondModel
from others.networks.biasfree.networks import ModelSettings, build_network
from others.networks.catalogue import NETS, make_network
from others.networks.receptive_field import Field, field_of
from others.records.configuration import filled
from others.records.paths import PRETRAINED
from others.records.weights import load_weights

NAMES = ("biasfree_6", "biasfree_12", "biasfree_18")


def load_model(name: str, folder: Path = PRETRAINED, other: Path | None = None) -> nn.Module:
    """A pretrained model: float (N, 3, H, W) in [0, 1] to the same, on the CPU, not clipped.

    Args:
        name: one of `NAMES`, or of what `others.studies.biasfree.train --install` has written.
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
        model = json.loads(described.read_text(encoding="utf-8"))["pipeline"]["model"]
        net = build_network(filled(ModelSettings(), model, "model"))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{described}: {error}; expected the pipeline of a model") from error
    load_weights(net, weights if other is None else other)
    return net.eval()


def installed(name: str) -> bool:
    """Whether there is a bias-free model of that name with its description."""
    return all((PRETRAINED / f"{name}{suffix}").is_file() for suffix in (".pth", ".json"))


def load_named(name: str, weights: Path | None = None) -> nn.Module:
    """Any network of the project with its weights, on the CPU and in evaluation mode.

    Args:
        name: a network of `others.networks.catalogue`, or an installed bias-free model.
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


def load_network(name: str, path: Path | None = None) -> nn.Module:
    """The network `name` with weights from a file, on the CPU and in evaluation mode.

    Args:
        path: plain weights, or the best.pth or last.pth of an experiment;
            others/pretrained/NAME.pth unless given.

    Raises:
        ValueError: an unknown name, a damaged file, or the weights of another network.
        FileNotFoundError: no such file.
    """
    net = make_network(name)
    load_weights(net, PRETRAINED / f"{name}.pth" if path is None else Path(path))
    return net.eval()


SUBMITTED: dict[str, Callable[[], Any]] = {
    "miniproject_1": FirstModel,
    "miniproject_2": SecondModel,
}
SUBMITTED_FIELD = Field(MARGIN, 4)  # of both miniprojects, as they say themselves


class Denoiser(NamedTuple):
    """A model that is ready to be used: a map on (1, 3, H, W) in [0, 1], and what it sees."""

    apply: Callable[[Tensor], Tensor]
    seen: Field
    device: torch.device


def model_names() -> list[str]:
    """Every model that there are weights for."""
    found = sorted(path.stem for path in PRETRAINED.glob("*.pth"))
    return [*SUBMITTED, *(name for name in found if name in NETS or installed(name))]


def load_denoiser(name: str, weights: Path | None = None, ensemble: bool = False) -> Denoiser:
    """A pretrained model, on a GPU if there is one.

    Args:
        name: "miniproject_1", "miniproject_2", a network of `others.networks.catalogue`, or a
            bias-free model.
        weights: other weights of that model than those that come with the project.
        ensemble: answer with the mean over the eight flips and turns, for eight times the work.

    Raises:
        ValueError: an unknown name, a damaged file, or the weights of another network.
        FileNotFoundError: no weights.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name in SUBMITTED:
        model = SUBMITTED[name]()
        model.load_pretrained_model(weights)
        return Denoiser(partial(_predicted, model, ensemble), SUBMITTED_FIELD, device)
    if name not in NETS and not installed(name):
        raise ValueError(f"no model {name!r}; there is {', '.join(model_names())}")
    net = load_named(name, weights)
    seen = field_of(net)
    return Denoiser(partial(_answered, net.to(device), seen.step, ensemble), seen, device)


def _predicted(model: Any, ensemble: bool, x: Tensor) -> Tensor:
    """What a miniproject gives, in [0, 1]."""
    return model.predict(255 * x, ensemble=ensemble) / 255


def _answered(net: nn.Module, step: int, ensemble: bool, x: Tensor) -> Tensor:
    """What a network gives; an image is padded before it is turned, or its odd last row moves."""
    if not ensemble:
        return net(x)
    return self_ensemble(net, padded(x, step))[..., : x.shape[-2], : x.shape[-1]]
