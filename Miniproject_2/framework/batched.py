"""The maps of `convolution.py`, whose names are used here, for batches: as fast as torch's own.

**Channels-last.** Images are (N, H, W, C) in memory. A patch is then a few long runs, so that
G (`gather`) costs little more than writing its rows, and one matrix product serves the whole
batch. Between layers images stay in this order; outside they are seen as (N, C, H, W), a view.

**Blocks and phases.** With a stride of 2, pixels 2 apart meet the same weights. Here is an image
of 4×4, cut into blocks of 2×2; pixels with one letter have the same place in their blocks and are
called one *phase*:

    a b | a b
    c d | c d          seen as 2×2 blocks, each with the four channels a, b, c, d
    ----+----
    a b | a b
    c d | c d

Lay a kernel of 4×4 over it: its weights have the same letters. In a transposed convolution with
stride 2, a pixel of the input adds its kernel's weights to 4×4 pixels of the output, the next one
2 pixels further on, so that an output pixel a only ever meets the four weights a: a kernel of 2×2
with stride 1. All four phases together are one transposed convolution with a kernel of 2×2 and
stride 1, whose outputs are the channels of blocks. In general strides s × t make of C channels
s · t · C, and Gᵀ (`scatter`) adds a few long runs instead of many short ones.

**Smearing.** Nearest upsampling repeats each pixel s times along each axis, and a convolution
then weighs the copies; weighing each pixel once with the sum of those weights is the same. So it
is a transposed convolution with stride s, whose weights are w, flipped and smeared by a box of
s×s. For s = 2 and 3×3 weights they are 4×4, in four phases of 2×2: 16 products for a pixel
instead of 36.
"""

from itertools import product
from typing import Iterator, Optional, Tuple

from .convolution import Geometry, Pair
from .tensor import Tensor

# How many numbers the patches of a part of a batch may have. A CPU has them in its cache, 4 MiB of
# float32; a GPU is the fastest when it gets everything at once, at most 1 GiB.
CACHED, LARGEST = 2**20, 2**28


def convolve(
    x: Tensor, weight: Tensor, bias: Optional[Tensor], geometry: Geometry, positions: Pair
) -> Tensor:
    """y = G x M + bias, with the arguments and the result of `convolution.convolve`."""
    matrix = to_matrix(weight)
    y = x.new_empty(len(x), *positions, len(weight))
    for part in parts(x, positions, matrix.shape[1]):
        patches = gather(x[part], geometry, positions)
        multiply(rows_of(y[part]), patches, matrix.t(), bias)
    return y.permute(0, 3, 1, 2)


def weight_gradient(x: Tensor, g: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """((G x)ᵀ g)ᵀ, with the arguments and the result of `convolution.weight_gradient`."""
    positions, gradient = (g.shape[2], g.shape[3]), None
    for part in parts(x, positions, weight[0].numel()):
        patches = gather(x[part], geometry, positions)
        gradient = add_product(gradient, rows_of(last(g[part])).t(), patches)
    return from_matrix(gradient, weight)


def transpose_backward(
    g: Tensor, x: Tensor, weight: Tensor, geometry: Geometry
) -> Tuple[Tensor, Tensor]:
    """G g M and (G g)ᵀ x, as `convolution.transpose_backward`; the patches G g serve both."""
    matrix, positions, gradient = to_matrix(weight), (x.shape[2], x.shape[3]), None
    x_grad = x.new_empty(len(x), *positions, len(weight))
    for part in parts(x, positions, matrix.shape[1]):
        patches = gather(g[part], geometry, positions)
        multiply(rows_of(x_grad[part]), patches, matrix.t())
        gradient = add_product(gradient, rows_of(last(x[part])).t(), patches)
    return x_grad.permute(0, 3, 1, 2), from_matrix(gradient, weight)


def transpose(
    x: Tensor, weight: Tensor, bias: Optional[Tensor], geometry: Geometry, size: Pair
) -> Tensor:
    """y = Gᵀ(x Mᵀ) + bias, as `convolution.transpose`, by phases where there are some."""
    positions, (height, width), (top, left) = (x.shape[2], x.shape[3]), size, geometry.padding
    start, outputs = x.new_zeros(()) if bias is None else bias, weight.shape[1]
    rows, columns, s, t = height + 2 * top, width + 2 * left, 1, 1
    phased = has_phases(geometry, positions, size)
    if phased:
        s, t = geometry.stride
        geometry = Geometry((weight.shape[2] // s, weight.shape[3] // t))
        rows, columns = geometry.size_from(*positions)
    matrix = to_matrix(weight, (s, t))
    y = x.new_empty(len(x), rows, s, columns, t, outputs)  # with the padding, cut off at the end
    for part in parts(x, positions, matrix.shape[1]):
        pixels, blocks = rows_of(last(x[part])), y[part].permute(0, 1, 3, 2, 4, 5)
        patches = multiply(x.new_empty(len(pixels), matrix.shape[1]), pixels, matrix)
        image = x.new_empty(blocks.shape) if phased else blocks
        image.copy_(start)
        scatter(patches.view(-1, *positions, matrix.shape[1]), image.flatten(3), geometry)
        if phased:
            blocks.copy_(image)
    y = y.view(len(x), rows * s, columns * t, outputs)
    return y[:, top : top + height, left : left + width].permute(0, 3, 1, 2)


def is_short(x: Tensor) -> bool:
    """Whether the numbers of x have 16 bits: half the memory, and products on faster units."""
    return x.element_size() == 2


def multiply(y: Tensor, left: Tensor, right: Tensor, bias: Optional[Tensor] = None) -> Tensor:
    """y ← left · right + bias; in-place methods, unlike others, keep their type under autocast."""
    if bias is None:
        return y.addmm_(left, right, beta=0)
    return y.copy_(bias).addmm_(left, right)


def add_product(total: Optional[Tensor], left: Tensor, right: Tensor) -> Tensor:
    """total + left · right, in place where there is a total; of 16 bits, the sum has 32."""
    if total is not None and not is_short(left):
        return total.addmm_(left, right)
    product = multiply(left.new_empty(len(left), right.shape[1]), left, right)
    product = product.float() if is_short(left) else product
    return product if total is None else total.add_(product)


def parts(images: Tensor, positions: Pair, width: int) -> Iterator[slice]:
    """Slices of a batch whose patches, rows of `width` numbers, stay in a CPU's cache."""
    numbers = CACHED if images.device.type == "cpu" else LARGEST
    step = max(1, numbers // (positions[0] * positions[1] * width))
    return (slice(start, start + step) for start in range(0, len(images), step))


def last(images: Tensor) -> Tensor:
    """(N, C, H, W) seen as (N, H, W, C)."""
    return images.permute(0, 2, 3, 1)


def rows_of(images: Tensor) -> Tensor:
    """(N, H, W, C) as a matrix with a row for each pixel: (N · H · W, C)."""
    return images.reshape(-1, images.shape[3])


def gather(image: Tensor, geometry: Geometry, positions: Pair) -> Tensor:
    """G: (N, C, H, W) to rows (N · positions, places · C), in one copy."""
    count, channels, height, width = image.shape
    (top, left), kernel = geometry.padding, geometry.kernel
    padded = image.new_zeros(count, height + 2 * top, width + 2 * left, channels)
    padded[:, top : top + height, left : left + width] = last(image)
    across, down, right, _ = padded.stride()
    steps = [one * two for one, two in zip((down, right), geometry.stride)]
    steps += [one * two for one, two in zip((down, right), geometry.dilation)]
    patches = padded.as_strided((count, *positions, *kernel, channels), (across, *steps, 1))
    return patches.reshape(-1, kernel[0] * kernel[1] * channels)


def scatter(patches: Tensor, image: Tensor, geometry: Geometry) -> None:
    """Gᵀ: add (N, rows, columns, places · C) to the pixels of a padded image (N, H, W, C)."""
    (s, t), (d, e), rows, columns = geometry.stride, geometry.dilation, *patches.shape[1:3]
    kernel = product(range(geometry.kernel[0]), range(geometry.kernel[1]))
    for (i, j), entries in zip(kernel, patches.split(image.shape[3], 3)):
        i, j = i * d, j * e
        met = image[:, i : i + s * (rows - 1) + 1 : s, j : j + t * (columns - 1) + 1 : t]
        met.add_(entries)


def to_matrix(weight: Tensor, stride: Pair = (1, 1)) -> Tensor:
    """Mᵀ: weights (O, C, kernel) to (O, places · C).

    For the phases of a stride (s, t), the weights of one phase are those s rows and t columns
    apart; the phases count as channels: (O, places / (s · t) · (s · t · C)).
    """
    outputs, channels, height, width = weight.shape
    s, t = stride
    phases = weight.reshape(outputs, channels, height // s, s, width // t, t)
    return phases.permute(0, 2, 4, 3, 5, 1).reshape(outputs, -1)


def from_matrix(matrix: Optional[Tensor], weight: Tensor) -> Tensor:
    """The inverse of `to_matrix`, and its adjoint: seen with the shape of the weights."""
    assert matrix is not None  # there is an image, so there was a part
    outputs, channels, height, width = weight.shape
    return matrix.view(outputs, height, width, channels).permute(0, 3, 1, 2)


def has_phases(geometry: Geometry, positions: Pair, size: Pair) -> bool:
    """Whether the stride divides the kernel, with no gap between taps and none beyond the last."""
    reach = geometry.size_from(*positions)
    return (
        geometry.dilation == (1, 1)
        and max(geometry.stride) > 1
        and all(k % s == 0 for k, s in zip(geometry.kernel, geometry.stride))
        and all(wanted <= most + p for wanted, most, p in zip(size, reach, geometry.padding))
    )


def smear(weight: Tensor, scale: Pair) -> Tensor:
    """Weights (O, C, kernel) after nearest upsampling as transposed ones (C, O, kernel + s - 1)."""
    outputs, channels, height, width = weight.shape
    smeared = weight.new_zeros(channels, outputs, height + scale[0] - 1, width + scale[1] - 1)
    flipped = weight.flip(2, 3).transpose(0, 1)
    for i, j in product(range(scale[0]), range(scale[1])):
        smeared[:, :, i : i + height, j : j + width].add_(flipped)
    return smeared


def unsmear(gradient: Tensor, scale: Pair, kernel: Pair) -> Tensor:
    """The adjoint of `smear`: the gradient of the weights from that of the smeared ones."""
    flipped = gradient.new_zeros(*gradient.shape[:2], *kernel)
    for i, j in product(range(scale[0]), range(scale[1])):
        flipped += gradient[:, :, i : i + kernel[0], j : j + kernel[1]]
    return flipped.transpose(0, 1).flip(2, 3)
