"""The functions without parameters: ReLU, leaky ReLU, sigmoid, and the mean squared error.

At 0, ±infinity and NaN, and for empty tensors, they give what torch gives, forward and backward.
As everywhere here, g is ∂L/∂y, the gradient of the loss L with respect to the output y.
"""

from typing import Tuple

from torch import empty

from .module import Module
from .tensor import Tensor

# Types of whole numbers by their size in bytes: to read the bits of floating point numbers.
BITS = {2: empty(0).short().dtype, 4: empty(0).int().dtype, 8: empty(0).long().dtype}


class ReLU(Module):
    """max(x, 0), any shape."""

    def _forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        y = x.clamp(min=0)
        return y, y

    def _backward(self, g: Tensor, y: Tensor) -> Tensor:
        """∂L/∂x = g where x > 0, else 0: y says which.

        In floating point, 0 · infinity is not 0. So the *bits* of g, read as whole numbers, are
        multiplied by 0 or 1: by 0 where those of y, without the sign, are all 0. A comparison and
        a choice would be simpler, and on a CPU several times slower.
        """
        bits, size = BITS[y.element_size()], y.element_size()
        positive = y.view(bits).bitwise_and(2 ** (8 * size - 1) - 1).ne_(0)
        return positive.mul_(g.view(bits)).view(g.dtype)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope · x, any shape."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def _forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        return x.clamp(min=0).add_(x.clamp(max=0), alpha=self.negative_slope), x

    def _backward(self, g: Tensor, x: Tensor) -> Tensor:
        """∂L/∂x = g where x > 0, else negative_slope · g."""
        positive = x.clone().gt_(0)
        return positive.add_(1 - positive, alpha=self.negative_slope).mul_(g)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), any shape; the tensor method does not overflow, whatever x is."""

    def _forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        y = x.sigmoid()
        return y, y

    def _backward(self, g: Tensor, y: Tensor) -> Tensor:
        """∂L/∂x = g · y (1 - y)."""
        return (1 - y).mul_(y).mul_(g)


class MSE(Module):
    """The mean over all elements of (prediction - target)², as torch.nn.MSELoss.

    `backward` needs no gradient: g is 1 where this number is itself the loss L.
    """

    inputs = 2

    def _forward(self, prediction: Tensor, target: Tensor) -> Tuple[Tensor, ...]:
        if prediction.shape != target.shape:
            shapes = f"{tuple(prediction.shape)} and {tuple(target.shape)}"
            raise ValueError(f"MSE expects a prediction and a target of one shape, got {shapes}")
        difference = prediction - target
        return (difference * difference).mean(), difference

    def _backward(self, g: Tensor, difference: Tensor) -> Tensor:
        """∂L/∂prediction = 2 (prediction - target) / number of elements · g."""
        return (difference * (2 / max(1, difference.numel()))).mul_(g)
