"""Every network by its name: what `python -m others.train --net` offers.

Each maps float (N, 3, H, W) in [0, 1] to the same shape, for any H and W. Trained weights, where
there are any, lie in others/pretrained/NAME.pth.
"""

from __future__ import annotations

import json
from typing import Callable

from torch import nn

from Miniproject_1.noise2noise.network import ResidualUNet
from others.networks.biasfree.networks import ModelSettings, build_network
from others.networks.dncnn import DnCNN, DUDnCNN, UDnCNN
from others.networks.ranges import InRange
from others.networks.tnet import STAGES, BaseNet, TNet
from others.networks.unet import UNet
from others.records.configuration import filled
from others.records.paths import CONFIGS


def bias_free(name: str) -> nn.Module:
    """The network of a bias-free configuration with random weights; ValueError if unknown."""
    path = CONFIGS / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.json")))
        raise ValueError(f"unknown model {name!r}; expected one of {known}")
    model = json.loads(path.read_text(encoding="utf-8")).get("model", {})
    return build_network(filled(ModelSettings(), model, "model"))


NETS: dict[str, Callable[[], nn.Module]] = {
    "basenet": BaseNet,
    "tnet": TNet,
    "tnet_bn": lambda: TNet(batch_norm=STAGES),
    "unet": UNet,  # Noise2Noise's
    "residual_unet": ResidualUNet,  # Miniproject 1's, at its shipped setting
    "dncnn": lambda: InRange(DnCNN(6), -1, 1),  # these three: the assignment's
    "udncnn": lambda: InRange(UDnCNN(6), -1, 1),
    "dudncnn": lambda: InRange(DUDnCNN(6), -1, 1),
    "biasfree_6": lambda: bias_free("biasfree_6"),  # these three: 6, 12 and 18 residual blocks
    "biasfree_12": lambda: bias_free("biasfree_12"),
    "biasfree_18": lambda: bias_free("biasfree_18"),
}


def make_network(name: str) -> nn.Module:
    """A new network with random weights; ValueError that lists the names for an unknown one."""
    if name not in NETS:
        raise ValueError(f"unknown network {name!r}; expected one of {', '.join(NETS)}")
    return NETS[name]()
