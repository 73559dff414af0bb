"""The three maps of `convolution.py` for batches, as fast as torch's own.

**Channels-last.** Images are (N, H, W, C) in memory. A patch is then a few long runs, so that G (`gather`)
costs little more than writing its rows, and one matrix product serves the whole batch. Between
layers images stay in this order; outside they are seen as (N, C, H, W), a view.

**Phases.** With a stride s, pixels s apart meet the same weights. Cut the image into blocks of s×s and
call the pixels of a block channels: a kernel of m·s with the stride s has become one of m with the
stride 1, and Gᵀ (`scatter`) adds m² long runs instead of (m·s)² short ones.

**Smearing.** Nearest upsampling repeats each pixel s times along each axis, and a convolution then weighs
the copies; weighing each pixel once with the sum of those weights is the same. So it is a transposed
convolution with stride s, whose weights are w, flipped and smeared by a box of s×s. For s = 2 and 3×3
weights they are 4×4, in four phases of 2×2: 16 products for a pixel instead of 36.
"""

from itertools import product
from typing import Optional, Tuple

from .convolution import Geometry, Pair
from .tensor import Tensor


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Optional[Tensor],
    geometry: Geometry,
    groups: int,
    positions: Pair,
) -> Tuple[Tensor, Tensor]:
    """As `convolution.convolve`; the patches are (groups, N × positions, places of a group)."""
    patches = split(gather(x.permute(0, 2, 3, 1), geometry, positions), groups)
    m = to_matrix(weight, groups)
    y = patches @ m if bias is None else bias.view(groups, 1, -1).baddbmm(patches, m)
    y = join(y, (len(x), *positions, 1, len(weight))).squeeze(3)
    return y.permute(0, 3, 1, 2), patches


def transpose(
    y: Tensor, weight: Tensor, bias: Optional[Tensor], geometry: Geometry, groups: int, size: Pair
) -> Tensor:
    """As `convolution.transpose`, by phases where they apply."""
    phased = has_phases(geometry, groups, y, size)
    inner, inner_size = geometry, size
    if phased:
        weight = to_phases(weight, geometry.stride)
        bias = None if bias is None else bias.repeat(geometry.stride[0] * geometry.stride[1])
        inner = Geometry((weight.shape[2], weight.shape[3]))
        inner_size = inner.size_from(y.shape[2], y.shape[3])
    places = weight.shape[2] * weight.shape[3]
    rows = split(y.permute(0, 2, 3, 1).unsqueeze(3), groups)
    patches = rows @ to_matrix(weight, groups).transpose(1, 2)
    patches = join(patches, (len(y), *y.shape[2:], places, weight.shape[1] * groups))
    x = scatter(patches, inner, inner_size, bias)
    if phased:
        x = from_blocks(x, geometry, size)
    return x.permute(0, 3, 1, 2)


def weight_gradient(patches: Tensor, y: Tensor, shape: Tuple[int, ...]) -> Tensor:
    """As `convolution.weight_gradient`: one product over all positions of the batch."""
    rows = split(y.permute(0, 2, 3, 1).unsqueeze(3), len(patches))
    return from_matrix(patches.transpose(1, 2) @ rows, shape)


def gather(image: Tensor, geometry: Geometry, positions: Pair) -> Tensor:
    """G: (N, H, W, C) to (N, *positions, places, C), in one copy."""
    count, height, width, channels = image.shape
    (top, left), (m, n) = geometry.padding, geometry.kernel
    padded = image.new_zeros(count, height + 2 * top, width + 2 * left, channels)
    padded[:, top : top + height, left : left + width] = image
    across, down, right, _ = padded.stride()
    steps = [one * two for one, two in zip((down, right), geometry.stride)]
    steps += [one * two for one, two in zip((down, right), geometry.dilation)]
    patches = padded.as_strided((count, *positions, m, n, channels), (across, *steps, 1))
    return patches.reshape(count, *positions, m * n, channels)


def scatter(patches: Tensor, geometry: Geometry, size: Pair, bias: Optional[Tensor]) -> Tensor:
    """Gᵀ: patches of images of `size`, each entry added to its pixel, on top of the bias (C)."""
    count, rows, columns, _, channels = patches.shape
    (top, left), (height, width) = geometry.padding, size
    (s, t), (d, e) = geometry.stride, geometry.dilation
    padded = patches.new_zeros(count, height + 2 * top, width + 2 * left, channels)
    if bias is not None:
        padded += bias
    for place, (i, j) in enumerate(product(range(geometry.kernel[0]), range(geometry.kernel[1]))):
        i, j = i * d, j * e
        met = padded[:, i : i + s * (rows - 1) + 1 : s, j : j + t * (columns - 1) + 1 : t]
        met += patches[:, :, :, place]
    return padded[:, top : top + height, left : left + width]


def to_matrix(weight: Tensor, groups: int) -> Tensor:
    """M: weights (O, C / groups, kernel) to (groups, places × C / groups, O / groups)."""
    outputs, inputs, m, n = weight.shape
    by_group = weight.reshape(groups, outputs // groups, inputs, m * n)
    return by_group.permute(0, 3, 2, 1).reshape(groups, m * n * inputs, -1)


def from_matrix(values: Tensor, shape: Tuple[int, ...]) -> Tensor:
    """The inverse of `to_matrix`, and its adjoint: weights of `shape`."""
    places = values.view(len(values), shape[2] * shape[3], shape[1], -1)
    return places.permute(0, 3, 2, 1).reshape(shape)


def split(rows: Tensor, groups: int) -> Tensor:
    """(..., places, C) to a matrix for each group: (groups, positions, places × C / groups)."""
    places, channels = rows.shape[-2:]
    by_group = rows.reshape(-1, places, groups, channels // groups).permute(2, 0, 1, 3)
    return by_group.reshape(groups, -1, places * channels // groups)


def join(rows: Tensor, shape: Tuple[int, ...]) -> Tensor:
    """The inverse of `split`: back to `shape` = (..., places, C)."""
    groups, positions, _ = rows.shape
    return rows.view(groups, positions, shape[-2], -1).permute(1, 2, 0, 3).reshape(shape)


def has_phases(geometry: Geometry, groups: int, y: Tensor, size: Pair) -> bool:
    """Whether the stride divides the kernel, with no gap between taps and none beyond the last."""
    reach = geometry.size_from(y.shape[2], y.shape[3])
    return (
        groups == 1
        and geometry.dilation == (1, 1)
        and max(geometry.stride) > 1
        and all(k % s == 0 for k, s in zip(geometry.kernel, geometry.stride))
        and all(wanted <= most + p for wanted, most, p in zip(size, reach, geometry.padding))
    )


def to_phases(weight: Tensor, stride: Pair) -> Tensor:
    """Weights (O, C, s·m × t·n) with a stride (s, t) as weights (O, s × t × C, m × n) on blocks."""
    outputs, channels, height, width = weight.shape
    (s, t), (m, n) = stride, (height // stride[0], width // stride[1])
    phases = weight.reshape(outputs, channels, m, s, n, t).permute(0, 3, 5, 1, 2, 4)
    return phases.reshape(outputs, s * t * channels, m, n)


def from_blocks(blocks: Tensor, geometry: Geometry, size: Pair) -> Tensor:
    """(N, rows, columns, s × t × C) to images of `size`: blocks laid out, the padding cut off."""
    count, rows, columns, channels = blocks.shape
    (s, t), (top, left) = geometry.stride, geometry.padding
    laid_out = blocks.view(count, rows, columns, s, t, -1).permute(0, 1, 3, 2, 4, 5)
    image = laid_out.reshape(count, rows * s, columns * t, channels // (s * t))
    return image[:, top : top + size[0], left : left + size[1]]


def smear(weight: Tensor, scale: Pair) -> Tensor:
    """Weights (O, C, kernel) after nearest upsampling as transposed ones (C, O, kernel + s - 1)."""
    outputs, channels, height, width = weight.shape
    smeared = weight.new_zeros(channels, outputs, height + scale[0] - 1, width + scale[1] - 1)
    flipped = weight.flip(2, 3).transpose(0, 1)
    for i, j in product(range(scale[0]), range(scale[1])):
        smeared[:, :, i : i + height, j : j + width] += flipped
    return smeared


def unsmear(gradient: Tensor, scale: Pair, kernel: Pair) -> Tensor:
    """The adjoint of `smear`: the gradient of the weights from that of the smeared ones."""
    flipped = gradient.new_zeros(*gradient.shape[:2], *kernel)
    for i, j in product(range(scale[0]), range(scale[1])):
        flipped += gradient[:, :, i : i + kernel[0], j : j + kernel[1]]
    return flipped.transpose(0, 1).flip(2, 3)
