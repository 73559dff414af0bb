"""The functions without parameters: ReLU, leaky ReLU, sigmoid, and the mean squared error."""

from typing import Optional

from .module import Module
from .tensor import Tensor


class ReLU(Module):
    """max(x, 0), any shape."""

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        self._y = self._leave(self._enter(x).clamp(min=0))
        return self._y

    def backward(self, *gradients: Tensor) -> Tensor:
        """dx = g where x > 0, else 0: the sign of y says which."""
        (gradient,) = gradients
        return self._check_gradient(gradient) * self._y.sign()


class LeakyReLU(Module):
    """x where x > 0, else negative_slope · x, any shape."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        self._x = self._enter(x)
        leak = self._x * self.negative_slope
        y = self._x.maximum(leak) if self.negative_slope <= 1 else self._x.minimum(leak)
        return self._leave(y)

    def backward(self, *gradients: Tensor) -> Tensor:
        """dx = g where x > 0, else negative_slope · g."""
        (gradient,) = gradients
        positive = self._x.sign().clamp_(min=0)
        slope = positive.mul_(1 - self.negative_slope).add_(self.negative_slope)
        return self._check_gradient(gradient) * slope

    def __repr__(self) -> str:
        return f"LeakyReLU(negative_slope={self.negative_slope})"


class Sigmoid(Module):
    """1 / (1 + exp(-x)), any shape; the tensor method does not overflow, whatever x is."""

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        self._y = self._leave(self._enter(x).sigmoid())
        return self._y

    def backward(self, *gradients: Tensor) -> Tensor:
        """dx = g · y (1 - y)."""
        (gradient,) = gradients
        return self._check_gradient(gradient) * self._y * (1 - self._y)


class MSE(Module):
    """The mean over all elements of (prediction - target)², as torch.nn.MSELoss."""

    def forward(self, *inputs: Tensor) -> Tensor:
        prediction, target = (self._enter(value) for value in inputs)
        if prediction.shape != target.shape:
            shapes = f"{tuple(prediction.shape)} and {tuple(target.shape)}"
            raise ValueError(f"MSE expects a prediction and a target of one shape, got {shapes}")
        self._difference = prediction - target
        return self._leave((self._difference * self._difference).mean())

    def backward(self, *gradients: Optional[Tensor]) -> Tensor:
        """dprediction = 2 (prediction - target) / number of elements [· g, where it is given]."""
        if self._output_shape is None:
            raise RuntimeError(f"{self}: backward was called before forward")
        gradient = self._difference * (2 / self._difference.numel())
        given = [one for one in gradients if one is not None]
        return gradient * self._check_gradient(given[0]) if given else gradient
