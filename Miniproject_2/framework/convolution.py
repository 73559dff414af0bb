"""Convolution as two linear maps, and everything else as their adjoints.

**Names.** In this file and in `batched.py` a letter means one thing:

    x, y        input and output of a map or a layer: (N, C, H, W) and (N, O, rows, columns)
    g           the gradient of the loss L with respect to y, ∂L/∂y
    dx, dM      small changes of x and M; dL is the change of L that they make, to first order
    ⟨a, b⟩      the sum of the products of the entries of a and b, so dL = ⟨∂L/∂x, dx⟩
    G, Gᵀ       the maps between an image and its patches (below)
    M           the weights as a matrix; in the code, `matrix` is Mᵀ
    s, t        the strides, or the scale factors, along rows and columns
    i, j        the row and the column of a place in a kernel, of a pixel, or of one in a block
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

because matrices have ⟨A, B C⟩ = ⟨A Cᵀ, B⟩ = ⟨Bᵀ A, C⟩, and the bias is added at each position.

**Transposed convolution** is by definition the first of these, y = Gᵀ(x Mᵀ) + bias. Its backward
pass is the convolution: dL = ⟨g, Gᵀ(dx Mᵀ)⟩ + ⟨g, Gᵀ(x dMᵀ)⟩ gives ∂L/∂x = G g M and
∂L/∂M = (G g)ᵀ x.

So three functions serve both layers, forward and backward: `convolve`, `transpose` and
`weight_gradient`; `transpose_backward` is two of them on the same patches. Here they stand as the
appendix has them, with fold and unfold. In this form `Conv2d(3, 3, 3)` gives for one image of
32×32 pixels, which is what the course's test takes, what torch gives, to the bit. `batched.py` has
the same for batches. Layers with groups apply them to one group at a time.
"""

from typing import NamedTuple, Optional, Tuple

from torch.nn.functional import fold, unfold

from .tensor import Tensor

Pair = Tuple[int, int]


class Geometry(NamedTuple):
    """Where the kernel lies: each a pair (rows, columns), meaning what torch means by it."""

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)

    def positions(self, height: int, width: int) -> Pair:
        """How many positions the kernel has along each axis of an image of this size."""
        rows, columns = (
            (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
            for size, kernel, stride, padding, dilation in zip((height, width), *self)
        )
        return rows, columns

    def size_from(self, rows: int, columns: int) -> Pair:
        """The size of the smallest image in which the kernel has these numbers of positions.

        A transposed convolution gives an image of this size.
        """
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
        positions: of y; where x is the output of a transposed convolution with an output padding,
            there may be room for more.

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
    positions = geometry.positions(*size)  # an output padding may leave room for more than x has
    wider = x.new_zeros(*x.shape[:2], *positions)
    wider[:, :, : x.shape[2], : x.shape[3]] = x
    matrix = weight.reshape(len(weight), -1).expand(len(x), -1, -1)
    patches = x.new_zeros(len(x), matrix.shape[2], positions[0] * positions[1])
    patches.baddbmm_(matrix.transpose(1, 2), wider.flatten(2))
    y = fold(patches, size, kernel, dilation, padding, stride)
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
