"""Convolution as two linear maps, and everything else as their adjoints.

**Names.** In this file and in `batched.py` a letter means one thing:

    x, y        input and output of a map or a layer: (N, C, H, W) and (N, O, rows, columns)
    g           the gradient of the loss L with respect to y, ∂L/∂y
    G, Gᵀ       the maps between an image and its patches (below)
    M           the weights as a matrix; in the code, `matrix` is Mᵀ
    s, t        the strides, or the scale factors, along rows and columns
    positions   (rows, columns): how often the kernel fits along each axis of an image
    places      of a kernel: its height times its width

**The maps.** Let G (the appendix's unfold) copy the patch under each position of the kernel into
a row, and let M have one row for each place and channel of a patch, and one column for each
output channel. A convolution is

    y = G x M + bias        (positions, places · C) times (places · C, O)

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
batches. Layers with groups apply them to one group at a time.
"""

from operator import index
from typing import NamedTuple, Optional, Tuple, Union

from torch.nn.functional import fold, unfold

from .tensor import Tensor

Pair = Tuple[int, int]
IntOrPair = Union[int, Pair]


def to_int(value: object, name: str, least: int) -> int:
    """A whole number of at least `least`, NumPy's included, as an int.

    Raises:
        ValueError: anything else.
    """
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not whole or index(value) < least:  # type: ignore[arg-type]
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value}")
    return index(value)  # type: ignore[arg-type]


def to_pair(value: IntOrPair, name: str, least: int) -> Pair:
    """A whole number, for both axes, or a pair (rows, columns) of them, as a pair of ints.

    Raises:
        ValueError: anything else, or less than `least`.
    """
    both = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(both) != 2:
        raise ValueError(f"{name} must be a whole number or a pair of them, got {value}")
    return to_int(both[0], name, least), to_int(both[1], name, least)


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
        """From what torch's layers take: whole numbers or pairs of them."""
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
    x: Tensor, weight: Tensor, bias: Optional[Tensor], geometry: Geometry, positions: Pair
) -> Tensor:
    """y = G x M + bias, by one product for each image.

    Args:
        x: (N, C, H, W).
        weight: (O, C, kernel).
        bias: (O), or none.
        positions: of y; an output padding may leave room for more.

    Returns:
        (N, O, *positions).
    """
    start = x.new_zeros(()) if bias is None else bias.view(-1, 1, 1)
    y = x.new_empty(len(x), len(weight), *positions).copy_(start)
    matrix = weight.reshape(len(weight), -1).expand(len(x), -1, -1)
    y.flatten(2).baddbmm_(matrix, columns_of_patches(x, geometry, positions))
    return y


def transpose(
    x: Tensor, weight: Tensor, bias: Optional[Tensor], geometry: Geometry, size: Pair
) -> Tensor:
    """y = Gᵀ(x Mᵀ) + bias, the transposed convolution.

    Args:
        x: (N, C, rows, columns).
        weight: (C, O, kernel).
        bias: (O), or none.
        size: (H, W) of y.

    Returns:
        (N, O, H, W).
    """
    kernel, stride, padding, dilation = geometry
    possible, (rows, columns) = geometry.positions(*size), x.shape[2:]
    matrix = weight.reshape(len(weight), -1).expand(len(x), -1, -1)
    patches = x.new_zeros(len(x), matrix.shape[2], rows, columns)
    patches.flatten(2).baddbmm_(matrix.transpose(1, 2), x.flatten(2))
    if possible != (rows, columns):  # more than there are: an output padding of a stride or more
        wider = patches.new_zeros(*patches.shape[:2], *possible)
        wider[:, :, :rows, :columns] = patches
        patches = wider
    y = fold(patches.flatten(2), size, kernel, dilation, padding, stride)
    return y if bias is None else y + bias.view(-1, 1, 1)


def weight_gradient(x: Tensor, g: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """((G x)ᵀ g)ᵀ: the gradient of the weights in `convolve(x, weight, …)`, of their shape."""
    patches = columns_of_patches(x, geometry, (g.shape[2], g.shape[3]))
    gradient = weight.new_zeros(len(weight), patches.shape[1])
    return gradient.addbmm_(g.flatten(2), patches.transpose(1, 2)).view(weight.shape)


def transpose_backward(
    g: Tensor, x: Tensor, weight: Tensor, geometry: Geometry
) -> Tuple[Tensor, Tensor]:
    """The gradients of x and of the weights in `transpose(x, weight, …)`: G g M and (G g)ᵀ x."""
    x_grad = convolve(g, weight, None, geometry, (x.shape[2], x.shape[3]))
    return x_grad, weight_gradient(g, x, weight, geometry)


def columns_of_patches(x: Tensor, geometry: Geometry, positions: Pair) -> Tensor:
    """(G x)ᵀ of each image: (N, places · C, positions)."""
    kernel, stride, padding, dilation = geometry
    possible = geometry.positions(x.shape[2], x.shape[3])
    columns = unfold(x, kernel, dilation, padding, stride).view(len(x), -1, *possible)
    return columns[:, :, : positions[0], : positions[1]].flatten(2)
