"""What one output pixel of a model depends on: its row of the Jacobian, and SmoothGrad."""

from typing import NamedTuple

import torch
from torch import Tensor

from others.analysis.jacobian.rows import effective_area, linear_part, mask
from others.analysis.panels import magnitude
from others.analysis.smooth_grad import loss_score, output_score, smooth_grad
from others.data.corruptions import LEVELS
from others.data.seeds import seeded
from others.networks.autograd import OwnPasses
from others.networks.prescribed import torch_twin
from others.networks.pretrained import differentiable


class Row(NamedTuple):
    """A row of the Jacobian, and what it leaves unexplained."""

    answer: Tensor  # f(x), (3, H, W)
    weights: Tensor  # (H, W)
    sum: float  # of the weights
    area: float  # effective area of the weights, in pixels
    own: float  # weight of the pixel itself
    rest: Tensor  # |f(x) - J(x) x|, the mean over the channels (H, W), in grey levels
    rest_size: float  # root mean square of f(x) - J(x) x, in grey levels
    answer_size: float  # the same of f(x)


def row_of(name: str, noisy: Tensor, pixel: tuple[int, int]) -> Row:
    """The row of one output pixel (row, column) at an image (1, 3, H, W).

    autograd derives a product J v from two backward passes, of which our framework has one. So the
    J(x) x of Miniproject 2 is that of the same network in torch.nn, with the same weights.
    """
    net = differentiable(name)
    weights = mask(net, noisy, pixel)
    with torch.no_grad():
        answer = net(noisy)
    twin = torch_twin(net.network) if isinstance(net, OwnPasses) else net
    rest = answer - linear_part(twin, noisy)
    sizes = [LEVELS * float(one.square().mean().sqrt()) for one in (rest, answer)]
    numbers = float(weights.sum()), effective_area(weights), float(weights[pixel])
    return Row(answer[0], weights, *numbers, LEVELS * magnitude(rest), *sizes)


def gradients_of(
    name: str, noisy: Tensor, clean: Tensor, pixel: tuple[int, int], n: int, sigma: float
) -> list[Tensor]:
    """SmoothGrad (H, W) of the output and of the loss at a pixel."""
    net, place = differentiable(name), torch.tensor(pixel)
    scores = (output_score(net, place), loss_score(net, clean, place))
    return [magnitude(smooth_grad(score, noisy, n, sigma, seeded(0))) for score in scores]
