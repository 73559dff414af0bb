"""Every network by its name, with random weights: what `python -m others.train --net` offers.

Each maps float (N, 3, H, W) in [0, 1] to the same shape, for any H and W. `networks.pretrained`
loads those that there are trained weights for.
"""

from functools import partial
from typing import Callable

from torch import nn

from Miniproject_1.noise2noise.network import ResidualUNet
from others.networks.biasfree.networks import described_network
from others.networks.dncnn import DnCNN, DUDnCNN, UDnCNN
from others.networks.ranges import InRange
from others.networks.tnet import STAGES, BaseNet, TNet
from others.networks.unet import UNet
from others.records.paths import CONFIGS

# Networks of residual blocks, whose number the name says, and a U-Net.
BIAS_FREE = ("biasfree_6", "biasfree_12", "biasfree_18", "biasfree_large")


NETS: dict[str, Callable[[], nn.Module]] = {
    "basenet": BaseNet,
    "tnet": TNet,
    "tnet_bn": lambda: TNet(batch_norm=STAGES),
    "unet": UNet,  # Noise2Noise's
    "residual_unet": ResidualUNet,  # Miniproject 1's, at its shipped setting
    "dncnn": lambda: InRange(DnCNN(6), -1, 1),  # these three: the assignment's
    "udncnn": lambda: InRange(UDnCNN(6), -1, 1),
    "dudncnn": lambda: InRange(DUDnCNN(6), -1, 1),
    **{name: partial(described_network, CONFIGS / f"{name}.json", "model") for name in BIAS_FREE},
}


def make_network(name: str) -> nn.Module:
    """A new network with random weights; ValueError that lists the names for an unknown one."""
    if name not in NETS:
        raise ValueError(f"unknown network {name!r}; expected one of {', '.join(NETS)}")
    return NETS[name]()
