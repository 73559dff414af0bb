"""Miniproject 1: a Noise2Noise denoiser with torch.nn, behind the course's interface.

This is the only place where images are in [0, 255]; everything behind it works in [0, 1].
"""

from pathlib import Path
from typing import Optional

import torch
from torch import Tensor

from .noise2noise.checkpoint import read_checkpoint
from .noise2noise.checks import check_checkpoint, check_epochs, check_images, check_pairs
from .noise2noise.files import write_atomically
from .noise2noise.network import ResidualUNet, padded, widths_of
from .noise2noise.prediction import denoise
from .noise2noise.symmetries import self_ensemble
from .noise2noise.training import Trainer

WEIGHTS = Path(__file__).resolve().parent / "bestmodel.pth"
WIDTHS = (32, 64)  # of a new model: 50,000 pairs take under 10 minutes on 2 cores
ROTATIONS = (0, 3, 5, 6)  # by 0, 180, 90 and 270 degrees; all eight turns would add 0.01 dB


class Model:
    """A residual U-Net that learns to denoise from pairs of noisy images, on a GPU if any.

    A new one has WIDTHS channels; with weights that are loaded it becomes as wide as they are.
    """

    def __init__(self) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = ResidualUNet(WIDTHS).to(self.device)
        self.pretrained = False

    def load_pretrained_model(self, path: Optional[Path] = None) -> None:
        """Load weights: those beside this file, from any working directory, unless `path` is given.

        Raises:
            FileNotFoundError: no such file.
            ValueError: truncated, or not the weights of this network. The model is left as it was.
        """
        path = WEIGHTS if path is None else Path(path)
        weights = read_checkpoint(path)
        network, widths = self.network, widths_of(weights)
        if len(widths) == 2 and widths != widths_of(network.state_dict()):
            network = ResidualUNet(widths).to(self.device)
        expected = {name: value.shape for name, value in network.state_dict().items()}
        found = {name: getattr(value, "shape", None) for name, value in weights.items()}
        if found != expected:
            differing = {*expected.items()} ^ {*found.items()}
            wrong = sorted({str(name) for name, _ in differing})
            raise ValueError(f"{path} holds the weights of another network: {wrong[:5]} differ")
        network.load_state_dict(weights)
        self.network, self.pretrained = network, True

    def save_model(self, path: Path) -> None:
        """Write the weights to `path`, as float32 CPU tensors; a kill leaves an old file whole."""
        weights = {name: value.cpu() for name, value in self.network.state_dict().items()}
        write_atomically(Path(path), lambda file: torch.save(weights, file))

    def train(
        self,
        train_input: Tensor,
        train_target: Tensor,
        num_epochs: int,
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
        first, second = check_pairs(train_input, train_target)
        num_epochs = check_epochs(num_epochs)
        path = check_checkpoint(checkpoint)
        Trainer(self.network, first, second, num_epochs, self.pretrained, path).run()
        self.pretrained = True

    @torch.no_grad()
    def predict(self, test_input: Tensor, ensemble: bool = True) -> Tensor:
        """Denoise images of any size.

        Args:
            test_input: uint8 or floating, (N, 3, H, W) or (3, H, W), in [0, 255].
            ensemble: answer with the mean over the four rotations: better by about 0.07 dB for
                four times the work.

        Returns:
            float32 of the same shape, in [0, 255], on the device of the input.

        Raises:
            TypeError, ValueError: for any other input.
        """
        images = check_images(test_input)
        batch = images if images.dim() == 4 else images.unsqueeze(0)

        def apply(inputs: Tensor) -> Tensor:
            whole = padded(inputs, self.network.multiple)  # before a turn moves an odd last row
            whole = whole.contiguous(memory_format=torch.channels_last)
            net = self.network
            answer = self_ensemble(net, whole, ROTATIONS) if ensemble else net(whole)
            return answer[..., : inputs.shape[-2], : inputs.shape[-1]]

        return denoise(apply, batch, self.device).view(images.shape)
