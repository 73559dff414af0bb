"""Pyramids of images: Gaussian and Laplacian, for any height and width, and their inverses.

Every level has half the rows and columns of the finer one, rounded up. Going down, each second
pixel becomes the mean over the kernel x kernel pixels around it that are inside the image; going up
is bilinear interpolation. From the coarsest level on, `joined` gives back what `split` was given,
up to rounding: the details of a level are what its coarser level lacks, however coarse that is.
"""

from torch import Tensor
from torch.nn import functional as F

KERNEL = 5  # of the mean on the way down


def down(x: Tensor, kernel: int = KERNEL) -> Tensor:
    """(N, C, H, W) to half the height and width, rounded up; the kernel is odd."""
    return F.avg_pool2d(x, kernel, 2, kernel // 2, count_include_pad=False)


def up(x: Tensor, like: Tensor) -> Tensor:
    """The coarser level x in the height and width of `like`.

    x is doubled, and where `like` has an odd height or width the last row or column is cut off.
    Interpolating to the odd size directly would shift every pixel by a fraction.
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
    """At each level the details that the next coarser one lacks, and last the coarsest image."""
    images = gaussian(x, levels, kernel)
    details = [fine - up(coarse, fine) for fine, coarse in zip(images[:-1], images[1:])]
    return [*details, images[-1]]


def split(kind: str, x: Tensor, levels: int, kernel: int = KERNEL) -> list[Tensor]:
    """The Gaussian or the Laplacian pyramid of an image, the finest level first."""
    return (gaussian if kind == "gaussian" else laplacian)(x, levels, kernel)


def joined(kind: str, coarse: Tensor, fine: Tensor, kernel: int = KERNEL) -> Tensor:
    """The image at one level, from the image at the next coarser one and this level's own entry.

    In a Laplacian pyramid the entry holds details: ↑coarse + fine. In a Gaussian pyramid the entry
    is an image, of which the details are taken: ↑coarse + (fine − ↑↓fine). So all that is coarse
    comes from the coarser level. (↑coarse + (fine − ↑coarse) would be `fine`, whatever coarse is.)
    """
    if kind == "laplacian":
        return up(coarse, fine) + fine
    return up(coarse, fine) + fine - up(down(fine, kernel), fine)


def reach_below(reach: int | None, kernel: int = KERNEL) -> int | None:
    """The reach of `down`, then something that sees `reach` coarse pixels to each side, then `up`.

    It is None, the whole image, if that something sees the whole image.

    Coarse pixel c is a mean around fine pixel 2c:

        fine     0   1   2   3   4   5   6   7   8
        coarse   0       1       2       3       4

    Followed backwards from fine pixel 4: `up` interpolates between the coarse pixels 1 and 2.
    Something with a reach of 1 sees the coarse pixels 0 to 3 from there, which are means of the
    fine pixels −1 to 7 if the kernel is 3: 5 pixels to a side. From an odd pixel it would be 4.
    The value here is an upper bound of both, 6.
    """
    if reach is None:
        return None
    coarse = reach + 1  # `up` also reads a neighbour of the coarse pixel p // 2
    uneven = 1  # an odd fine pixel p lies one beside 2 (p // 2)
    return 2 * coarse + uneven + kernel // 2
