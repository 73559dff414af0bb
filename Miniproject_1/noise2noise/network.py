"""The denoising network: a small residual U-Net.

It predicts the noise, not the image: the output is the input plus a correction whose last
convolution starts at zero, so that an untrained network is the identity. Each scale holds residual
blocks of two 3x3 convolutions (He et al., 2016); 2x2 strided convolutions lead down, 2x2 transposed
ones lead up, and skips are added rather than concatenated, which halves the cost of the decoder's
first convolution. Noise2Noise (Lehtinen et al., 2018) pools five times; at 32x32 pixels once is
enough, and the work is better spent on residual blocks at full resolution. There is no
normalisation: every image is seen alone.
"""

from math import isqrt
from typing import Mapping, Sequence, Tuple

from torch import Tensor, nn
from torch.nn import functional as F

from .checks import flaw


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))): two 3x3 convolutions around the identity, any (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


class ResidualUNet(nn.Module):
    """(N, 3, H, W) in [0, 1] to the same shape, for any H and W of at least 1.

    Args:
        widths: channels at each scale, the finest first; each scale halves H and W.
        encoder: residual blocks at each scale on the way down.
        decoder: residual blocks at each scale but the coarsest on the way up.
    """

    def __init__(
        self,
        widths: Sequence[int] = (64, 128),
        encoder: Sequence[int] = (2, 3),
        decoder: Sequence[int] = (2,),
    ) -> None:
        super().__init__()
        self.multiple = 2 ** (len(widths) - 1)  # H and W are padded to a multiple of this
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(blocks(c, n) for c, n in zip(widths, encoder))
        pairs = list(zip(widths[:-1], widths[1:]))
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, 2) for fine, coarse in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, 2) for fine, coarse in pairs)
        self.decoder = nn.ModuleList(blocks(c, n) for c, n in zip(widths[:-1], decoder))
        self.head = nn.Conv2d(widths[0], 3, 3, padding=1)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        whole = padded(image, self.multiple)
        x = self.stem(whole)  # (N, 64, H, W)
        skips = []
        for stage, down in zip(self.encoder, self.down):
            x = stage(x)
            skips.append(x)
            x = down(x)  # (N, 128, H/2, W/2)
        x = self.encoder[-1](x)
        for stage, up, skip in reversed(list(zip(self.decoder, self.up, skips))):
            x = stage(up(x) + skip)
        return (whole + self.head(x))[..., :height, :width]


def padded(image: Tensor, multiple: int) -> Tensor:
    """(N, C, H, W), its last row and column repeated until H and W are multiples of `multiple`."""
    height, width = image.shape[-2:]
    padding = (0, -width % multiple, 0, -height % multiple)
    return F.pad(image, padding, mode="replicate") if any(padding) else image


def blocks(channels: int, count: int) -> nn.Sequential:
    """A chain of `count` residual blocks."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))


def widths_of(weights: Mapping[str, object]) -> Tuple[int, ...]:
    """The widths of the ResidualUNet of two scales that has these weights; fewer for any other.

    Each width w is read from a weight that does hold w times w times 9 numbers, so that a network
    of these widths is not much larger than its weights, whatever they declare.
    """
    widths = []
    for scale in range(2):
        value = weights.get(f"encoder.{scale}.0.first.weight")
        width = isqrt(value.numel() // 9) if isinstance(value, Tensor) else 0
        if not flaw(value, (width, width, 3, 3)):
            widths.append(width)
    return tuple(widths)
