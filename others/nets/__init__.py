"""Every network by its name: what `python -m others.train --net` offers.

Each maps float (N, 3, H, W) in [0, 1] to the same shape, for any H and W. Trained weights, where
there are any, lie in others/pretrained/NAME.pth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from torch import nn

from Miniproject_1.noise2noise.network import ResidualUNet
from others.checkpoints import load_weights
from others.nets.dncnn import DnCNN, DUDnCNN, UDnCNN
from others.nets.ranges import InRange
from others.nets.tnet import STAGES, BaseNet, TNet
from others.nets.unet import UNet


def bias_free(name: str) -> nn.Module:
    """The network of others/biasfree/configs/NAME.json, with random weights."""
    from others.biasfree.pretrained import make_model  # which needs this package

    return make_model(name)


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
PRETRAINED = Path(__file__).resolve().parents[1] / "pretrained"


def make_network(name: str) -> nn.Module:
    """A new network with random weights; ValueError that lists the names for an unknown one."""
    if name not in NETS:
        raise ValueError(f"unknown network {name!r}; expected one of {', '.join(NETS)}")
    return NETS[name]()


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
