"""Miniproject 1: a Noise2Noise denoiser with torch.nn, behind the course's interface.

`Model` can be imported from `Miniproject_1.model` in the project's folder, from `model` inside this
one, and by the path of this file. Where the folders of both miniprojects are on `sys.path`, Python
finds only the first `model`; `Miniproject_1.model` and `Miniproject_2.model` work beside it.

Images are in [0, 255] here, and in [0, 1] in the network.
"""

import copy
import os
import sys
from pathlib import Path
from typing import Dict, Optional, Sequence

import torch
from torch import Tensor

HERE = Path(__file__).resolve().parent

if __package__:
    from .noise2noise import checks, files, network, prediction, training
    from .noise2noise.checkpoint import read_checkpoint
    from .noise2noise.surroundings import Locks, gpu_or_cpu, in_turn, plainly, state_in_turn, wholly
    from .noise2noise.symmetries import ROTATIONS, self_ensemble
else:
    if str(HERE) not in [os.path.abspath(str(folder)) for folder in sys.path]:  # loaded by its path
        sys.path.append(str(HERE))
    from noise2noise import checks, files, network, prediction, training
    from noise2noise.checkpoint import read_checkpoint
    from noise2noise.surroundings import Locks, gpu_or_cpu, in_turn, plainly, state_in_turn, wholly
    from noise2noise.symmetries import ROTATIONS, self_ensemble

WEIGHTS = HERE / "bestmodel.pth"
WIDTHS = (32, 64)  # of a new model: 50,000 pairs take under 10 minutes on 2 cores


class Model:
    """A residual U-Net that learns to denoise from pairs of noisy images, on a GPU if there is one.

    A new model has WIDTHS channels; when it loads weights, it becomes as wide as they are. Several
    threads may use one model: it serves one at a time.
    """

    def __init__(self) -> None:
        self.locks, self.device = Locks(), gpu_or_cpu()
        self.network = plainly(lambda: self._new_network(WIDTHS), self.device)
        self.pretrained = False

    def _new_network(self, widths: Sequence[int]) -> network.ResidualUNet:
        return network.ResidualUNet(widths).to(self.device, torch.float32)

    def _take(self, own: network.ResidualUNet, weights: Dict[str, Tensor]) -> None:
        """Let the model have this network with these weights, even if Ctrl-C comes in between."""

        def change() -> None:
            own.load_state_dict(weights)
            self.network, self.pretrained = own, True

        wholly(change)

    __getstate__ = state_in_turn

    @in_turn
    def load_pretrained_model(self, path: Optional[Path] = None) -> None:
        """Load weights: those beside this file, from any working directory, unless `path` is given.

        Raises:
            OSError: no such file, or none that may be read.
            ValueError: the file is damaged, or holds anything but finite weights of this network.
                The model is left as it was.
        """
        path = WEIGHTS if path is None else Path(path)
        weights = read_checkpoint(path)
        own, widths = self.network, network.widths_of(weights)
        if len(widths) == 2 and widths != network.widths_of(own.state_dict()):
            own = self._new_network(widths)
        weights = checks.check_weights(weights, own.state_dict(), path)
        self._take(own, weights)

    @in_turn
    def save_model(self, path: Path) -> None:
        """Write the weights to `path`, as float32 CPU tensors; a kill leaves an old file whole.

        Raises:
            OSError: the file cannot be written.
        """
        state = self.network.state_dict()
        weights = {name: value.cpu().contiguous() for name, value in state.items()}
        files.write_atomically(Path(path), lambda file: torch.save(weights, file))

    @in_turn
    def train(
        self,
        train_input: Tensor,
        train_target: Tensor,
        num_epochs: int,
        checkpoint: Optional[Path] = None,
    ) -> None:
        """Train on noisy pairs; what comes out is never worse on held-out pairs than what went in.

        Of fewer than 5,000 pairs none are held out, and all of them decide which is better.
        Whatever interrupts it, Ctrl-C for example, leaves the weights that it began with. SIGTERM
        ends the process instead, unless the program handles it by an exception, as others/ does.

        Args:
            train_input: (N, 3, H, W), whole numbers or floating point, in [0, 255] but for noise.
                Images with a side of more than 512 pixels are trained on in pieces.
            train_target: the same images with other noise.
            num_epochs: passes over the pairs, at least 1. The learning rate rises and falls within
                them; in a training of fewer than 100 steps it only rises.
            checkpoint: a file to save the state to after each epoch, and to continue from. It
                belongs to these pairs, this number of epochs and the weights at the beginning.

        Raises:
            TypeError, ValueError: for any other input, or the checkpoint of another training.
            OSError: the checkpoint cannot be written.
        """
        pairs = checks.check_pairs(train_input, train_target)
        noisy_a, noisy_b = (prediction.pieces(images) for images in pairs)
        num_epochs = checks.check_epochs(num_epochs)
        path = checks.check_checkpoint(checkpoint)
        # A copy is trained, and the network takes its weights at the end: whatever happens before,
        # this model has the old weights, in a fork of the process too.
        trained = copy.deepcopy(self.network)
        training.Trainer(trained, noisy_a, noisy_b, num_epochs, self.pretrained, path).run()
        self._take(self.network, trained.state_dict())

    @in_turn
    @torch.no_grad()
    def predict(self, test_input: Tensor, ensemble: bool = True) -> Tensor:
        """Denoise images of any size.

        Values outside [0, 255] are clipped first: of Gaussian noise that was not clipped, the
        answer is then better by 1 to 2 dB for a standard deviation from 25 to 50.

        Args:
            test_input: (N, 3, H, W) or (3, H, W), whole numbers or floating point, in [0, 255] but
                for noise.
            ensemble: answer with the mean over the four rotations: better by about 0.08 dB for
                four times the work.

        Returns:
            float32 of the same shape, in [0, 255], on the device of the input.

        Raises:
            TypeError, ValueError: for any other input.
        """
        images = checks.check_images(test_input)
        batch = images if images.dim() == 4 else images.unsqueeze(0)

        def apply(inputs: Tensor) -> Tensor:
            net = self.network
            # Padded here, because the network would pad another side of an image that is turned.
            whole = network.padded(inputs.clamp(0, 1), net.multiple)
            whole = whole.contiguous(memory_format=torch.channels_last)
            answer = self_ensemble(net, whole, ROTATIONS) if ensemble else net(whole)
            return answer[..., : inputs.shape[-2], : inputs.shape[-1]]

        return prediction.denoise(apply, batch, self.device).view(images.shape)
