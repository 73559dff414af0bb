"""A block of our framework beside the same block of torch.nn: how far apart, and how fast."""

from collections.abc import Sequence

import torch
from torch import Tensor

from Miniproject_2 import framework as f
from others.analysis.blocks.comparison import largest_differences, our_passes, torch_passes
from others.networks.prescribed import torch_twin
from others.studies.bench.timing import compare

ROUNDS = 25
IMAGES, SIDE = 64, 32  # of the batch that is timed as well


def beside_torch(block: f.Module, inputs: Sequence[Tensor], g: Tensor) -> list[str]:
    """Lines of text: the largest differences, and the times of a forward and a backward pass.

    Args:
        inputs: (1, C, H, W) each, of the block's `forward`.
        g: the gradient of the loss with respect to the output.
    """
    differences = largest_differences(block, inputs, g)
    batch = [torch.randn(IMAGES, one.shape[1], SIDE, SIDE) for one in inputs]
    return [
        "Largest difference from torch.nn:",
        *(f"{'y' if name == 'y' else f'∂L/∂{name}'}: {d:.2g}" for name, d in differences.items()),
        "Forward and backward, ours / torch (10 % to 90 %):",
        f"this image: {_times(block, inputs, g)}",
        f"{IMAGES} images of {SIDE}×{SIDE}: {_times(block, batch, torch.ones_like(block(*batch)))}",
    ]


def _times(block: f.Module, inputs: Sequence[Tensor], g: Tensor) -> str:
    """Both medians, and the ratio with its 10th and 90th percentile; the two take turns."""
    twin = torch_twin(block)
    found = compare(
        lambda: our_passes(block, inputs, g), lambda: torch_passes(twin, inputs, g), ROUNDS, "cpu"
    )
    spread = f"{found['low']:.2f} to {found['high']:.2f}"
    both = f"{found['ours_ms']:.2f} / {found['torch_ms']:.2f} ms"
    return f"{both}, ratio {found['ratio']:.2f} ({spread})"
