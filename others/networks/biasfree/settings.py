"""What a bias-free network may be: every setting with its default, its bounds and its meaning.

The settings come from JSON files (others/studies/biasfree/configs), so they are bounded: a file
that asks for a billion blocks is refused, before a network is made that no memory holds.
"""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field

from others.networks.biasfree.pyramid import KERNEL
from others.records.settings import settings

HEAD_GROUPS = 4  # of the grouped head, as in the source
MOST_CONVOLUTIONS = 4096  # of a network; the deepest one of the project has 38
MOST_WEIGHTS = 2**25  # of its convolutions, which are 128 MB
Channels = Annotated[int, Field(ge=1, le=512)]
Width = Annotated[int, Field(ge=1, le=16)]
Levels = Annotated[int, Field(ge=2, le=10)]  # of a pyramid, or of a U-Net
Kernel = Annotated[int, Field(ge=1, le=63)]  # pixels along a side
Probability = Annotated[float, Field(ge=0, lt=1)]
Convolutions = Field(min_length=1, max_length=64)  # of one block


def check_odd(name: str, *kernels: int) -> None:
    """ValueError for an even kernel, which has no pixel in its middle."""
    for kernel in kernels:
        if kernel % 2 == 0:
            raise ValueError(f"{name} is {kernel}; expected an odd number")


@settings
class BlockSettings:
    """A residual block: x plus a branch of convolutions, the last of them without an activation."""

    kernels: Annotated[tuple[Kernel, ...], Convolutions] = (3, 3)  # odd, one for each convolution
    # Channels that come out of each convolution, in multiples of the block's own.
    widths: Annotated[tuple[Width, ...], Convolutions] = (1, 1)
    groups: Annotated[tuple[Channels, ...], Convolutions] = (1, 1)  # of each convolution
    depthwise: bool = False  # convolutions of more than 1x1 see one channel each
    norm: Literal["batch", "none"] = "batch"  # before each convolution
    activation: Literal["relu", "leaky_relu", "differentiable_relu", "linear"] = "relu"
    squeeze_excite: bool = False
    sparsity: Literal["none", "threshold", "soft", "differentiable"] = "none"  # see blocks.Sparse
    sparsity_threshold: Annotated[float, Field(ge=0, le=10)] = 1.0  # in standard deviations
    symmetrical: bool = False  # sparsity keeps what is far from the mean to either side
    reverse: bool = False  # sparsity keeps what is below the threshold instead
    multiplier: Literal["none", "channel", "block"] = "none"  # a learnt factor for each channel
    gate: bool = False  # the branch is on unless the image turns it off
    drop: Probability = 0.0  # that a branch is left out in training
    selector: bool = False  # weigh x against the branch, channel by channel
    centred: bool = False  # around the block: each channel with the mean 0 and the deviation 1

    def __post_init__(self) -> None:
        lengths = [len(self.kernels), len(self.widths), len(self.groups)]
        if len(set(lengths)) != 1:
            found = ", ".join(map(str, lengths))
            raise ValueError(f"kernels, widths and groups have {found} entries; expected as many")
        check_odd("kernels", *self.kernels)
        if self.widths[-1] != 1:
            raise ValueError(f"the last of widths is {self.widths[-1]}; expected 1, to add it to x")
        if self.sparsity != "none" and len(self.kernels) < 2:
            raise ValueError("sparsity lies between two convolutions; expected two kernels or more")
        if (self.symmetrical or self.reverse) and self.sparsity not in ("threshold", "soft"):
            raise ValueError(
                f"symmetrical or reverse is on and sparsity {self.sparsity!r}; "
                "expected the sparsity 'threshold' or 'soft' with them"
            )

    def weights(self, channels: int) -> int:
        """The number of weights of its convolutions, in a network with this number of channels.

        ValueError where the groups of a convolution do not divide its channels.
        """
        count, inputs = 0, channels
        for kernel, width, own in zip(self.kernels, self.widths, self.groups):
            outputs, groups = channels * width, inputs if self.depthwise and kernel > 1 else own
            if inputs % groups or outputs % groups:
                raise ValueError(f"{groups} groups do not divide {inputs} and {outputs} channels")
            count += outputs * (inputs // groups) * kernel**2
            inputs = outputs
        return count

    @property
    def reach(self) -> int | None:
        """Pixels that a block sees to each side; None if a part of it sees the whole image."""
        whole = self.activation == "differentiable_relu" or self.sparsity != "none"
        if whole or self.squeeze_excite or self.gate or self.selector or self.centred:
            return None
        return sum(kernel // 2 for kernel in self.kernels)


@settings
class PyramidSettings:
    """Scales around a backbone."""

    kind: Literal["none", "gaussian", "laplacian"] = "none"  # "none": the backbone alone
    levels: Levels = 3
    kernel: Kernel = KERNEL  # of the means on the way down
    shared: bool = True  # one network for all levels, or one for each
    between: bool = False  # each level sees what was found at the coarser one

    def __post_init__(self) -> None:
        check_odd("kernel", self.kernel)


@settings
class ModelSettings:
    """A network."""

    backbone: Literal["resnet", "unet", "lunet"] = "resnet"
    blocks: Annotated[int, Field(ge=1, le=256)] = 6  # in all, or in each stage of unet and lunet
    channels: Channels = 16
    base_kernel: Kernel = 7  # of the first convolution
    levels: Levels = 3  # of unet and lunet
    growth: Annotated[int, Field(ge=1, le=4)] = 1  # of unet: channels over the finer level's
    block: BlockSettings = field(default_factory=BlockSettings)
    pyramid: PyramidSettings = field(default_factory=PyramidSettings)
    head: Literal["plain", "grouped"] = "grouped"
    concat_input: bool = False  # before the head a convolution of features and image together
    final_norm: bool = False  # before the head
    final_activation: Literal["none", "tanh"] = "none"  # with tanh it is no longer homogeneous
    residual: bool = False  # the network finds the noise, which is subtracted
    bias: bool = False  # the twin, with biases everywhere
    range: tuple[float, float] = (0.0, 1.0)  # the network's values for black and white

    def __post_init__(self) -> None:
        check_odd("base_kernel", self.base_kernel)
        if self.head == "grouped" and self.channels % HEAD_GROUPS:
            raise ValueError(f"channels is {self.channels}; a grouped head needs a multiple of 4")
        if self.growth > 1 and self.backbone != "unet":
            raise ValueError(f"growth is {self.growth} of a {self.backbone}; expected a unet")
        if not self.range[0] < self.range[1]:
            raise ValueError(f"range is {list(self.range)}; expected two numbers in order")
        self._check_size()

    def _check_size(self) -> None:
        """ValueError for a network that would fill the memory, before it is made."""
        single = self.pyramid.kind == "none" or self.pyramid.shared
        stages = 1 if self.backbone == "resnet" else 2 * self.levels - 1
        stages *= 1 if single else self.pyramid.levels  # a network for each level of the pyramid
        convolutions = stages * self.blocks * len(self.block.kernels)
        # Each stage has at most one convolution from the image, and one that mixes two stages.
        around = 3 * self.channels * self.base_kernel**2 + 2 * self.channels**2 * 9
        weights = stages * (self.blocks * self.block.weights(self.channels) + around)
        for name, number, most in (
            ("convolutions", convolutions, MOST_CONVOLUTIONS),
            ("weights", weights, MOST_WEIGHTS),
        ):
            if number > most:
                raise ValueError(f"its blocks have {number} {name}; expected {most} at most")
