"""Every network by its name, with random weights: what `python -m others.train --net` offers.

Each maps float (N, 3, H, W) in [0, 1] to the same shape, for any H and W. `networks.pretrained`
loads those that there are trained weights for.
"""

from functools import partial
from typing import Callable

from torch import Tensor, nn

from Miniproject_1.noise2noise.network import ResidualUNet, blocks
from others.networks.biasfree.networks import described_network
from others.networks.dncnn import DnCNN, DUDnCNN, UDnCNN
from others.networks.ranges import InRange
from others.networks.tnet import STAGES, BaseNet, TNet
from others.networks.unet import UNet
from others.records.paths import CONFIGS

# Networks of residual blocks, whose number the name says, and a U-Net.
BIAS_FREE = ("biasfree_6", "biasfree_12", "biasfree_18", "biasfree_large")


class Rounds(nn.Sequential):
    """A chain of layers that its input passes through several times, by the same weights."""

    rounds = 2

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.rounds):
            x = super().forward(x)
        return x


def small_network() -> ResidualUNet:
    """Miniproject 1's network in small: one scale, 32 channels, three blocks used twice each.

    It has 57,251 parameters. Once more through the same blocks costs time and no parameters.
    """
    net = ResidualUNet(widths=(32,), encoder=(3,), decoder=())
    net.encoder[0] = Rounds(*blocks(32, 3))
    return net


NETS: dict[str, Callable[[], nn.Module]] = {
    "basenet": BaseNet,
    "tnet": TNet,
    "tnet_bn": lambda: TNet(batch_norm=STAGES),
    "unet": UNet,  # Noise2Noise's
    "residual_unet": ResidualUNet,  # Miniproject 1's, at its shipped setting
    "miniproject_1_small": small_network,
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
