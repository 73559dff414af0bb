"""A GPU is used where there is one; what can be said without one is said with stand-ins for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.subjects import Subject, Weights, noisy_images, same_bits, weights_of

pytestmark = pytest.mark.usefixtures("narrow")


def no_gpu(tensor: Tensor) -> Tensor:
    """What torch answers where it knows no GPU."""
    raise AssertionError("Torch not compiled with CUDA enabled")


def no_driver(tensor: Tensor) -> Tensor:
    """What torch answers where it knows GPUs and the machine has none, or none that is free."""
    raise RuntimeError("Found no NVIDIA driver on your system")


@pytest.mark.parametrize("answer", [no_gpu, no_driver])
def test_without_a_gpu(
    subject: Subject, answer: Callable[[Tensor], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tensor that refuses to move to a GPU means that the model computes on the CPU."""
    monkeypatch.setattr(Tensor, "cuda", answer)
    model = subject.untrained()
    assert model.device.type == "cpu"
    assert model.predict(noisy_images(1)[0]).device.type == "cpu"


def test_the_gpu_is_used(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a tensor can be moved to a GPU, the model's network is asked to move there too.

    torch's device "meta", whose tensors have no values, stands in for the GPU.
    """
    asked: list[str] = []
    module = torch.nn.Module if subject.number == 1 else subject.part("module").Module

    def to(network: Any, device: torch.device, *dtype: torch.dtype) -> Any:
        asked.append(device.type)
        return network

    monkeypatch.setattr(Tensor, "cuda", lambda tensor: tensor.to("meta"))
    monkeypatch.setattr(module, "to", to)
    assert subject.untrained().device.type == "meta"
    assert asked == ["meta"]


def test_a_step_on_another_device() -> None:
    """Miniproject 2 takes training steps where its network is, on pairs that come from the CPU.

    Tensors of two devices in one operation are an error, on torch's "meta" as on a GPU.
    """
    network = Subject(2).untrained().network
    for module in network.modules:
        for name, value in vars(module).items():
            if isinstance(value, Tensor):  # torch cannot move a tensor to "meta" in place
                setattr(module, name, value.to("meta"))
    trainer = Subject(2).part("training").Trainer(network, *noisy_images(20, 8, 8)[:2], 1)
    for step, batch in enumerate(trainer.batches()):
        assert trainer.step(step, batch).device.type == "meta"
    kept: list[Weights] = [trainer.average, trainer.before]
    assert {value.device.type for weights in kept for value in weights.values()} == {"meta"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_on_a_gpu(subject: Subject, tmp_path: Path) -> None:
    """On a GPU, answers come back where the images were, pairs of either device train, and a state
    and weights that were saved are read on any machine."""
    noisy_a, noisy_b, _ = noisy_images(60)
    model = subject.rough()
    assert model.device.type == "cuda"
    assert model.predict(noisy_a).device.type == "cpu"
    assert model.predict(noisy_a.cuda()).device.type == "cuda"
    before = weights_of(model)
    for count, pair in enumerate(((noisy_a, noisy_b), (noisy_a.cuda(), noisy_b.cuda()))):
        model.train(*pair, 2, checkpoint=tmp_path / f"{count}.pth")
    assert not same_bits(weights_of(model), before)
    model.save_model(tmp_path / "weights.pth")
    again = subject.untrained()
    again.load_pretrained_model(tmp_path / "weights.pth")
    assert torch.equal(again.predict(noisy_a), model.predict(noisy_a))
