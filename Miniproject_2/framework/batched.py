"""The maps of `convolution.py`, whose names are used here, for batches: large products of matrices.

**Channels-last.** Images are (N, H, W, C) in memory. A patch is then a few long runs, so that
G (`gather`) costs little more than writing its rows, and one matrix product serves the whole
batch. Between layers images stay in this order; outside they are seen as (N, C, H, W), a view.

**Blocks.** With a stride of 2, a pixel of the input of a transposed convolution adds its patch to
4×4 pixels of the output, the next one 2 pixels further on. Here is the kernel of 4×4:

    a b | a b
    c d | c d          four blocks of 2×2 places; those with one letter meet in one pixel
    ----+----
    a b | a b
    c d | c d

The patches overlap, but places that are less than a stride apart never meet in one pixel. So Gᵀ
(`scatter`) adds a whole block of the patches of all pixels at once, in long runs: four additions
instead of 16. Output pixels with the same letter, 2 apart, are called one *phase*; they meet the
four weights with their letter and no other. An input of 2×2 pixels, 1 2 above 3 4, gives 4×4 with a
padding of 1. Each has the letter of its phase, and here the input pixels that reach it:

    d: 1      c: 1 2        d: 1 2        c: 2
    b: 1 3    a: 1 2 3 4    b: 1 2 3 4    a: 2 4
    d: 1 3    c: 1 2 3 4    d: 1 2 3 4    c: 2 4
    b: 3      a: 3 4        b: 3 4        a: 4

**Smearing.** Nearest upsampling repeats each pixel s times along each axis, and a convolution
then weighs the copies; weighing each pixel once with the sum of those weights is the same. So it
is a transposed convolution with stride s, whose weights are w, flipped and smeared by a box of
s×s. For s = 2 and 3×3 weights they are 4×4, in four blocks of 2×2: 16 products for a pixel
of the input instead of 36.
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
    matrix, y = to_matrix(weight).t(), x.new_empty(x.shape[0], *positions, weight.shape[0])
    for images, answers in parts(weight, positions, x, y):
        multiply(answers.flatten(0, 2), gather(images, geometry, positions), matrix, bias)
    return y.permute(0, 3, 1, 2)


def weight_gradient(x: Tensor, g: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """((G x)ᵀ g)ᵀ, with the arguments and the result of `convolution.weight_gradient`."""
    positions, total = (g.shape[2], g.shape[3]), zeros_for(weight)
    for images, gradients in parts(weight, positions, x, g):
        add_product(total, columns_of(gradients), gather(images, geometry, positions))
    return from_matrix(total, weight)


def transpose_backward(
    g: Tensor, x: Tensor, weight: Tensor, geometry: Geometry
) -> Tuple[Tensor, Tensor]:
    """G g M and (G g)ᵀ x, as `convolution.transpose_backward`; the patches G g serve both."""
    matrix, positions, total = to_matrix(weight).t(), (x.shape[2], x.shape[3]), zeros_for(weight)
    x_grad = x.new_empty(x.shape[0], *positions, weight.shape[0])
    for gradients, images, answers in parts(weight, positions, g, x, x_grad):
        patches = gather(gradients, geometry, positions)
        multiply(answers.flatten(0, 2), patches, matrix)
        add_product(total, columns_of(images), patches)
    return x_grad.permute(0, 3, 1, 2), from_matrix(total, weight)


def transpose(
    x: Tensor, weight: Tensor, bias: Optional[Tensor], geometry: Geometry, size: Pair
) -> Tensor:
    """y = Gᵀ(x Mᵀ) + bias, as `convolution.transpose`."""
    matrix, positions, (top, left) = to_matrix(weight), (x.shape[2], x.shape[3]), geometry.padding
    y = x.new_empty(x.shape[0], size[0] + 2 * top, size[1] + 2 * left, weight.shape[1])
    for images, answers in parts(weight, positions, x, y):
        pixels = images.permute(0, 2, 3, 1).flatten(0, 2)
        patches = multiply(x.new_empty(pixels.shape[0], matrix.shape[1]), pixels, matrix)
        answers.zero_() if bias is None else answers.copy_(bias)
        scatter(patches, answers, geometry, positions)
    return inside(y, geometry, size)


def is_short(x: Tensor) -> bool:
    """Whether the numbers of x have 16 bits: half the memory, and products on faster units."""
    return x.element_size() == 2


def multiply(y: Tensor, left: Tensor, right: Tensor, bias: Optional[Tensor] = None) -> Tensor:
    """y ← left · right + bias; in-place methods, unlike others, keep their type under autocast."""
    if bias is None:
        return y.addmm_(left, right, beta=0)
    return y.copy_(bias).addmm_(left, right)


def zeros_for(weight: Tensor) -> Tensor:
    """Zeros for the gradient of weights, as a matrix: of 32 bits where the weights have 16."""
    zeros = weight.new_zeros(weight.shape[0], weight[0].numel())
    return zeros.float() if is_short(weight) else zeros


def add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """total ← total + left · right."""
    if is_short(left):
        total.add_(multiply(left.new_empty(total.shape), left, right).float())
    else:
        total.addmm_(left, right)


def parts(weight: Tensor, positions: Pair, *batches: Tensor) -> Iterator[Tuple[Tensor, ...]]:
    """Batches cut alike, so that the patches of a part of them stay in a CPU's cache."""
    numbers = CACHED if weight.device.type == "cpu" else LARGEST
    step = numbers * weight.shape[0] // (positions[0] * positions[1] * weight.numel())
    return zip(*(batch.split(max(1, step)) for batch in batches))


def columns_of(images: Tensor) -> Tensor:
    """(N, C, H, W) as a matrix with a column for each pixel: (C, N · H · W)."""
    return images.transpose(0, 1).flatten(1)


def inside(padded: Tensor, geometry: Geometry, size: Pair) -> Tensor:
    """New padded images (N, H + 2 · top, W + 2 · left, C) without padding, seen as (N, C, H, W)."""
    (height, width), (top, left) = size, geometry.padding
    return padded[:, top : top + height, left : left + width].permute(0, 3, 1, 2)


def under_kernel(padded: Tensor, geometry: Geometry, positions: Pair) -> Tensor:
    """(N, H, W, C) seen as (N, positions, kernel, C): a pixel is in several patches at once."""
    image, row, pixel, _ = padded.stride()  # steps in memory
    (s, t), (down, across) = geometry.stride, geometry.dilation
    steps = image, s * row, t * pixel, down * row, across * pixel, 1
    shape = padded.shape[0], *positions, *geometry.kernel, padded.shape[3]
    return padded.as_strided(shape, steps)


def gather(images: Tensor, geometry: Geometry, positions: Pair) -> Tensor:
    """G: (N, C, H, W) to rows (N · positions, places · C), in one copy."""
    (count, channels, height, width), (top, left) = images.shape, geometry.padding
    padded = images.new_zeros(count, height + 2 * top, width + 2 * left, channels)
    inside(padded, geometry, (height, width)).copy_(images)
    places = geometry.kernel[0] * geometry.kernel[1]
    return under_kernel(padded, geometry, positions).reshape(-1, places * channels)


def scatter(patches: Tensor, padded: Tensor, geometry: Geometry, positions: Pair) -> None:
    """Gᵀ: add rows (N · positions, places · C) to the pixels of a padded image (N, H, W, C)."""
    met = under_kernel(padded, geometry, positions)
    entries = patches.view(met.shape)
    _, stride, _, dilation = geometry
    # The sides of a block: of dilated places, even neighbours may meet.
    sides = (s if step == 1 else 1 for s, step in zip(stride, dilation))
    down, across = (-(-k // side) for k, side in zip(geometry.kernel, sides))  # how many blocks
    for pair in zip(met.chunk(down, 3), entries.chunk(down, 3)):
        for pixels, block in zip(*(rows.chunk(across, 4) for rows in pair)):
            pixels.add_(block)


def to_matrix(weight: Tensor) -> Tensor:
    """Mᵀ: weights (O, C, kernel) to (O, places · C)."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def from_matrix(matrix: Tensor, weight: Tensor) -> Tensor:
    """The inverse of `to_matrix`, and its adjoint: seen with the shape of the weights."""
    outputs, channels, height, width = weight.shape
    return matrix.view(outputs, height, width, channels).permute(0, 3, 1, 2)


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
