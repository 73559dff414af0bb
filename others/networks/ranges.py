"""Networks whose source works in another range than [0, 1]."""

from torch import Tensor, nn


class InRange(nn.Module):
    """A map on images in [0, 1] out of a network for images in [low, high], of any shape.

    Args:
        net: maps (N, C, H, W) in [low, high] to the same.
        low, high: what black and white are to it; ValueError unless low < high.
    """

    def __init__(self, net: nn.Module, low: float, high: float) -> None:
        super().__init__()
        if not low < high:
            raise ValueError(f"the range is [{low}, {high}]; expected low < high")
        self.net, self.low, self.high = net, low, high

    def forward(self, x: Tensor) -> Tensor:
        scale = self.high - self.low
        return (self.net(x * scale + self.low) - self.low) / scale
