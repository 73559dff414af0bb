"""The U-Net of Noise2Noise (Lehtinen et al., ICML 2018, appendix A.1).

Every block of the decoder has weights of its own, and the network 991,203 parameters. Copies of it
are in circulation in which one block serves three scales, with 576,099 parameters.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from Miniproject_1.noise2noise.network import padded

SLOPE = 0.1  # of the leaky ReLUs for negative values
POOLINGS = 5
WIDTH = 48  # channels of the encoder; the decoder has twice as many


class UNet(nn.Module):
    """(N, 3, H, W) in [0, 1] to the same shape, for any H and W of at least 1; not clipped.

    The encoder has five max poolings by 2, the decoder as many nearest upsamplings. A leaky ReLU
    follows every convolution but the last, which is linear. The skips are the pooled maps and, at
    full resolution, the input itself. Weights start with He's initialisation, as in the paper. The
    last row and column are repeated until H and W are multiples of 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, WIDTH)
        self.down = nn.ModuleList(_conv(WIDTH, WIDTH) for _ in range(POOLINGS))
        self.bottom = _conv(WIDTH, WIDTH)
        self.up = nn.ModuleList(
            nn.Sequential(_conv(inputs, 2 * WIDTH), _conv(2 * WIDTH, 2 * WIDTH))
            for inputs in [2 * WIDTH] + [3 * WIDTH] * (POOLINGS - 2)
        )
        self.last = nn.Sequential(_conv(2 * WIDTH + 3, 64), _conv(64, 32))
        self.head = nn.Conv2d(32, 3, 3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, SLOPE)
                nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, image: Tensor) -> Tensor:
        """Denoise (N, 3, H, W)."""
        height, width = image.shape[-2:]
        x = padded(image, 2**POOLINGS)
        skips, x = [x], self.stem(x)
        for conv in self.down:
            x = F.max_pool2d(conv(x), 2)
            skips.append(x)  # (N, 48, H/2, W/2) to (N, 48, H/32, W/32)
        x = self.bottom(skips.pop())
        for block in [*self.up, self.last]:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([x, skips.pop()], 1))  # (N, 96, H/16, W/16) to (N, 32, H, W)
        return self.head(x)[..., :height, :width]


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution and a leaky ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.LeakyReLU(SLOPE))
