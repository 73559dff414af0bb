"""DnCNN, UDnCNN and DUDnCNN: the three denoisers of the assignment "Image Denoising with Deep CNNs"
(Deledalle and Paul, ECE 285, UCSD, 2019).

All three are one chain of D + 2 convolutions of 3x3 around which the input is added, so that the
chain has the noise to find and not the image (Zhang et al., "Beyond a Gaussian denoiser", 2017).
They have the same parameters, by the same names, and differ in what an output pixel sees: UDnCNN
pools and unpools, DUDnCNN spreads its filters where UDnCNN would have pooled. Images are float
(N, 3, H, W) in [-1, 1], of any H and W; answers are not clipped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Size, Tensor, nn
from torch.backends import cudnn
from torch.nn import functional as F

from others.networks.regressor import NNRegressor

GAIN = 1.25  # of each batch normalisation at the start; see `initialise`


class DnCNN(NNRegressor):
    """relu(conv), then D times relu(norm(conv)), then conv, plus the input.

    Args:
        D: convolutions between the first and the last; 2 D + 5 pixels are seen along an axis.
        C: channels between convolutions.

    Raises:
        ValueError: D below 0 or C below 1.
    """

    def __init__(self, D: int, C: int = 64) -> None:
        super().__init__()
        if D < 0 or C < 1:
            raise ValueError(f"expected D of at least 0 and C of at least 1, got D={D} and C={C}")
        self.D, self.C = D, C
        channels = [3, *[C] * (D + 1), 3]
        dilations = [self.dilation(k) for k in range(D + 2)]
        self.conv = nn.ModuleList(
            nn.Conv2d(channels[k], channels[k + 1], 3, padding=d, dilation=d)
            for k, d in enumerate(dilations)
        )
        self.bn = nn.ModuleList(nn.BatchNorm2d(C, eps=C) for _ in range(D))
        self.initialise()

    def initialise(self) -> None:
        """He's initialisation before every ReLU, and a gain of 1.25 sqrt(C) for the norms.

        He's weights (variance 2 / inputs) hand on the mean square of the features. A ReLU makes a
        share 1 / pi of that their mean, which the next convolution turns into a constant and the
        norm subtracts; 1 / sqrt(1 - 1 / pi) = 1.21, here 1.25, makes up for it. The norm must
        not also divide by the standard deviation: the assignment's `BatchNorm2d(C, C)` passes
        eps = C, far above the variance of untrained features, so that it divides by sqrt(C) and the
        gain of sqrt(C) undoes it. With torch's eps of 1e-5 the same gain multiplies the
        features by 10, with a gain of 1 they fade by 8 from layer to layer and y is all but x.
        """
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.constant_(module.weight, GAIN * math.sqrt(self.C))
            elif isinstance(module, nn.Conv2d) and module is not self.conv[-1]:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def dilation(self, k: int) -> int:
        """The step between the taps of convolution k: 1 but for DUDnCNN."""
        return 1

    def layer(self, k: int, h: Tensor) -> Tensor:
        """Hidden layer k, of 1 to D: (N, C, H, W) to the same shape."""
        return F.relu(self.bn[k - 1](self.conv[k](h)))

    def hidden(self, h: Tensor) -> Tensor:
        """All hidden layers: (N, C, H, W) to the same shape."""
        for k in range(1, self.D + 1):
            h = self.layer(k, h)
        return h

    def forward(self, x: Tensor) -> Tensor:
        """Denoise (N, 3, H, W) in [-1, 1]."""
        h = F.relu(self.conv[0](x))  # (N, C, H, W)
        return self.conv[self.D + 1](self.hidden(h)) + x


class _Hourglass(DnCNN):
    """The hidden layers as a contracting path, a middle and an expansive path.

    Layers 1 to K = D // 2 - 1 contract. Their features are kept, and added to the input of the
    layer of the expansive path that lies opposite, D - k + 1; the sum is divided by sqrt(2),
    which leaves the range of the features as it was.
    """

    @property
    def K(self) -> int:
        """The number of layers on either path."""
        return max(self.D // 2 - 1, 0)

    def hidden(self, h: Tensor) -> Tensor:
        kept: list[Tensor] = []
        places: list[tuple[Tensor, Size] | None] = []
        for k in range(1, self.D + 1):
            expansive = k > self.D - self.K
            if expansive:
                h = (h + kept.pop()) / math.sqrt(2)
            h = self.layer(k, h)
            if k <= self.K:
                h, place = self.contract(h)
                kept.append(h)
                places.append(place)
            elif expansive:
                h = self.expand(h, places.pop())
        return h

    def contract(self, h: Tensor) -> tuple[Tensor, tuple[Tensor, Size] | None]:
        """What follows a contracting layer: the features, and what undoes it."""
        return h, None

    def expand(self, h: Tensor, place: tuple[Tensor, Size] | None) -> Tensor:
        """The opposite, after a layer of the expansive path."""
        return h


class UDnCNN(_Hourglass):
    """DnCNN in the shape of a U: 2x2 max pooling on the way down, unpooling on the way up.

    Unpooling puts each value where the maximum was and zeros around it. An odd row or column at the
    end is in no window: pooling leaves it out, unpooling restores the size with zeros.
    Images of fewer than 2 ** (D // 2 - 1) pixels along an axis, of which nothing would be left, are
    padded by repeating the last row and column.
    """

    def __init__(self, D: int, C: int = 64) -> None:
        super().__init__(D, C)
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        missing = [max(0, 2**self.K - size) for size in (height, width)]
        if any(missing):
            x = F.pad(x, (0, missing[1], 0, missing[0]), mode="replicate")
        return super().forward(x)[..., :height, :width]

    def contract(self, h: Tensor) -> tuple[Tensor, tuple[Tensor, Size] | None]:
        size = h.shape
        h, indices = self.pool(h)  # (N, C, H // 2, W // 2)
        return h, (indices, size)

    def expand(self, h: Tensor, place: tuple[Tensor, Size] | None) -> Tensor:
        assert place is not None
        indices, size = place
        return self.unpool(h, indices, output_size=size)


class DUDnCNN(_Hourglass):
    """UDnCNN with dilated filters in place of pooling: a convolution that follows k poolings and l
    unpoolings there has 2 ** (k - l) - 1 holes between its taps here.

    For D = 6 the dilations are 1, 1, 2, 4, 4, 4, 2, 1. On a GPU cuDNN tries out its algorithms for
    each new size of image: by default it took slow ones for dilated filters (question 20).
    """

    def dilation(self, k: int) -> int:
        pooled = min(max(k - 1, 0), self.K)  # layers 1 to K are followed by a pooling
        unpooled = max(k - (self.D - self.K + 1), 0)  # and the last K by an unpooling
        return 2 ** (pooled - unpooled)

    def forward(self, x: Tensor) -> Tensor:
        with tried_algorithms():
            return super().forward(x)


@contextmanager
def tried_algorithms() -> Iterator[None]:
    """cuDNN measures which algorithm is fastest instead of guessing; on a CPU nothing changes."""
    before = cudnn.benchmark
    cudnn.benchmark = True
    try:
        yield
    finally:
        cudnn.benchmark = before
