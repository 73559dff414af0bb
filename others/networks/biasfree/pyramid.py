"""Pyramids of images: Gaussian and Laplacian, for any height and width, and their inverses.

Every level has half the rows and columns of the finer one, rounded up. Going down is a mean over
kernel x kernel pixels at every second one, of those that are inside the image; going up is
bilinear. Whatever they are, what one splits the other joins exactly, up to rounding.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

KERNEL = 5  # of the mean on the way down
KINDS = ("gaussian", "laplacian")


def down(x: Tensor, kernel: int = KERNEL) -> Tensor:
    """(N, C, H, W) to half the height and width, rounded up; the kernel is odd."""
    return F.avg_pool2d(x, kernel, 2, kernel // 2, count_include_pad=False)


def up(x: Tensor, like: Tensor) -> Tensor:
    """The coarser level x in the height and width of `like`.

    An odd last row or column is cut off: stretched to the exact size, every pixel would lie at
    another place between those of x.
    """
    double = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    return double[..., : like.shape[-2], : like.shape[-1]]


def gaussian(x: Tensor, levels: int, kernel: int = KERNEL) -> list[Tensor]:
    """The image and ever coarser ones, the finest first."""
    images = [x]
    for _ in range(levels - 1):
        images.append(down(images[-1], kernel))
    return images


def laplacian(x: Tensor, levels: int, kernel: int = KERNEL) -> list[Tensor]:
    """What each level has beyond the next one, and last the coarsest image itself."""
    images = gaussian(x, levels, kernel)
    details = [fine - up(coarse, fine) for fine, coarse in zip(images[:-1], images[1:])]
    return [*details, images[-1]]


def split(kind: str, x: Tensor, levels: int, kernel: int = KERNEL) -> list[Tensor]:
    """The pyramid of that kind, the finest level first."""
    return (gaussian if kind == "gaussian" else laplacian)(x, levels, kernel)


def joined(kind: str, coarse: Tensor, fine: Tensor, kernel: int = KERNEL) -> Tensor:
    """The image of a level out of the image below it and what the pyramid has for the level.

    Laplacian: ↑coarse + fine. Gaussian: ↑coarse + (fine − ↑↓fine), so that what is coarse comes
    from the coarse level; ↑coarse + (fine − ↑coarse) would be the finest level alone.
    """
    if kind == "laplacian":
        return up(coarse, fine) + fine
    return up(coarse, fine) + fine - up(down(fine, kernel), fine)


def join(kind: str, levels: list[Tensor], kernel: int = KERNEL) -> Tensor:
    """The image that `split` has split."""
    image = levels[-1]
    for fine in levels[-2::-1]:
        image = joined(kind, image, fine, kernel)
    return image


def reach_below(reach: int, kernel: int = KERNEL) -> int:
    """Pixels seen to a side through the next coarser level, which sees `reach` of its own."""
    return 2 * (reach + 1) + 1 + kernel // 2
