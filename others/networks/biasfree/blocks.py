"""The parts of bias-free networks: each is a map with f(a x) = a f(x) for every a > 0.

The options are those of the library "blind image denoising" (N. Markou). Some of its parts look at
the size of their input (gates, the differentiable ReLU, sparsity), which ends the homogeneity. Here
such a part looks at the input divided by its `level` and stays homogeneous; apart from this the
definitions are the same. The level is taken over the whole image, so such a part sees all of it.

Features are (N, C, H, W). With `bias` the same parts make the twin network that has biases.
"""

from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from others.networks.biasfree.settings import BlockSettings

TINY = 1e-20  # added to mean squares, so that their root has a slope at 0
SLOPE = 0.1  # of the leaky ReLU for negative values
BRANCH = 0.1  # factor of the last weights of a block, which therefore starts as almost x
MOMENTUM = 0.01  # the share of a batch in running variances; the source keeps 0.99 of the old
EPS = 1e-5  # added to variances


def level(x: Tensor) -> Tensor:
    """The root mean square of each image's features, (N, 1, 1, 1)."""
    return (x.square().mean((1, 2, 3), keepdim=True) + TINY).sqrt()


def hard_sigmoid(x: Tensor) -> Tensor:
    """0.2 x + 0.5, clipped to [0, 1]."""
    return (0.2 * x + 0.5).clamp(0, 1)


def conv(inputs: int, outputs: int, kernel: int, groups: int = 1, bias: bool = False) -> nn.Conv2d:
    """A convolution that keeps H and W, with He's initialisation."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def norm(channels: int, bias: bool = False) -> nn.Module:
    """The bias-free batch normalisation, or the usual one for the twin."""
    return nn.BatchNorm2d(channels, momentum=MOMENTUM) if bias else ScaleNorm2d(channels)


class ScaleNorm2d(nn.Module):
    """Batch normalisation without biases: y = γ x / sqrt(var + eps) (Mohan et al., section 3).

    Nothing is subtracted and nothing is added. To leave out the shift alone, as Keras does for
    `center=False`, would keep the subtraction of the mean, which is a bias. The variance of a
    channel is that of the batch in training, and a running one in evaluation, where the map is
    linear. (The code of Mohan et al. adds its small constant to the root and not to the variance,
    which makes a difference only where the variance is tiny.)
    """

    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        var = self.running_var
        if self.training:
            var = x.float().var((0, 2, 3), unbiased=False)
            with torch.no_grad():
                self.running_var.lerp_(var.to(self.running_var.dtype), MOMENTUM)
        scale = self.weight / (var + EPS).sqrt()
        return x * scale.to(x.dtype).view(1, -1, 1, 1)


def differentiable_relu(
    x: Tensor, threshold: float | Tensor, maximum: float | None, steepness: float | Tensor
) -> Tensor:
    """A smooth function of x: about 0 below the threshold t, then x, and M above the maximum M.

    It is [s(x − M) M + (1 − s(x − M)) x] s(x − t) with s(u) = sigmoid(steepness u), or x s(x − t)
    if there is no maximum.
    """
    on = torch.sigmoid(steepness * (x - threshold))
    if maximum is None:
        return x * on
    high = torch.sigmoid(steepness * (x - maximum))
    return (high * maximum + (1 - high) * x) * on


class DifferentiableReLU(nn.Module):
    """`differentiable_relu` of the features over their level, times the level.

    The threshold and the steepness are learnt; the maximum is 6 levels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(0.0))
        self.steepness = nn.Parameter(torch.tensor(10.0))

    def forward(self, x: Tensor) -> Tensor:
        size = level(x)
        return size * differentiable_relu(x / size, self.threshold, 6.0, self.steepness)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(SLOPE),
    "differentiable_relu": DifferentiableReLU,
    "linear": nn.Identity,
}


class Sparse(nn.Module):
    """Keeps the features x that stand out among all features of an image, and drops the others.

    z = (x − mean) / σ, with mean and standard deviation σ over all channels and pixels of an image.
    With the threshold t = 1, 84 % of normally distributed features become 0.

        threshold        x where z > t, else 0
        soft             x sigmoid(z − t)
        differentiable   σ sign(z) D(|z|), D the differentiable ReLU from t to t + 2

    Args:
        symmetrical: take |z| in the place of z.
        reverse: keep the features that would become 0, and drop those that would be kept.
    """

    def __init__(
        self, kind: str, threshold: float = 1.0, symmetrical: bool = False, reverse: bool = False
    ) -> None:
        super().__init__()
        self.kind, self.threshold = kind, threshold
        self.symmetrical, self.reverse = symmetrical, reverse

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean((1, 2, 3), keepdim=True)
        std = level(centred)
        z = centred / std
        if self.kind == "differentiable":
            return (
                std
                * z.sign()
                * differentiable_relu(z.abs(), self.threshold, self.threshold + 2, 10.0)
            )
        z = (z.abs() if self.symmetrical else z) - self.threshold
        z = -z if self.reverse else z
        return x * (torch.sigmoid(z) if self.kind == "soft" else (z > 0).to(x.dtype))


class SqueezeExcite(nn.Module):
    """x times a factor in [0, 1] for each channel (Hu et al., 2018).

    The factors follow from the means of the channels, divided by the level of all features, so that
    a brighter image has the same factors.
    """

    def __init__(self, channels: int, ratio: int = 8) -> None:
        super().__init__()
        hidden = max(channels // ratio, 2)
        self.squeeze, self.excite = conv(channels, hidden, 1), conv(hidden, channels, 1)

    def factors(self, x: Tensor) -> Tensor:
        """(N, C, 1, 1), in [0, 1]."""
        means = x.mean((2, 3), keepdim=True) / level(x)
        return hard_sigmoid(self.excite(F.relu(self.squeeze(means))))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factors(x)


class Selector(SqueezeExcite):
    """a x + (1 − a) b, with the factors a that `SqueezeExcite` gives each channel of x."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, ratio=4)

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        kept = self.factors(x)
        return kept * x + (1 - kept) * branch


class Sum(nn.Module):
    """x plus a branch, as a module that stands where a `Selector` may stand."""

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return x + branch


class BlockGate(nn.Module):
    """x times one factor in [0, 1] for each image, which is 1 before anything is learnt.

    The factor is hard_sigmoid(2.5 − relu(w · s)), where s are the means of the channels divided by
    the level of all features and w is learnt.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weigh = conv(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3), keepdim=True) / level(x)
        return x * hard_sigmoid(2.5 - F.relu(self.weigh(means)))


class Multiplier(nn.Module):
    """relu(1 + w) x with a learnt w for each of `count` channels, or one for all if that is 1."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(count, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * F.relu(1 + self.weight)


class Drop(nn.Module):
    """In training, an image's features x become 0 with the probability p, else x / (1 − p)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        return x * F.dropout(torch.ones_like(x[:, :1, :1, :1]), self.probability, self.training)


class ResidualBlock(nn.Module):
    """x plus a branch: norm, convolution, activation, ..., norm, convolution, and then the options.

    With `selector` both are weighed instead of added. With `centred` each channel is brought to the
    mean 0 and the deviation 1 before all that, and back to its own ones behind it.

    Args:
        channels: of input and output.
        bias: give convolutions and norms biases; the block is then no longer homogeneous.
    """

    def __init__(self, channels: int, use: BlockSettings, bias: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, last = channels, len(use.kernels) - 1
        for number, kernel in enumerate(use.kernels):
            outputs = channels * use.widths[number]
            groups = inputs if use.depthwise and kernel > 1 else use.groups[number]
            layers += [norm(inputs, bias)] if use.norm == "batch" else []
            layers.append(conv(inputs, outputs, kernel, groups, bias))
            layers += [_between(use, number == last - 1)] if number < last else []
            inputs = outputs
        with torch.no_grad():
            layers[-1].weight.mul_(BRANCH)  # type: ignore[operator, union-attr]
        self.branch = nn.Sequential(*layers, *_options(channels, use))
        self.joined = Selector(channels) if use.selector else Sum()
        self.centred = use.centred

    def forward(self, x: Tensor) -> Tensor:
        if not self.centred:
            return self.joined(x, self.branch(x))
        mean = x.mean((2, 3), keepdim=True)  # (N, C, 1, 1): of each channel of each image
        std = ((x - mean).square().mean((2, 3), keepdim=True) + TINY).sqrt()
        z = (x - mean) / std  # the same for a x as for x: the block as a whole is homogeneous
        return std * self.joined(z, self.branch(z)) + mean


def _between(use: BlockSettings, last: bool) -> nn.Module:
    """What follows a convolution that is not the last one."""
    if last and use.sparsity != "none":
        return Sparse(use.sparsity, use.sparsity_threshold, use.symmetrical, use.reverse)
    return ACTIVATIONS[use.activation]()


def _options(channels: int, use: BlockSettings) -> list[nn.Module]:
    """What follows the last convolution of a branch."""
    options: list[nn.Module] = [SqueezeExcite(channels)] if use.squeeze_excite else []
    if use.multiplier != "none":
        options.append(Multiplier(channels if use.multiplier == "channel" else 1))
    if use.gate:
        options.append(BlockGate(channels))
    if use.drop:
        options.append(Drop(use.drop))
    return options
