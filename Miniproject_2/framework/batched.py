"""The maps of `convolution.py` for batches, as fast as torch's own.

**Channels-last.** Images are (N, H, W, C) in memory. A patch is then a few long runs, so that
G (`gather`) costs little more than writing its rows, and one matrix product serves the whole
batch. Between layers images stay in this order; outside they are seen as (N, C, H, W), a view.

**Phases.** With a stride s, pixels s apart meet the same weights. Cut the image into blocks of
s×s and call the pixels of a block channels: a kernel of m·s with the stride s has become one of
m with the stride 1, and Gᵀ (`scatter`) adds m² long runs instead of (m·s)² short ones.

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

CACHED = 2**20  # numbers in the patches of a part of a batch: 4 MiB of float32


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Optional[Tensor],
    geometry: Geometry,
    groups: int,
    positions: Pair,
) -> Tensor:
    """As `convolution.convolve`."""
    m = to_matrix(weight, groups).transpose(1, 2)
    y = x.new_empty(len(x), *positions, len(weight))
    for part in parts(x, positions, groups * m.shape[1]):
        patches = split(gather(x[part], geometry, positions), groups)
        rows = patches @ m if bias is None else bias.view(groups, 1, -1).baddbmm(patches, m)
        y[part] = join(rows, 1).view(y[part].shape)
    return y.permute(0, 3, 1, 2)


def weight_gradient(
    x: Tensor, y: Tensor, shape: Tuple[int, ...], geometry: Geometry, groups: int
) -> Tensor:
    """As `convolution.weight_gradient`."""
    positions = y.shape[2], y.shape[3]
    m_t = to_matrix(zeros(x, shape), groups)
    for part in parts(x, positions, groups * m_t.shape[2]):
        patches = split(gather(x[part], geometry, positions), groups)
        add_product(m_t, split(last(y[part]).unsqueeze(3), groups), patches)
    return from_matrix(m_t, shape)


def transpose_backward(
    gradient: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, groups: int
) -> Tuple[Tensor, Tensor]:
    """As `convolution.transpose_backward`; the patches serve both gradients."""
    m_t, positions = to_matrix(weight, groups), (x.shape[2], x.shape[3])
    x_grad = x.new_empty(len(x), *positions, len(weight))
    m_t_grad = to_matrix(zeros(x, tuple(weight.shape)), groups)
    for part in parts(x, positions, groups * m_t.shape[2]):
        patches = split(gather(gradient[part], geometry, positions), groups)
        x_grad[part] = join(patches @ m_t.transpose(1, 2), 1).view(x_grad[part].shape)
        add_product(m_t_grad, split(last(x[part]).unsqueeze(3), groups), patches)
    return x_grad.permute(0, 3, 1, 2), from_matrix(m_t_grad, tuple(weight.shape))


def transpose(
    y: Tensor, weight: Tensor, bias: Optional[Tensor], geometry: Geometry, groups: int, size: Pair
) -> Tensor:
    """As `convolution.transpose`, by phases where they apply."""
    outputs, phased = weight.shape[1] * groups, has_phases(geometry, groups, y, size)
    inner, inner_size = geometry, size
    if phased:
        weight = to_phases(weight, geometry.stride)
        bias = None if bias is None else bias.repeat(geometry.stride[0] * geometry.stride[1])
        inner = Geometry((weight.shape[2], weight.shape[3]))
        inner_size = inner.size_from(y.shape[2], y.shape[3])
    m_t, positions = to_matrix(weight, groups), (y.shape[2], y.shape[3])
    places, channels = weight.shape[2] * weight.shape[3], weight.shape[1] * groups
    x = y.new_empty(len(y), *size, outputs)
    for part in parts(y, positions, groups * m_t.shape[2]):
        patches = split(last(y[part]).unsqueeze(3), groups) @ m_t
        patches = join(patches, places).view(-1, *positions, places, channels)
        image = scatter(patches, inner, inner_size, bias)
        x[part] = from_blocks(image, geometry, size) if phased else image
    return x.permute(0, 3, 1, 2)


def is_short(x: Tensor) -> bool:
    """Whether the numbers of x have 16 bits: half the memory, and products on faster units."""
    return x.element_size() == 2


def zeros(x: Tensor, shape: Tuple[int, ...]) -> Tensor:
    """A gradient to add to: in float32 where x has 16 bits, which lose what is small."""
    start = x.new_zeros(shape)
    return start.float() if is_short(x) else start


def add_product(m_t: Tensor, y: Tensor, patches: Tensor) -> None:
    """Mᵀ + yᵀ (G x), in place."""
    if is_short(y):
        m_t += y.transpose(1, 2) @ patches
    else:
        m_t.baddbmm_(y.transpose(1, 2), patches)


def parts(images: Tensor, positions: Pair, width: int) -> Iterator[slice]:
    """Slices of a batch whose patches, rows of `width` numbers, stay in the cache."""
    patches = positions[0] * positions[1] * width
    step = max(1, CACHED // patches)
    return (slice(start, start + step) for start in range(0, len(images), step))


def last(images: Tensor) -> Tensor:
    """(N, C, H, W) seen as (N, H, W, C)."""
    return images.permute(0, 2, 3, 1)


def gather(image: Tensor, geometry: Geometry, positions: Pair) -> Tensor:
    """G: (N, C, H, W) to (N, *positions, places, C), in one copy."""
    count, channels, height, width = image.shape
    (top, left), (m, n) = geometry.padding, geometry.kernel
    padded = image.new_zeros(count, height + 2 * top, width + 2 * left, channels)
    padded[:, top : top + height, left : left + width] = last(image)
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
    start = patches.new_zeros(channels) if bias is None else bias
    padded = start.expand(count, height + 2 * top, width + 2 * left, channels).contiguous()
    for place, (i, j) in enumerate(product(range(geometry.kernel[0]), range(geometry.kernel[1]))):
        i, j = i * d, j * e
        met = padded[:, i : i + s * (rows - 1) + 1 : s, j : j + t * (columns - 1) + 1 : t]
        met += patches[:, :, :, place]
    return padded[:, top : top + height, left : left + width]


def to_matrix(weight: Tensor, groups: int) -> Tensor:
    """Mᵀ: weights (O, C / groups, kernel) to (groups, O / groups, places × C / groups)."""
    outputs, inputs, m, n = weight.shape
    by_group = weight.reshape(groups, outputs // groups, inputs, m * n)
    return by_group.transpose(2, 3).reshape(groups, outputs // groups, -1)


def from_matrix(values: Tensor, shape: Tuple[int, ...]) -> Tensor:
    """The inverse of `to_matrix`, and its adjoint: weights of `shape`."""
    places = values.view(shape[0], shape[2] * shape[3], shape[1])
    return places.transpose(1, 2).reshape(shape)


def split(rows: Tensor, groups: int) -> Tensor:
    """(..., places, C) to a matrix for each group: (groups, positions, places × C / groups)."""
    places, channels = rows.shape[-2:]
    by_group = rows.reshape(-1, places, groups, channels // groups).permute(2, 0, 1, 3)
    return by_group.reshape(groups, -1, places * channels // groups)


def join(rows: Tensor, places: int) -> Tensor:
    """The inverse of `split`: to (positions, places, C)."""
    groups, positions, _ = rows.shape
    joined = rows.view(groups, positions, places, -1).permute(1, 2, 0, 3)
    return joined.reshape(positions, places, -1)


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
