"""Any model of the project by its name, with its trained weights.

    net = load_network("biasfree_12")          # a torch.nn.Module for float images in [0, 1]
    denoiser = load_denoiser("miniproject_2")  # any model: uint8 or float images, answered in kind

`model_names` lists what there is. Weights lie in others/pretrained, as NAME.pth for a network of
`others.networks.catalogue` and as biasfree/NAME.pth for a bias-free model. Beside the latter lies
NAME.json, the configuration that the model was trained with, from which its network is built.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor, nn

import Miniproject_1.model as miniproject_1
import Miniproject_2.model as miniproject_2
from Miniproject_1.noise2noise.network import padded
from Miniproject_1.noise2noise.prediction import MARGIN
from Miniproject_1.noise2noise.surroundings import gpu_or_cpu
from Miniproject_1.noise2noise.symmetries import self_ensemble
from others.networks.autograd import OwnPasses
from others.networks.biasfree.networks import described_network
from others.networks.catalogue import NETS, make_network
from others.networks.receptive_field import Field, field_of
from others.records.checkpoints import CONFIG, LAST
from others.records.paths import PRETRAINED
from others.records.weights import load_weights

# The modules of both submissions, with the class Model and the path WEIGHTS of each.
SUBMITTED: dict[str, Any] = {"miniproject_1": miniproject_1, "miniproject_2": miniproject_2}
SUBMITTED_FIELD = Field(MARGIN, 4)  # of both miniprojects, as their own code says


def bias_free_file(name: str) -> Path:
    """Where the weights of a bias-free model are, or would be if there were one of that name."""
    return PRETRAINED / "biasfree" / f"{name}.pth"


def weights_file(name: str) -> Path:
    """Where the weights of a model are, or would be if there were any."""
    if name in SUBMITTED:
        return SUBMITTED[name].WEIGHTS
    return bias_free_file(name) if is_described(name) else PRETRAINED / f"{name}.pth"


def model_names() -> list[str]:
    """Every model that there are weights for: both miniprojects, then the networks by name."""
    files = [*PRETRAINED.glob("*.pth"), *PRETRAINED.glob("biasfree/*.pth")]
    names = sorted(path.stem for path in files)
    return [*SUBMITTED, *(name for name in names if name in NETS or is_described(name))]


def is_described(name: str) -> bool:
    """Whether there is a bias-free model of that name, with its configuration."""
    return bias_free_file(name).with_suffix(".json").is_file()


def load_network(name: str, weights: Path | None = None) -> nn.Module:
    """A network on the CPU and in evaluation mode: float (N, 3, H, W) in [0, 1], not clipped.

    Its weights have the memory format channels-last, in which convolutions are faster on a CPU
    (others/results/bench says how much). The answers differ from those of the usual format by
    rounding, at most 2e-6.

    Args:
        name: "miniproject_1", a network of `others.networks.catalogue`, or a bias-free model.
        weights: plain weights, or the best.pth or last.pth of an experiment, in the place of those
            that come with the project.

    Raises:
        ValueError: an unknown name, a damaged file, or the weights of another network.
        FileNotFoundError: no weights.
    """
    if name == "miniproject_1":
        model = miniproject_1.Model()
        model.load_pretrained_model(weights)
        net = model.network.cpu()
    elif name in SUBMITTED:
        raise ValueError(f"{name} is no network of torch.nn; expected another one")
    else:
        path = weights_file(name)
        if is_described(name):
            net = described_network(path.with_suffix(".json"), "pipeline", "model")
        elif name in NETS:
            net = make_network(name)
        else:
            known = dict.fromkeys([*model_names(), *NETS])
            raise ValueError(f"no model {name!r}; there is {', '.join(known)}")
        load_weights(net, path if weights is None else Path(weights))
    return net.to(memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]


def load_trained(folder: Path) -> nn.Module:
    """The network that a training of a bias-free model has left in its folder, as `load_network`.

    Its weights are the last ones, averaged if the configuration says so.

    Raises:
        FileNotFoundError: no training in the folder.
        ValueError: a damaged file, or the training of another kind of network.
    """
    net = described_network(Path(folder) / CONFIG, "net")
    load_weights(net, Path(folder) / LAST)
    return net.to(memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]


@dataclass(frozen=True)
class Denoiser:
    """A model that is ready to be used; call it with images."""

    apply: Callable[[Tensor], Tensor]  # float (N, 3, H, W) in [0, 1] to the same; not clipped
    seen: Field  # how much of an image an answer depends on
    device: torch.device  # where the model is, and what `apply` takes

    def __call__(self, images: Tensor) -> Tensor:
        """The denoised images, of the type and on the device of `images`.

        Args:
            images: (N, 3, H, W), uint8 in 0 to 255 or floating point in [0, 1]. Noise may lead
                floating point out of that range.

        Returns:
            uint8 images are rounded and clipped; floating-point ones are not clipped.

        Raises:
            ValueError: images of another shape or type.
        """
        whole = images.dtype == torch.uint8
        if images.dim() != 4 or images.shape[1] != 3 or not (whole or images.is_floating_point()):
            found = f"{images.dtype} of shape {tuple(images.shape)}"
            raise ValueError(f"images are {found}; expected uint8 or floating point (N, 3, H, W)")
        with torch.no_grad():
            x = images.to(self.device, torch.float32)
            y = self.apply(x / 255 if whole else x)
        return ((y.clamp(0, 1) * 255).round() if whole else y).to(images)


def differentiable(name: str) -> nn.Module:
    """A pretrained network that autograd can derive, Miniproject 2's included.

    Where Miniproject 2 is asked for, autograd calls the network's own backward passes. Each call
    gives a new module, because the blocks of Miniproject 2 serve one pass at a time.
    """
    if name != "miniproject_2":
        return load_network(name)
    model = miniproject_2.Model()
    model.load_pretrained_model()
    return OwnPasses(model.network)


def load_denoiser(name: str, weights: Path | None = None, ensemble: bool = False) -> Denoiser:
    """A pretrained model, on a GPU if there is one.

    Args:
        name: "miniproject_1", "miniproject_2", a network of `others.networks.catalogue`, or a
            bias-free model.
        weights: as for `load_network`; for a miniproject a file that its `save_model` has written.
        ensemble: answer with the mean over the eight flips and turns, for eight times the work.

    Raises:
        ValueError: an unknown name, a damaged file, or the weights of another network.
        FileNotFoundError: no weights.
    """
    device = gpu_or_cpu()
    if name in SUBMITTED:
        model = SUBMITTED[name].Model()
        model.load_pretrained_model(weights)
        return Denoiser(partial(_predicted, model, ensemble), SUBMITTED_FIELD, device)
    net = load_network(name, weights)
    seen = field_of(net)
    if device.type == "cuda":  # channels-last was for the CPU
        net = net.to(device, memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    return Denoiser(partial(_answered, net, seen.step, ensemble), seen, device)


def _predicted(model: Any, ensemble: bool, x: Tensor) -> Tensor:
    """The answer of a miniproject, which takes and gives values in 0 to 255, in [0, 1]."""
    return model.predict(255 * x, ensemble=ensemble) / 255


def _answered(net: nn.Module, step: int, ensemble: bool, x: Tensor) -> Tensor:
    """The answer of a network, or the mean of its answers to the eight flips and turns of x.

    An image is padded to multiples of `step` before it is turned. If the network padded it, the
    extra row would lie on another side of the image for each turn.
    """
    if not ensemble:
        return net(x)
    return self_ensemble(net, padded(x, step))[..., : x.shape[-2], : x.shape[-1]]
