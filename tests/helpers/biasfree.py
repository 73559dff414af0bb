"""Small bias-free networks of every kind with random values, for the tests of several folders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Generator

from others.networks.biasfree.blocks import ACTIVATIONS
from others.networks.biasfree.networks import BiasFree
from others.networks.biasfree.settings import BlockSettings, ModelSettings, PyramidSettings

BLOCKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no norm": {"norm": "none"},
    "bottleneck": {"kernels": (1, 3, 1), "widths": (1, 2, 1), "groups": (1, 1, 2)},
    "depthwise": {"kernels": (1, 3, 1), "widths": (1, 2, 1), "groups": (1,) * 3, "depthwise": True},
    **{f"activation {name}": {"activation": name} for name in ACTIVATIONS},
    "squeeze and excite": {"squeeze_excite": True},
    "sparse threshold": {"sparsity": "threshold"},
    "sparse symmetrical": {"sparsity": "threshold", "symmetrical": True},
    "sparse reverse": {"sparsity": "threshold", "reverse": True},
    "sparse soft": {"sparsity": "soft"},
    "sparse differentiable": {"sparsity": "differentiable"},
    "channel multiplier": {"multiplier": "channel"},
    "block multiplier": {"multiplier": "block"},
    "gate": {"gate": True},
    "drop": {"drop": 0.5},
    "selector": {"selector": True},
    "centred": {"centred": True},
}
SHARED: dict[str, Any] = {"pyramid": PyramidSettings("laplacian", 2)}
MODELS: dict[str, dict[str, Any]] = {
    "unet": {"backbone": "unet"},
    "lunet": {"backbone": "lunet"},
    "unet that grows": {"backbone": "unet", "growth": 2},
    "unet of 4 levels": {"backbone": "unet", "levels": 4},
    "plain head": {"head": "plain"},
    "final norm": {"final_norm": True},
    "residual": {"residual": True},
    "concatenated input": {"concat_input": True},
    **{
        f"{kind} {levels} {'shared' if shared else 'own'}{' between' if between else ''}": {
            "pyramid": PyramidSettings(kind, levels, 5, shared, between)
        }
        for kind in ("gaussian", "laplacian")
        for levels, shared, between in ((3, True, False), (4, False, False), (3, False, True))
    },
    "lunet in a pyramid": {"backbone": "lunet", "levels": 2, **SHARED},
    "residual unet in a pyramid": {"backbone": "unet", "levels": 2, "residual": True, **SHARED},
}
SETTINGS: dict[str, ModelSettings] = {
    **{
        f"resnet, {name}": ModelSettings(blocks=2, channels=8, block=BlockSettings(**block))
        for name, block in BLOCKS.items()
    },
    **{
        name: replace(ModelSettings(blocks=1, channels=8, base_kernel=3), **model)
        for name, model in MODELS.items()
    },
}


def shaken(use: ModelSettings) -> BiasFree:
    """A network in float64 and evaluation mode, all of whose values are random."""
    torch.manual_seed(0)
    net = BiasFree(use).double().eval()
    with torch.no_grad():
        for name, values in net.named_parameters():
            if values.dim() < 4 and "threshold" not in name and "steepness" not in name:
                values.add_(0.2 * torch.randn(values.shape, generator=Generator().manual_seed(0)))
        for name, values in net.named_buffers():
            if "var" not in name:
                continue
            values.mul_(0.5 + torch.rand(values.shape, generator=Generator().manual_seed(0)))
    return net
