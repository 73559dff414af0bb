"""Miniproject 2: the prescribed Noise2Noise network on a framework written by hand.

Everything the course asks for can be imported from here: from `Miniproject_2.model` in the
project's folder, from `model` inside this one, and by the path of this file. Where the folders of
both miniprojects are on `sys.path`, Python finds only the first `model`; `Miniproject_1.model` and
`Miniproject_2.model` work beside it. Images are in [0, 255] here, and in [0, 1] in the network.
"""

import copy
import os
import sys
from pathlib import Path
from typing import Dict, Mapping, Optional, Tuple

from torch import arange

HERE = Path(__file__).resolve().parent

if __package__:
    from . import framework
    from .framework import checks, prediction, state, training
    from .framework.surroundings import Locks, gpu_or_cpu, in_turn, plainly, state_in_turn, wholly
    from .framework.symmetries import ROTATIONS, self_ensemble
    from .framework.tensor import Tensor
else:
    if str(HERE) not in [os.path.abspath(str(folder)) for folder in sys.path]:  # loaded by its path
        sys.path.append(str(HERE))
    import framework
    from framework import checks, prediction, state, training
    from framework.surroundings import Locks, gpu_or_cpu, in_turn, plainly, state_in_turn, wholly
    from framework.symmetries import ROTATIONS, self_ensemble
    from framework.tensor import Tensor

Module, Sequential = framework.Module, framework.Sequential
Conv2d, TransposeConv2d = framework.Conv2d, framework.TransposeConv2d
NearestUpsampling, Upsampling = framework.NearestUpsampling, framework.Upsampling
ReLU, LeakyReLU, Sigmoid = framework.ReLU, framework.LeakyReLU, framework.Sigmoid
MSE, SGD, Adam, Muon = framework.MSE, framework.SGD, framework.Adam, framework.Muon

WEIGHTS = HERE / "bestmodel.pth"
CHANNELS = 128, 256  # after the first and the second convolution
KERNELS = 4, 4  # sides of the first and last layer's kernels, and of the inner ones: quick to train
STEP = 4  # H and W are padded to a multiple of this: two strides of 2


class Model:
    """The handout's network, trained by Muon from pairs of noisy images, on a GPU if there is one.

    The kernels of a new model have the sides KERNELS; when it loads weights, its kernels become as
    large as theirs. Several threads may use one model: it serves one at a time, because its layers
    keep what their backward passes need.
    """

    def __init__(self) -> None:
        self.locks, self.device = Locks(), gpu_or_cpu()
        self.network = plainly(lambda: self._new_network(*KERNELS), self.device)
        self.pretrained = False

    def _new_network(self, outer: int, inner: int) -> framework.Sequential:
        few, many = CHANNELS
        # With this padding, exactly half of H and W come out, and twice of them.
        of_outer, of_inner = outer // 2 - 1, inner // 2 - 1
        network = Sequential(
            Conv2d(3, few, outer, stride=2, padding=of_outer),  # (N, 128, H/2, W/2)
            ReLU(),
            Conv2d(few, many, inner, stride=2, padding=of_inner),  # (N, 256, H/4, W/4)
            ReLU(),
            TransposeConv2d(many, few, inner, stride=2, padding=of_inner),  # (N, 128, H/2, W/2)
            ReLU(),
            TransposeConv2d(few, 3, outer, stride=2, padding=of_outer),  # (N, 3, H, W)
            Sigmoid(),
        )
        network.to(self.device)
        return network

    def _take(self, network: framework.Sequential, weights: Dict[str, Tensor]) -> None:
        """Let the model be as this network with these weights, even if Ctrl-C comes in between."""

        def change() -> None:
            network.load_state_dict(weights)
            if network is not self.network:
                become(self.network, network)
            self.pretrained = True

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
        weights = state.load(path)
        network = self.network
        new, old = kernels(weights), kernels(network.state_dict())
        if all(new) and all(old) and new != old:
            network = self._new_network(*new)
        self._take(network, checks.check_weights(weights, network.state_dict(), path))

    @in_turn
    def save_model(self, path: Path) -> None:
        """Write the weights to `path` as plain values; a kill leaves an old file whole.

        Raises:
            OSError: the file cannot be written.
        """
        state.save(Path(path), self.network.state_dict())

    @in_turn
    def train(
        self,
        train_input: Tensor,
        train_target: Tensor,
        num_epochs: int = 5,
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
                them; in a training of fewer than 10 steps it only rises.
            checkpoint: a file to save the state to after each epoch, and to continue from. It
                belongs to these pairs, this number of epochs and the weights at the beginning.

        Raises:
            TypeError, ValueError: for any other input, or the checkpoint of another training.
            OSError: the checkpoint cannot be written.
        """
        pairs = checks.check_pairs(train_input, train_target)
        noisy_a, noisy_b = (padded(prediction.pieces(images)) for images in pairs)
        num_epochs = checks.check_epochs(num_epochs)
        path = checks.check_checkpoint(checkpoint)
        # A copy is trained, and the network takes its weights at the end: whatever happens before,
        # this model has the old weights, in a fork of the process too.
        trained = copy.deepcopy(self.network)
        trained.to(noisy_a[:0].float().to(self.device))  # blocks may have followed another input
        training.Trainer(trained, noisy_a, noisy_b, num_epochs, self.pretrained, path).run()
        self._take(self.network, trained.state_dict())

    @in_turn
    def predict(self, test_input: Tensor, ensemble: bool = True) -> Tensor:
        """Denoise images of any size.

        Values outside [0, 255] are clipped first: of Gaussian noise that was not clipped, the
        answer is then better, by about 1 dB for a standard deviation of 50.

        Args:
            test_input: (N, 3, H, W) or (3, H, W), whole numbers or floating point, in [0, 255] but
                for noise.
            ensemble: answer with the mean over the four rotations: about 0.1 dB better.

        Returns:
            float32 of the same shape, in [0, 255], on the device of the input.

        Raises:
            TypeError, ValueError: for any other input.
        """
        images = checks.check_images(test_input)
        batch = images if images.dim() == 4 else images.unsqueeze(0)

        def apply(inputs: Tensor) -> Tensor:
            whole = padded(inputs.clamp(0, 1))
            forward = self.network.forward
            answer = self_ensemble(forward, whole, ROTATIONS) if ensemble else forward(whole)
            return answer[..., : inputs.shape[-2], : inputs.shape[-1]]

        return prediction.denoise(apply, batch, self.device).view(images.shape)


def become(network: framework.Sequential, other: framework.Sequential) -> None:
    """Give the layers of a network the sizes and values of another one's layers.

    They stay the same layers with the same tensors, so that pairs of `param()` stay theirs. A
    forward pass that still waits for its backward pass is forgotten, as it was by other kernels.
    """
    network._memory = None
    for layer, pattern in zip(network.modules, other.modules):
        layer._memory = None
        for name, value in vars(pattern).items():
            if isinstance(value, Tensor):
                getattr(layer, name).data = value.data
            else:
                setattr(layer, name, value)


def kernels(weights: Mapping[str, object]) -> Tuple[int, int]:
    """The sides of the outer and the inner kernels of a network with these weights.

    A side is 0 where there is no weight that does hold side times side numbers for each channel. So
    a network of these sides is not much larger than its weights, whatever they declare. Both are 0
    where an answer would depend on pixels beyond the margin of a tile.
    """
    few, many = CHANNELS
    outer, inner = _side(weights.get("0.weight"), few, 3), _side(weights.get("2.weight"), many, few)
    reach = outer + 2 * inner - 3  # pixels to each side that an answer depends on
    return (outer, inner) if reach <= prediction.MARGIN else (0, 0)


def _side(weight: object, outputs: int, inputs: int) -> int:
    side = weight.shape[-1] if isinstance(weight, Tensor) and weight.dim() == 4 else 0
    return 0 if side % 2 or checks.flaw(weight, (outputs, inputs, side, side)) else side


def padded(images: Tensor) -> Tensor:
    """(N, 3, H, W) with its last row and column repeated until H and W are multiples of `STEP`."""
    height, width = images.shape[-2:]
    if height % STEP == 0 and width % STEP == 0:
        return images
    rows = arange(height + -height % STEP, device=images.device).clamp(max=height - 1)
    columns = arange(width + -width % STEP, device=images.device).clamp(max=width - 1)
    return images[:, :, rows][:, :, :, columns]
