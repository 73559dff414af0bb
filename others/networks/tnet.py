"""TNet, the thin network, and BaseNet, its baseline: the two autoencoders of the report "Training a
Noise2Noise Denoising Autoencoder with PyTorch" (Salvi, Van Den Heuvel and Lhotka, EPFL).

Images are float (N, 3, H, W) in [0, 1], with any H and W of at least 1. Where a size does not fit
the strides, the last row and column are repeated, and cut off again. Answers are not clipped.
"""

from typing import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from Miniproject_1.noise2noise.network import padded

SLOPE = 0.1  # of every leaky ReLU of TNet for negative values
POOLS = (2, 4, 4)  # factors by which TNet's stages shrink the image
STAGES = range(6)  # of TNet: three on the way down, three on the way up
CHANNELS = ((3, 32), (32, 32), (32, 32), (32, 32), (32, 32), (32, 8))  # of BaseNet's convolutions
KERNELS_AND_STRIDES = ((5, 1), (5, 1), (5, 1), (4, 2), (3, 2), (4, 1))
LEAST = 32  # pixels along an axis that BaseNet's unpadded convolutions need


class BaseNet(nn.Module):
    """Six convolutions without padding and their mirror image, with a ReLU after every one.

    A 32x32 image becomes a vector of 8 numbers, and there are no skips around it. With a ReLU on
    only 8 features and another one on the output, a training can end with a constant or a black
    image. The network has 166,923 parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        down, up = [], []
        for (fine, coarse), (kernel, stride) in zip(CHANNELS, KERNELS_AND_STRIDES):
            down += [nn.Conv2d(fine, coarse, kernel, stride), nn.ReLU()]
            up = [nn.ConvTranspose2d(coarse, fine, kernel, stride), nn.ReLU(), *up]
        self.encoder, self.decoder = nn.Sequential(*down), nn.Sequential(*up)

    def forward(self, image: Tensor) -> Tensor:
        """Denoise (N, 3, H, W)."""
        height, width = image.shape[-2:]
        missing = max(0, LEAST - height), max(0, LEAST - width)
        whole = F.pad(image, (0, missing[1], 0, missing[0]), mode="replicate")
        latent = self.encoder(padded(whole, 4))  # (N, 8, H/4 - 7, W/4 - 7)
        return self.decoder(latent)[..., :height, :width]


class TNet(nn.Module):
    """A U-Net of seven convolutions, whose maps are pooled by 2, 4 and 4.

    A leaky ReLU comes before and after every convolution. So there is one on the input, where it
    changes nothing, and one on the output. A skip is what a stage had before its pooling. The
    network has 43,064 parameters.

    Args:
        batch_norm: the stages, of 0 to 5, that end with a batch normalisation; `STAGES` for all of
            them, which is the report's TNet+BN with 43,486 parameters. The stages 0 to 2, on the
            way down, normalise their pooled features, 3 and 4 the upsampled features with the
            skip, and 5 the three channels that are put beside the input.
        dropout: the probability that a channel is left out after each stage of the way down.
        latent: channels of the 1x1 map that a 32x32 image becomes.

    Raises:
        ValueError: for a stage that there is not, a probability outside [0, 1) or no channel.
    """

    def __init__(
        self, batch_norm: Collection[int] = (), dropout: float = 0.0, latent: int = 32
    ) -> None:
        super().__init__()
        if not set(batch_norm) <= set(STAGES):
            raise ValueError(f"batch_norm is {sorted(batch_norm)}; expected stages of 0 to 5")
        if not 0 <= dropout < 1 or latent < 1:
            raise ValueError(f"dropout is {dropout}, latent {latent}; expected [0, 1) and 1 or up")
        self.down = nn.ModuleList(_conv(*c) for c in ((3, 16), (16, 32), (32, latent)))
        self.up = nn.ModuleList(_conv(*c) for c in ((2 * latent, 32), (64, 16), (32, 3)))
        self.head = _conv(6, 3)
        widths = (16, 32, latent, 2 * latent, 64, 3)
        self.norm = nn.ModuleList(
            nn.BatchNorm2d(width) if stage in batch_norm else nn.Identity()
            for stage, width in zip(STAGES, widths)
        )
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, image: Tensor) -> Tensor:
        """Denoise (N, 3, H, W)."""
        height, width = image.shape[-2:]
        whole = padded(image, 32)
        x, skips = whole, []
        for stage, pool in enumerate(POOLS):
            x = self.down[stage](x)
            skips.append(x)
            x = self.dropout(self.norm[stage](F.max_pool2d(x, pool)))
        x = self.norm[3](_joined(x, skips[2], 4))  # (N, 64, H/8, W/8)
        x = self.norm[4](_joined(self.up[0](x), skips[1], 4))  # (N, 64, H/2, W/2)
        x = _joined(self.up[1](x), skips[0], 2)  # (N, 32, H, W)
        x = self.norm[5](self.up[2](x))
        return self.head(torch.cat([x, whole], 1))[..., :height, :width]


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution between two leaky ReLUs."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1)
    return nn.Sequential(nn.LeakyReLU(SLOPE), conv, nn.LeakyReLU(SLOPE))


def _joined(x: Tensor, skip: Tensor, scale: int) -> Tensor:
    """The features x of a coarser map, each repeated scale x scale times, and those of a skip."""
    return torch.cat([F.interpolate(x, scale_factor=scale, mode="nearest"), skip], 1)
