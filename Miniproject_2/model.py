"""Miniproject 2: the prescribed Noise2Noise network on a framework written by hand.

Everything the course asks for can be imported from here, as `Miniproject_2.model` from the
project's folder and as `model` from inside this one. Images are in [0, 255] here and in [0, 1]
behind it.
"""

from pathlib import Path
from typing import Optional

from torch import arange

if __package__:
    from .framework import (
        MSE,
        SGD,
        Adam,
        Conv2d,
        LeakyReLU,
        Module,
        NearestUpsampling,
        ReLU,
        Sequential,
        Sigmoid,
        TransposeConv2d,
        Upsampling,
    )
    from .framework.checks import check_checkpoint, check_epochs, check_images, check_pairs
    from .framework.prediction import denoise
    from .framework.state import load, save
    from .framework.symmetries import self_ensemble
    from .framework.tensor import Tensor
    from .framework.training import Trainer
else:
    from framework import (
        MSE,
        SGD,
        Adam,
        Conv2d,
        LeakyReLU,
        Module,
        NearestUpsampling,
        ReLU,
        Sequential,
        Sigmoid,
        TransposeConv2d,
        Upsampling,
    )
    from framework.checks import check_checkpoint, check_epochs, check_images, check_pairs
    from framework.prediction import denoise
    from framework.state import load, save
    from framework.symmetries import self_ensemble
    from framework.tensor import Tensor
    from framework.training import Trainer

__all__ = [
    "MSE",
    "SGD",
    "Adam",
    "Conv2d",
    "LeakyReLU",
    "Model",
    "Module",
    "NearestUpsampling",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "TransposeConv2d",
    "Upsampling",
]

WEIGHTS = Path(__file__).resolve().parent / "bestmodel.pth"
CHANNELS = 128, 256  # after the first and the second convolution
STEP = 4  # H and W are padded to a multiple of this: two strides of 2


class Model:
    """The handout's network, trained by SGD from pairs of noisy images only."""

    def __init__(self) -> None:
        few, many = CHANNELS
        self.network = Sequential(
            Conv2d(3, few, 4, stride=2, padding=1),  # (N, 128, H/2, W/2)
            ReLU(),
            Conv2d(few, many, 4, stride=2, padding=1),  # (N, 256, H/4, W/4)
            ReLU(),
            TransposeConv2d(many, few, 4, stride=2, padding=1),  # (N, 128, H/2, W/2)
            ReLU(),
            TransposeConv2d(few, 3, 4, stride=2, padding=1),  # (N, 3, H, W)
            Sigmoid(),
        )
        self.pretrained = False

    def load_pretrained_model(self, path: Optional[Path] = None) -> None:
        """Load weights: those beside this file, from any working directory, unless `path` is given.

        Raises:
            FileNotFoundError: no such file.
            ValueError: truncated, or not the weights of this network. The model is left as it was.
        """
        path = WEIGHTS if path is None else Path(path)
        weights = load(path)
        if not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in weights.items()):
            raise ValueError(f"{path} should hold tensors by name, got {list(weights)[:5]}")
        try:
            self.network.load_state_dict(weights)
        except ValueError as error:
            raise ValueError(f"{path} holds the weights of another network: {error}") from error
        self.pretrained = True

    def save_model(self, path: Path) -> None:
        """Write the weights to `path` as plain float32 values; a kill leaves an old file whole."""
        save(Path(path), self.network.state_dict())

    def train(
        self,
        train_input: Tensor,
        train_target: Tensor,
        num_epochs: int = 5,
        checkpoint: Optional[Path] = None,
    ) -> None:
        """Train on noisy pairs; what comes out is never worse on held-out pairs than what went in.

        Args:
            train_input: uint8 or floating, (N, 3, H, W), in [0, 255].
            train_target: the same images with other noise.
            num_epochs: passes over the pairs, at least 1; the schedule fits any number.
            checkpoint: a file to save the state to after each epoch, and to continue from.

        Raises:
            TypeError, ValueError: for any other input, before anything is changed.
            FileNotFoundError: the checkpoint's folder does not exist.
        """
        first, second = (padded(images) for images in check_pairs(train_input, train_target))
        num_epochs = check_epochs(num_epochs)
        path = check_checkpoint(checkpoint)
        Trainer(self.network, first, second, num_epochs, self.pretrained, path).run()
        self.pretrained = True

    def predict(self, test_input: Tensor, ensemble: bool = True) -> Tensor:
        """Denoise images of any size.

        Args:
            test_input: uint8 or floating, (N, 3, H, W) or (3, H, W), in [0, 255].
            ensemble: answer with the mean over the eight flips and rotations: about 0.1 dB better.

        Returns:
            float32 of the same shape, in [0, 255], on the device of the input.

        Raises:
            TypeError, ValueError: for any other input.
        """
        images = check_images(test_input)
        batch = images if images.dim() == 4 else images.unsqueeze(0)

        def apply(inputs: Tensor) -> Tensor:
            whole = padded(inputs)
            forward = self.network.forward
            answer = self_ensemble(forward, whole) if ensemble else forward(whole)
            return answer[..., : inputs.shape[-2], : inputs.shape[-1]]

        return denoise(apply, batch, batch.device).view(images.shape)


def padded(images: Tensor) -> Tensor:
    """(N, 3, H, W) with its last row and column repeated until H and W are multiples of `STEP`."""
    height, width = images.shape[-2:]
    if height % STEP == 0 and width % STEP == 0:
        return images
    rows = arange(height + -height % STEP).clamp(max=height - 1).to(images.device)
    columns = arange(width + -width % STEP).clamp(max=width - 1).to(images.device)
    return images[:, :, rows][:, :, :, columns]
