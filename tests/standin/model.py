"""A submission in small, for the grader to be tried on; it stands in for either miniproject.

The network is a single 1x1 convolution, which draws all pixels towards grey: no good for
photographs, but it beats the noise of images that are nearly grey, and is trained in no time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import empty

if __package__:
    from .blocks import (
        MSE,
        SGD,
        Conv2d,
        Module,
        NearestUpsampling,
        ReLU,
        Sequential,
        Sigmoid,
        TransposeConv2d,
        Upsampling,
    )
else:
    from blocks import (
        MSE,
        SGD,
        Conv2d,
        Module,
        NearestUpsampling,
        ReLU,
        Sequential,
        Sigmoid,
        TransposeConv2d,
        Upsampling,
    )

__all__ = ["MSE", "SGD", "Conv2d", "Model", "Module", "NearestUpsampling", "ReLU", "Sequential"]
__all__ += ["Sigmoid", "TransposeConv2d", "Upsampling"]

Tensor = Any  # the handout does not allow the import of its name
WEIGHTS = Path(__file__).with_name("bestmodel.pth")


def check_images(images: Tensor) -> Tensor:
    """Return `images` as float if it is (N, 3, H, W) and finite; 0..255 becomes 0..1."""
    if not isinstance(images, type(empty(0))):
        raise TypeError(f"expected a tensor, got {type(images)}")
    if images.dim() != 4 or images.shape[1] != 3 or images.numel() == 0:
        raise ValueError(f"expected (N, 3, H, W), got {tuple(images.shape)}")
    if not images.isfinite().all():
        raise ValueError("expected finite values")
    return images.detach().float() / 255


class Model:
    """The course's interface."""

    def __init__(self) -> None:
        self.network = Sequential(Conv2d(3, 3, 1))

    def load_pretrained_model(self) -> None:
        """Read bestmodel.pth, a JSON list with a list of numbers for each parameter."""
        values = json.loads(WEIGHTS.read_text(encoding="utf-8"))
        for (parameter, _), numbers in zip(self.network.param(), values):
            flat = parameter.view(-1)
            for index, number in enumerate(numbers):
                flat[index] = number

    def train(self, train_input: Tensor, train_target: Tensor, num_epochs: int = 1) -> None:
        """Take a step for each batch of 16 pairs."""
        images, targets = check_images(train_input), check_images(train_target)
        if images.shape != targets.shape:
            raise ValueError(f"expected one shape, got {images.shape} and {targets.shape}")
        if type(num_epochs) is not int or num_epochs < 1:
            raise ValueError(f"expected a positive whole number of epochs, got {num_epochs!r}")
        loss, optimizer = MSE(), SGD(self.network, lr=0.01)
        for image, target in num_epochs * list(zip(images.split(16), targets.split(16))):
            optimizer.zero_grad()
            loss.forward(self.network.forward(image), target)
            self.network.backward(loss.backward())
            optimizer.step()

    def predict(self, test_input: Tensor) -> Tensor:
        """Denoise (N, 3, H, W) in 0..255."""
        output = self.network.forward(check_images(test_input))
        return output.clamp(0, 1) * 255
