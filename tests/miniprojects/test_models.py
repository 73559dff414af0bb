"""What both models promise: the contract, noise that is not clipped, tiles, copies."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from others.data.generated import noisy_and_clean
from others.engine.metrics import psnr_per_image
from others.records.paths import ROOT
from tests.subjects import Subject, loss, noisy_images, same_bits, weights_of

SHARED = (
    "checks",
    "files",
    "memory",
    "prediction",
    "progress",
    "surroundings",
    "symmetries",
    "tensor",
)


@pytest.mark.parametrize("name", SHARED)
def test_shared_files(name: str) -> None:
    """What both miniprojects need, neither importing the other, is in both the same bytes."""
    paths = [ROOT / Subject(number).package / Subject(number).parts for number in (1, 2)]
    first, second = [(path / f"{name}.py").read_bytes() for path in paths]
    assert first == second


# The contract


def test_signatures(subject: Subject) -> None:
    """Model() takes nothing, predict takes images, train two sets and a number of epochs."""
    model = subject.untrained()
    assert not inspect.signature(type(model)).parameters
    inspect.signature(model.load_pretrained_model).bind()
    inspect.signature(model.predict).bind("test_input")
    inspect.signature(model.train).bind("train_input", "train_target", 1)
    inspect.signature(model.train).bind("train_input", "train_target", num_epochs=1)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (31, 33), (32, 32)])
@pytest.mark.parametrize("count", [1, 3])
def test_any_size(subject: Subject, count: int, height: int, width: int) -> None:
    """Any size and any batch give float32 of the same shape in [0, 255], without a graph."""
    noisy = noisy_images(count, height, width)[0]
    output = subject.rough().predict(noisy)
    assert output.dtype == torch.float32
    assert output.shape == noisy.shape
    assert output.device == noisy.device
    assert 0 <= output.min() <= output.max() <= 255
    assert not output.requires_grad


def test_range(subject: Subject) -> None:
    """Noise of black and white, which drives a network furthest, is answered in [0, 255]."""
    extreme = 255 * torch.randint(2, (4, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    output = subject.rough().predict(extreme.float())
    assert 0 <= output.min() <= output.max() <= 255


@pytest.mark.parametrize("ensemble", [False, True])
def test_input_types(subject: Subject, ensemble: bool) -> None:
    """The same values as uint8, float32 and float64 give the same answer and are not changed."""
    model, noisy = subject.rough(), noisy_images(3, 9, 14)[0]
    expected = model.predict(noisy.clone(), ensemble=ensemble)
    for dtype in (torch.uint8, torch.float32, torch.float64):
        images = noisy.to(dtype, copy=True)
        assert torch.equal(model.predict(images, ensemble=ensemble), expected)
        assert torch.equal(images, noisy.to(dtype))


@pytest.mark.parametrize("sigma", [25, 50, 1e30])
def test_noise_that_is_not_clipped(subject: Subject, sigma: float) -> None:
    """Finite values outside [0, 255] are data: the answer is finite and in [0, 255], and `train`
    takes them."""
    model, (_, _, clean) = subject.rough(), noisy_images(20)
    generator = torch.Generator().manual_seed(0)
    noisy_a, noisy_b = (
        clean + sigma * torch.randn(clean.shape, generator=generator) for _ in range(2)
    )
    assert noisy_a.min() < -20
    assert noisy_a.max() > 275
    for image in (noisy_a, noisy_b):
        answer = model.predict(image)
        assert 0 <= answer.min() <= answer.max() <= 255
    before = loss(model, noisy_a, noisy_b)
    model.train(noisy_a, noisy_b, 1)
    assert all(value.isfinite().all() for value in weights_of(model).values())
    assert loss(model, noisy_a, noisy_b) <= before


def test_clipping(subject: Subject) -> None:
    """Unclipped noise is answered as if it were clipped, which scores better."""
    model, generator = subject.shipped(), torch.Generator().manual_seed(0)
    clean = noisy_and_clean(30, generator)[1].float()
    noisy = clean + 50 * torch.randn(clean.shape, generator=generator)
    clipped = model.predict(noisy.clamp(0, 255), ensemble=False)
    assert torch.equal(model.predict(noisy, ensemble=False), clipped)


def test_single_image(subject: Subject) -> None:
    """An image (3, H, W) is answered as a batch of one, without the batch."""
    model, noisy = subject.rough(), noisy_images(1, 13, 10)[0]
    output = model.predict(noisy[0])
    assert output.shape == noisy[0].shape
    assert torch.equal(output, model.predict(noisy)[0])


def test_views(subject: Subject) -> None:
    """Transposed, strided and repeated views are answered as their copies are."""
    model, noisy = subject.rough(), noisy_images(3, 12, 18)[0]
    for view in (noisy.transpose(2, 3), noisy[:, :, ::2, 1::2], noisy[:1].expand(3, -1, -1, -1)):
        assert not view.is_contiguous()
        difference = model.predict(view) - model.predict(view.contiguous())
        assert difference.abs().max() < 1e-4


@pytest.mark.parametrize("enabled", [False, True])
def test_gradients(subject: Subject, enabled: bool) -> None:
    """Images that require gradients are answered without a graph, autograd on or off."""
    model, noisy = subject.rough(), noisy_images(2)[0]
    with torch.set_grad_enabled(enabled):
        images = noisy.float().requires_grad_()
        output = model.predict(images)
        assert torch.is_grad_enabled() is enabled
    assert not output.requires_grad
    assert images.grad is None
    assert torch.equal(output, model.predict(noisy))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("count", [9, 11])  # chunks of 4, 4 and 1, and of 4, 4 and 3
def test_chunks(
    subject: Subject, count: int, ensemble: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that goes through the network in chunks is answered as its images one by one."""
    model, noisy = subject.rough(), noisy_images(count, 11, 14)[0]
    monkeypatch.setattr(subject.part("prediction"), "CHUNK", 4 * 11 * 14)
    together = model.predict(noisy, ensemble=ensemble)
    alone = torch.cat([model.predict(image, ensemble=ensemble) for image in noisy.split(1)])
    assert (together - alone).abs().max() < 1e-4


def test_shipped_weights(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights beside the model are found from any folder, and gain more than 2 dB."""
    monkeypatch.chdir(tmp_path)
    noisy, clean = noisy_and_clean(30, torch.Generator().manual_seed(0))
    denoised = subject.shipped().predict(noisy)
    before, after = (psnr_per_image(images / 255, clean / 255) for images in (noisy, denoised))
    assert after > before + 2


@pytest.mark.parametrize("count", [40, 5000])  # of which 0 and 100 pairs are held out
def test_fine_tuning(subject: Subject, count: int) -> None:
    """An epoch from the shipped weights does not raise the loss on the pairs it is judged by."""
    model, (first, second, _) = subject.shipped(), noisy_images(count, 4, 4)
    judged = slice(count - 100 if count == 5000 else 0, count)
    before = loss(model, first[judged], second[judged])
    model.train(first, second, 1)
    assert loss(model, first[judged], second[judged]) <= 1.001 * before


# Tiles


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


# Copies


def by_pickle(model: Any) -> Any:
    """A copy by way of a pickle."""
    return pickle.loads(pickle.dumps(model))


def by_torch(model: Any) -> Any:
    """A copy by way of torch.save, as someone makes it who trusts the file."""
    stream = io.BytesIO()
    torch.save(model, stream)
    stream.seek(0)
    old = torch.__version__.startswith("1.")
    return torch.load(stream) if old else torch.load(stream, weights_only=False)


@pytest.mark.usefixtures("narrow")
def test_copies_of_a_kind(subject: Subject) -> None:
    """A copy of a class derived from a model is of this class, with whatever it was given."""
    derived = type("Derived", (type(subject.untrained()),), {})
    model = derived()
    model.title = "mine"
    copied = copy.deepcopy(model)
    assert (type(copied), copied.title) == (derived, "mine")
    assert same_bits(weights_of(copied), weights_of(model))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, by_pickle, by_torch])
def test_copies(subject: Subject, duplicate: Callable[[Any], Any]) -> None:
    """A model is copied and pickled before its first use and after: the copy answers the same."""
    model, (noisy_a, noisy_b, _) = subject.rough(), noisy_images(20)
    unused = duplicate(model)
    answer = model.predict(noisy_a)
    assert torch.equal(unused.predict(noisy_a), answer)
    model.train(noisy_a, noisy_b, 1)
    copied = duplicate(model)
    assert copied.pretrained
    assert torch.equal(copied.predict(noisy_a), model.predict(noisy_a))


@pytest.mark.usefixtures("narrow")
def test_a_copy_is_independent(subject: Subject) -> None:
    """A deep copy that is trained leaves the original as it was."""
    model, (noisy_a, noisy_b, _) = subject.rough(), noisy_images(20)
    before = weights_of(model)
    copied = copy.deepcopy(model)
    copied.train(noisy_a, noisy_b, 1)
    assert same_bits(weights_of(model), before)
    assert not same_bits(weights_of(copied), before)
