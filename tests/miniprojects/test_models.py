"""What both models promise: the contract, noise that is not clipped, copies."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

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
