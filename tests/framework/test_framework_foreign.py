"""What the framework makes of tensors and blocks that are not its own."""

from __future__ import annotations

from typing import Any, Callable

import pytest
import torch
from torch import Tensor, nn

from Miniproject_2 import framework as f
from Miniproject_2.framework import optimizers

Pair = tuple[Tensor, Tensor]
OPTIMIZERS = [
    lambda pairs: f.SGD(pairs, 0.1),
    lambda pairs: f.SGD(pairs, 0.1, 0.9),
    lambda pairs: f.Adam(pairs, 0.01),
    lambda pairs: f.Muon(pairs, 0.02),
]
VIEWS: list[Callable[[Tensor], Tensor]] = [
    lambda one: one,
    lambda one: one.data,
    lambda one: one.detach(),
    lambda one: one.detach().view(-1),
    lambda one: one.detach()[:1],
]


@pytest.fixture(params=[False, True], ids=["as on a CPU", "as on a GPU"], autouse=True)
def slow_calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Optimizers may move tensors together where calls are slow, and nowhere else."""
    monkeypatch.setattr(optimizers, "calls_are_slow", lambda tensor: request.param)


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("view", VIEWS)
def test_pairs_of_views(
    make: Callable[[list[Pair]], Any], view: Callable[[Tensor], Tensor]
) -> None:
    """Whoever gives pairs of views trains what they are views of, at every step."""
    layer = nn.Conv2d(3, 4, 3)
    gradients = [torch.ones_like(parameter) for parameter in layer.parameters()]
    optimizer = make([(view(one), view(own)) for one, own in zip(layer.parameters(), gradients)])
    for _ in range(2):
        before = [view(one).clone() for one in layer.parameters()]
        optimizer.step()
        for parameter, old in zip(layer.parameters(), before):
            assert (view(parameter) != old).all()
    optimizer.zero_grad()
    assert not any(view(gradient).any() for gradient in gradients)


class Scale(f.Module):
    """A block as the handout describes one: forward, backward and param, and nothing else."""

    def __init__(self) -> None:
        self.factor, self.gradient = torch.ones(1), torch.zeros(1)

    def forward(self, *inputs: Tensor) -> Tensor:
        (self.input,) = inputs
        return self.factor * self.input

    def backward(self, *gradients: Tensor) -> Tensor:
        self.gradient += (gradients[0] * self.input).sum()
        return self.factor * gradients[0]

    def param(self) -> list[Pair]:
        return [(self.factor, self.gradient)]


class ScaleByViews(Scale):
    """The same, but `param` makes new views of its tensors at every call."""

    def param(self) -> list[Pair]:
        return [(self.factor[:], self.gradient[:])]


@pytest.mark.parametrize("kind", [Scale, ScaleByViews])
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_a_block_with_its_own_param(kind: type[Scale], make: Callable[[f.Module], Any]) -> None:
    """In a network it is trained, cleared, saved and loaded as every other block."""
    torch.manual_seed(0)  # of other weights, ReLU may give zeros alone, and then no gradients
    block = kind()
    net, x = f.Sequential(f.Conv2d(3, 3, 1), block, f.ReLU()), torch.rand(2, 3, 4, 4)
    assert [tuple(value.shape) for value, _ in net.param()] == [(3, 3, 1, 1), (3,), (1,)]
    optimizer, state = make(net), net.state_dict()
    assert list(state) == ["0.weight", "0.bias", "1.0"]
    for _ in range(2):
        before = float(block.factor)
        net.backward(net.forward(x).exp())
        assert block.gradient.any()
        optimizer.step()
        assert float(block.factor) != before
    optimizer.zero_grad()
    assert not block.gradient.any()
    net.load_state_dict(state)
    assert float(block.factor) == 1


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "a part": lambda x: x[:, :, 1:9, 1:9],
    "every second image": lambda x: x[::2],
    "some channels": lambda x: torch.cat((x, x), 1)[:, 1:4],
    "rows and columns exchanged": lambda x: x.transpose(2, 3),
    "one image repeated": lambda x: x[:1].expand(4, 3, 12, 12),
    "rows, columns, channels": lambda x: x.contiguous(memory_format=torch.channels_last),
    "contiguous": lambda x: x,
    "a single image": lambda x: x[0].transpose(1, 2),
}
BLOCKS: list[tuple[Callable[[], f.Module], Callable[[], nn.Module]]] = [
    (lambda: f.Conv2d(3, 4, 3), lambda: nn.Conv2d(3, 4, 3)),
    (lambda: f.TransposeConv2d(3, 4, 4, 2, 1), lambda: nn.ConvTranspose2d(3, 4, 4, 2, 1)),
    (lambda: f.NearestUpsampling(2), lambda: nn.Upsample(scale_factor=2)),
    (lambda: f.ReLU(), lambda: nn.ReLU()),
    (
        lambda: f.Sequential(f.Conv2d(3, 4, 3), f.Sigmoid()),
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sigmoid()),
    ),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_outputs_can_be_viewed_as_torch_s(layout: str, number: int) -> None:
    """An output has a view as rows wherever that of torch.nn has one, however the input lies."""
    own, theirs = (make() for make in BLOCKS[number])
    x = LAYOUTS[layout](torch.rand(4, 3, 12, 12))
    with torch.no_grad():  # torch.nn's upsampling takes batches alone
        expected = theirs(x) if x.dim() == 4 else theirs(x.unsqueeze(0)).squeeze(0)
    y = own.forward(x)
    for rows in ((len(y), -1), (-1, y.shape[-1])):
        try:
            expected.view(rows)
        except RuntimeError:
            continue
        assert torch.equal(y.view(rows), y.reshape(rows))


def test_a_gradient_that_torch_negates_later() -> None:
    """A tensor whose sign is still to be changed, as torch's `conj().imag`, is a gradient too."""
    x, g = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    negated = torch.complex(torch.zeros_like(g), g).conj().imag
    assert negated.is_neg()
    for block in (f.ReLU(), f.LeakyReLU(), f.Sigmoid(), f.Conv2d(3, 3, 1)):
        block.forward(x)
        assert torch.equal(block.backward(negated), block.backward(-g))
