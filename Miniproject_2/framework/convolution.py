"""Convolution as two linear maps, and everything else as their adjoints.

**The maps.** Let G (the appendix's unfold) copy the patch under each position of the kernel into
a row, and let M be the weights as a matrix, one row for each place in a patch, one column for
each output channel. A convolution is

    y = G x M + bias        (positions × places) · (places × channels)

G only copies, so its adjoint Gᵀ (the appendix's fold) adds every entry of a row back to the pixel
that it came from: ⟨G x, r⟩ = ⟨x, Gᵀ r⟩. For a loss L with the gradient g = ∂L/∂y,

    dL = ⟨g, G dx M⟩ + ⟨g, G x dM⟩ = ⟨Gᵀ(g Mᵀ), dx⟩ + ⟨(G x)ᵀ g, dM⟩

    ∂L/∂x = Gᵀ(g Mᵀ)        ∂L/∂M = (G x)ᵀ g        ∂L/∂bias = the sum of g over positions

**Transposed convolution** is by definition the first of these, y = Gᵀ(x Mᵀ) + bias. Its backward
pass is the convolution: dL = ⟨g, Gᵀ(dx Mᵀ)⟩ + ⟨g, Gᵀ(x dMᵀ)⟩ gives ∂L/∂x = G g M and
∂L/∂M = (G g)ᵀ x.

So three functions serve both layers, forward and backward: `convolve`, `transpose` and
`weight_gradient`. Here they stand as the appendix has them, with fold and unfold; in this form
they give what torch gives for a small single image, to the bit. `batched.py` has the same for
batches.
"""

from typing import NamedTuple, Optional, Tuple, Union

from torch.nn.functional import fold, unfold

from .tensor import Tensor

Pair = Tuple[int, int]
IntOrPair = Union[int, Pair]


def to_pair(value: IntOrPair, name: str, least: int) -> Pair:
    """An int or a pair of ints of at least `least`, as a pair.

    Raises:
        ValueError: anything else.
    """
    both = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(both) != 2 or not all(type(one) is int and one >= least for one in both):
        raise ValueError(f"{name} must be an int or a pair, each at least {least}, got {value}")
    return both[0], both[1]


class Geometry(NamedTuple):
    """Where the kernel lies: each a pair (rows, columns), meaning what torch means by it."""

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)

    @classmethod
    def of(
        cls, kernel: IntOrPair, stride: IntOrPair, padding: IntOrPair, dilation: IntOrPair
    ) -> "Geometry":
        """From what torch's layers take: ints or pairs of them."""
        return cls(
            to_pair(kernel, "kernel_size", 1),
            to_pair(stride, "stride", 1),
            to_pair(padding, "padding", 0),
            to_pair(dilation, "dilation", 1),
        )

    def positions(self, height: int, width: int) -> Pair:
        """How many positions the kernel has along each axis of an image of this size."""
        rows, columns = (
            (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
            for size, kernel, stride, padding, dilation in zip((height, width), *self)
        )
        return rows, columns

    def size_from(self, rows: int, columns: int) -> Pair:
        """The smallest image with so many positions: what a transposed convolution gives."""
        height, width = (
            (count - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
            for count, kernel, stride, padding, dilation in zip((rows, columns), *self)
        )
        return height, width


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Optional[Tensor],
    geometry: Geometry,
    groups: int,
    positions: Pair,
) -> Tensor:
    """y = G x M + bias, by one product for each image and group.

    Args:
        x: (N, C, H, W).
        weight: (O, C / groups, kernel).
        bias: (O), or none.
        positions: (rows, columns) of y; an output padding may leave room for more.
    """
    m = weight.reshape(groups, len(weight) // groups, -1)  # Mᵀ of each group
    start = x.new_zeros(1) if bias is None else bias.view(groups, -1, 1)
    y = x.new_empty(len(x), len(weight), *positions)
    for patches, output in zip(rows_of_patches(x, geometry, groups, positions), y):
        output.copy_(start.baddbmm(m, patches).view(output.shape))
    return y


def transpose(
    y: Tensor, weight: Tensor, bias: Optional[Tensor], geometry: Geometry, groups: int, size: Pair
) -> Tensor:
    """x = Gᵀ(y Mᵀ) + bias: from (N, O, rows, columns) to (N, C, *size)."""
    kernel, stride, padding, dilation = geometry
    possible, (rows, columns) = geometry.positions(*size), y.shape[2:]
    m = weight.reshape(groups, len(weight) // groups, -1)
    patches = m.transpose(1, 2) @ y.reshape(len(y), groups, m.shape[1], -1)
    patches = patches.view(len(y), groups * m.shape[2], rows, columns)
    if possible != (rows, columns):  # more than there are: an output padding of a stride or more
        wider = patches.new_zeros(*patches.shape[:2], *possible)
        wider[:, :, :rows, :columns] = patches
        patches = wider
    x = fold(patches.flatten(2), size, kernel, dilation, padding, stride)
    return x if bias is None else x + bias.view(-1, 1, 1)


def weight_gradient(
    x: Tensor, y: Tensor, shape: Tuple[int, ...], geometry: Geometry, groups: int
) -> Tensor:
    """(G x)ᵀ y, transposed: the gradient of weights of `shape`, one of the two being a gradient."""
    patches = rows_of_patches(x, geometry, groups, (y.shape[2], y.shape[3]))
    by_group = y.reshape(len(y), groups, shape[0] // groups, -1)
    return (by_group @ patches.transpose(2, 3)).sum(0).view(shape)


def transpose_backward(
    gradient: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, groups: int
) -> Tuple[Tensor, Tensor]:
    """The gradients of x and of the weights in `transpose(x, weight, …)`: G g M and (G g)ᵀ x."""
    x_grad = convolve(gradient, weight, None, geometry, groups, (x.shape[2], x.shape[3]))
    return x_grad, weight_gradient(gradient, x, tuple(weight.shape), geometry, groups)


def rows_of_patches(x: Tensor, geometry: Geometry, groups: int, positions: Pair) -> Tensor:
    """(G x)ᵀ for each group: (N, groups, places in a patch of the group, positions)."""
    kernel, stride, padding, dilation = geometry
    possible = geometry.positions(x.shape[2], x.shape[3])
    columns = unfold(x, kernel, dilation, padding, stride).view(len(x), -1, *possible)
    wanted = columns[:, :, : positions[0], : positions[1]]
    return wanted.reshape(len(x), groups, columns.shape[1] // groups, -1)
