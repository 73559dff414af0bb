"""Large images in pieces: margins that are wide enough, no seams, and memory that is bounded."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from Miniproject_2.framework.prediction import MARGIN
from Miniproject_2.model import CHANNELS, kernels
from others.networks.prescribed import prescribed
from others.records.paths import ROOT
from tests.subjects import Subject, noisy_images


def reach(subject: Subject, network: Any) -> int:
    """How far from a pixel the network's answer depends on it: weights above 0 cancel nothing."""
    if subject.number == 1:
        network.double()
    else:
        network = type(network)(*network.modules[:-1])  # a sigmoid flattens what is left of it
    image = torch.full((1, 3, 80, 80), 0.5, dtype=torch.float64)
    furthest = 0
    with torch.no_grad():
        network(image)  # the second network takes the type of its input
        network.load_state_dict(
            {name: value.abs() + 1e-3 for name, value in network.state_dict().items()}
        )
        before = network(image)
        for place in range(40, 44):  # each place on the grid of the strides
            touched = image.clone()
            touched[:, :, place, place] = 1
            changed = (network(touched) != before)[0].any(0).nonzero()
            furthest = max(furthest, int((changed - place).abs().max()))
    return furthest


def test_margin(subject: Subject) -> None:
    """A tile's margin is wider than the network's reach, which the comment beside it states, and
    tiles lie on the strides' grid."""
    prediction = subject.part("prediction")
    stated = re.search(r"the networks reach (\d+) and (\d+)", inspect.getsource(prediction))
    found = [reach(subject, model.network) for model in (subject.untrained(), subject.shipped())]
    assert stated
    assert max(found) == int(stated[subject.number]) < prediction.MARGIN
    assert prediction.MARGIN % 4 == prediction.TILE % 4 == 0


@pytest.mark.parametrize("outer", [2, 4, 8, 12, 16])
@pytest.mark.parametrize("inner", [2, 4, 6, 10])
def test_no_kernels_see_beyond_the_margin(outer: int, inner: int) -> None:
    """Weights with kernels that would are not taken, because tiles would show in large images."""
    far = reach(Subject(2), prescribed((2, 3), inner, outer=outer))
    few, many = CHANNELS
    weights = {
        "0.weight": torch.zeros(few, 3, outer, outer),
        "2.weight": torch.zeros(many, few, inner, inner),
    }
    assert kernels(weights) == ((outer, inner) if far <= MARGIN else (0, 0))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize(("height", "width"), [(97, 75), (1, 130), (66, 71)])
def test_tiles(
    subject: Subject, ensemble: bool, height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The joined tiles are what the network gives for the whole image."""
    model, noisy = subject.rough(), noisy_images(1, height, width)[0]
    whole = model.predict(noisy, ensemble=ensemble)
    monkeypatch.setattr(subject.part("prediction"), "PIXELS", 128)
    monkeypatch.setattr(subject.part("prediction"), "TILE", 32)
    assert (model.predict(noisy, ensemble=ensemble) - whole).abs().max() < 1e-3


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 300_000), (448, 448), (449, 897), (1000, 31), (4096, 4096)]
)
def test_tiles_cover(subject: Subject, height: int, width: int) -> None:
    """The areas that are kept cover an image exactly once, each inside what is seen for it."""
    prediction, covered = subject.part("prediction"), torch.zeros(height, width, dtype=torch.uint8)
    for seen, kept in prediction.tiles(height, width):
        covered[kept] += 1
        for whole, part, size in zip(seen, kept, (height, width)):
            assert 0 <= whole.start <= part.start < part.stop <= whole.stop <= size
    assert covered.min() == covered.max() == 1


@pytest.mark.parametrize("shape", [(1, 3, 4096, 4096), (2, 3, 600, 700), (5000, 3, 32, 32)])
def test_largest_piece(subject: Subject, shape: tuple[int, ...]) -> None:
    """Of large images and of large batches a network sees at most 512x512 pixels at a time."""
    prediction, images = subject.part("prediction"), torch.zeros(shape, dtype=torch.uint8)
    sizes: list[int] = []

    def network(piece: Tensor) -> Tensor:
        sizes.append(len(piece) * piece.shape[2] * piece.shape[3])
        return piece

    prediction.denoise(network, images, images.device)
    assert max(sizes) <= prediction.PIXELS == 512 * 512


PEAK = """
import resource, sys, torch
from {package}.model import Model
piece = torch.zeros(1, 3, 512, 512)
Model().predict(piece, ensemble=False)
print(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit or is missing")
def test_memory(subject: Subject) -> None:
    """A process that denoises the largest piece takes under 2 GB: with 4096x4096 pixels under 4."""
    command = [sys.executable, "-c", PEAK.format(package=subject.package)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 2e9
    in_and_out = 4096 * 4096 * 3 * (8 + 4)  # float64 in, float32 out
    assert int(result.stdout) + in_and_out < 4e9


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("size", [(8, 513), (1100, 4), (530, 530), (512, 512)])
def test_training_on_large_images(
    subject: Subject, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training sees every pixel of a large image, but never more than 512 x 512 at once."""
    model, training = subject.untrained(), subject.part("training")
    noisy = (torch.arange(3 * size[0] * size[1]) % 251).view(1, 3, *size).float()
    seen: list[Tensor] = []
    monkeypatch.setattr(training.Trainer, "run", lambda trainer: seen.append(trainer.noisy_a))
    model.train(noisy, noisy, 1)
    (pieces,) = seen
    assert max(pieces.shape[-2:]) <= 512
    assert len(pieces) == (size[0] + 511) // 512 * ((size[1] + 511) // 512)
    places = subject.part("prediction").starts
    whole = torch.full_like(noisy, -1)
    corners = [(y, x) for y in places(size[0]) for x in places(size[1])]
    for piece, (y, x) in zip(pieces, corners):
        whole[0, :, y : y + 512, x : x + 512] = piece[:, : min(size[0], 512), : min(size[1], 512)]
    assert torch.equal(whole, noisy)
