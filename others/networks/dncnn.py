"""DnCNN, UDnCNN and DUDnCNN: the three denoisers of the assignment "Image Denoising with Deep CNNs"
(Deledalle and Paul, ECE 285, UCSD, 2019).

All three are one chain of D + 2 convolutions of 3x3 pixels, to whose answer the input is added. The
chain therefore has to find the noise and not the image (Zhang et al., "Beyond a Gaussian denoiser",
2017). The three networks have the same parameters by the same names, and differ in what an output
pixel sees: UDnCNN pools and unpools, and DUDnCNN dilates its filters where UDnCNN would pool.
Images are float (N, 3, H, W) in [-1, 1], of any H and W; answers are not clipped.
"""

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

        Why 1.25: He's weights (variance 2 / inputs) keep the mean square of the features from layer
        to layer. After a ReLU, a share of 1 / pi of the mean square is the squared mean of the
        features. The next convolution turns this mean into a constant, which the norm subtracts.
        A gain of 1 / sqrt(1 - 1 / pi) = 1.21, here 1.25, makes up for the loss.

        Why sqrt(C): the assignment's `BatchNorm2d(C, C)` passes eps = C, far above the variance of
        untrained features. The norm then divides by sqrt(C) and not by the standard deviation, and
        the gain undoes this. With torch's eps of 1e-5 each layer would multiply the features by 10.
        With a gain of 1 and eps = C each would divide them by 8: the answer is almost the input.
        """
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.constant_(module.weight, GAIN * math.sqrt(self.C))
            elif isinstance(module, nn.Conv2d) and module is not self.conv[-1]:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def dilation(self, k: int) -> int:
        """The step between the taps of convolution k: 1, except in DUDnCNN."""
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

    Layers 1 to K = D // 2 - 1 contract, and the last K layers expand. The features of layer k are
    kept and added to the input of the layer that lies opposite, D - k + 1. The sum is divided by
    sqrt(2), which leaves the range of the features as it was. For D = 6, where K is 2:

        1 -> 2 -> 3 -> 4 -> 5 -> 6
        |    |              ^    ^
        |    +--------------+    |
        +------------------------+
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
        """What follows a contracting layer: its features, and what `expand` needs to undo it."""
        return h, None

    def expand(self, h: Tensor, place: tuple[Tensor, Size] | None) -> Tensor:
        """What follows a layer of the expansive path, with the `place` that `contract` gave."""
        return h


class UDnCNN(_Hourglass):
    """DnCNN in the shape of a U: 2x2 max pooling on the way down, unpooling on the way up.

    Unpooling puts each value where the maximum was, and zeros around it. The last row or column of
    an odd size is in no window of a pooling, which leaves it out; unpooling restores it as zeros.
    Images with fewer than 2 ** (D // 2 - 1) pixels along an axis, of which nothing would be left,
    are padded by repeating the last row and column.
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
    """UDnCNN with dilated filters in the place of its poolings.

    A convolution that follows k poolings and l unpoolings in UDnCNN has 2 ** (k - l) - 1 holes
    between its taps here. For D = 6 the dilations are 1, 1, 2, 4, 4, 4, 2, 1. On a GPU, cuDNN is
    told to try out its algorithms for each new size of images, since by default it took slow ones
    for dilated filters (question 20 of the assignment).
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
