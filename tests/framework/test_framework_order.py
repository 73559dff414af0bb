"""Orders of calls that might give a wrong gradient without a word: right, or refused.

What is refused is a backward pass whose answer would be wrong. Forward passes without a backward
pass, as in predictions, are always allowed, and so is a second backward pass of the last one.
"""

from __future__ import annotations

from threading import Thread
from typing import Any, Callable
from weakref import ref

import pytest
import torch
from torch import Tensor, nn

from Miniproject_2 import framework as f
from tests.reference import relative_error

EXACT = 1e-10  # relative, in float64
IMAGES = (2, 3, 6, 6)


def image(seed: int = 0, shape: tuple[int, ...] = IMAGES) -> Tensor:
    """Random images in float64, as a plain tensor."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


def gradients(module: f.Module) -> list[Tensor]:
    """Copies of the gradients of all parameters."""
    return [gradient.clone() for _, gradient in module.param()]


def conv() -> f.Conv2d:
    """A layer whose output has the shape of its input, in float64."""
    torch.manual_seed(0)
    layer = f.Conv2d(3, 3, 3, padding=1)
    layer.to(image())
    return layer


def torch_conv(layer: f.Conv2d) -> nn.Conv2d:
    """torch's convolution with the same weights."""
    theirs = nn.Conv2d(3, 3, 3, padding=1).double()
    theirs.load_state_dict(layer.state_dict())
    return theirs


@pytest.mark.parametrize("nested", [False, True])
def test_a_module_twice_in_a_network(nested: bool) -> None:
    """A ReLU and a convolution that stand in a network twice give torch's gradients."""
    layer, relu = conv(), f.ReLU()
    middle = [f.Sequential(relu, layer)] if nested else [relu, layer]
    net, theirs = f.Sequential(layer, *middle, relu, f.Sigmoid()), torch_conv(layer)
    x, gradient = image(), image(1)
    tracked = x.clone().requires_grad_()
    theirs(theirs(tracked).relu()).relu().sigmoid().backward(gradient)
    net.forward(x)
    assert tracked.grad is not None
    assert relative_error(net.backward(gradient), tracked.grad) < EXACT
    assert len(net.param()) == 2
    for own, reference in zip(gradients(net), theirs.parameters()):
        assert reference.grad is not None
        assert relative_error(own, reference.grad) < EXACT


def test_steps_of_a_module_twice_in_a_network() -> None:
    """A layer that stands in a network twice is changed once a step, as torch changes it."""
    layer, x = conv(), image()
    net, theirs = f.Sequential(layer, f.ReLU(), layer), torch_conv(layer)
    own = f.SGD(net, 0.1, 0.9)
    reference = torch.optim.SGD(theirs.parameters(), 0.1, 0.9)
    for _ in range(3):
        own.zero_grad()
        net.forward(x)
        net.accumulate(x)
        own.step()
        reference.zero_grad()
        theirs(theirs(x).relu()).backward(x)
        reference.step()
    assert relative_error(layer.weight, theirs.weight.detach()) < EXACT


def test_a_pair_given_twice() -> None:
    """An optimizer that is given a pair twice changes its parameter once a step."""
    layer = conv()
    before = layer.state_dict()
    layer.weight_grad.fill_(1)
    f.SGD([*layer.param(), *layer.param()], 0.5).step()
    assert torch.equal(layer.weight, before["weight"] - 0.5)


def test_layers_with_one_weight() -> None:
    """Two layers with one weight are refused with two gradients, and with one they are torch's."""
    first, second, x = conv(), conv(), image()
    theirs, net = torch_conv(first), f.Sequential(first, f.ReLU(), second)
    second.weight, second.bias = first.weight, first.bias
    assert len(net.param()) == 4
    with pytest.raises(ValueError, match="two gradients"):
        f.SGD(net, 0.1)
    second.weight_grad, second.bias_grad = first.weight_grad, first.bias_grad
    optimizer, reference = f.SGD(net, 0.1, 0.9), torch.optim.SGD(theirs.parameters(), 0.1, 0.9)
    for _ in range(3):
        optimizer.zero_grad()
        net.forward(x)
        net.accumulate(x)
        optimizer.step()
        reference.zero_grad()
        theirs(theirs(x).relu()).backward(x)
        reference.step()
    assert len(net.param()) == 2
    assert relative_error(second.weight, theirs.weight.detach()) < EXACT


def test_a_module_in_two_networks() -> None:
    """Two networks that share a layer may be run before either has its backward pass."""
    layer, x, other = conv(), image(), image(1)
    nets = f.Sequential(layer, f.ReLU()), f.Sequential(layer, f.Sigmoid())
    answers = []
    for net, images in zip(nets, (x, other)):
        net.forward(images)
        answers.append(net.backward(x))
    expected = gradients(layer)
    layer.zero_grad()
    for net, images in zip(nets, (x, other)):
        net.forward(images)
    for net, answer in zip(nets, answers):
        assert torch.equal(net.backward(x), answer)
    for own, reference in zip(gradients(layer), expected):
        assert relative_error(own, reference) < EXACT


# A block, and what changes in place a tensor that its backward needs, given block, input, output.
CHANGES: list[tuple[Any, Callable[[Any, Tensor, Tensor], object]]] = [
    (f.ReLU, lambda block, x, y: y.add_(x)),
    (f.Sigmoid, lambda block, x, y: y.mul_(2)),
    (f.LeakyReLU, lambda block, x, y: x.mul_(-1)),
    (conv, lambda block, x, y: x.add_(1)),
    (conv, lambda block, x, y: block.weight.mul_(2)),
    (conv, lambda block, x, y: block.load_state_dict(block.state_dict())),
    (conv, lambda block, x, y: f.SGD(block, 0.1).step()),
    (conv, lambda block, x, y: f.Muon(block, 0.1).step()),
    (lambda: f.TransposeConv2d(3, 3, 3, padding=1), lambda block, x, y: x[0].zero_()),
    (lambda: f.Upsampling(3, 3, 3), lambda block, x, y: x[:, 0].zero_()),
    (
        lambda: f.Sequential(f.ReLU(), f.Sigmoid()),
        lambda block, x, y: block[1]._memory.kept[0].add_(1),
    ),
]


@pytest.mark.parametrize(("make", "change"), CHANGES)
@pytest.mark.parametrize("count", [1, 2])
def test_changes_in_place_are_refused(
    make: Callable[[], Any], change: Callable[[Any, Tensor, Tensor], object], count: int
) -> None:
    """What backward needs and was changed after forward is refused, until the next forward."""
    block, x = make(), image(shape=(count, *IMAGES[1:]))
    y = block.forward(x)
    change(block, x, y)
    with pytest.raises(RuntimeError, match="changed in place"):
        block.backward(torch.ones_like(y))
    block.backward(torch.ones_like(block.forward(x)))


def test_other_changes_in_place_are_allowed() -> None:
    """As in torch, what backward does not need may change: ReLU's input, a convolution's output."""
    relu, layer, x = f.ReLU(), conv(), image()
    ones = torch.ones_like(x)
    before = relu.forward(x).sign()
    x.mul_(-1)
    assert torch.equal(relu.backward(ones), before)
    y = layer.forward(x)
    y.zero_()
    layer.zero_grad()
    layer.backward(ones)


@pytest.mark.parametrize("make", [conv, f.ReLU, lambda: f.Sequential(conv(), f.ReLU())])
def test_backward_belongs_to_the_last_forward(make: Callable[[], f.Module]) -> None:
    """After several forward passes the backward pass is that of the last one."""
    block, g = make(), image(9)
    block.forward(image(1))
    expected = block.backward(g)
    once = gradients(block)
    block.zero_grad()
    for seed in (3, 2, 1):
        block.forward(image(seed))
    assert torch.equal(block.backward(g), expected)
    assert torch.equal(block.backward(g), expected)  # a second time: gradients add up
    for own, reference in zip(gradients(block), once):
        assert relative_error(own, 2 * reference) < EXACT


def test_a_second_backward_with_another_gradient() -> None:
    """Backward is linear: two passes after one forward pass add up to the pass of the sum."""
    layer, x = conv(), image()
    layer.forward(x)
    both = layer.backward(image(1)) + layer.backward(image(2))
    added = gradients(layer)
    layer.zero_grad()
    layer.forward(x)
    assert relative_error(both, layer.backward(image(1) + image(2))) < EXACT
    for own, reference in zip(added, gradients(layer)):
        assert relative_error(own, reference) < EXACT


@pytest.mark.parametrize("make", [conv, f.ReLU, lambda: f.Sequential(conv(), f.ReLU())])
def test_a_backward_for_an_earlier_forward_is_refused(make: Callable[[], f.Module]) -> None:
    """forward, forward, backward, backward: the second gradient may be meant for the first pass."""
    block = make()
    block.forward(image(1))
    block.forward(image(2))
    block.backward(image(3))
    before = gradients(block)
    with pytest.raises(RuntimeError, match="forward before each backward"):
        block.backward(image(4))
    assert all(torch.equal(own, kept) for own, kept in zip(gradients(block), before))
    block.forward(image(1))
    block.backward(image(4))


def test_two_losses_before_their_gradients_are_refused() -> None:
    """MSE remembers one pair, so that a second gradient without a pair of its own is refused."""
    loss = f.MSE()
    loss.forward(image(1), image(2))
    loss.forward(image(3), image(4))
    loss.backward()
    with pytest.raises(RuntimeError, match="forward before each backward"):
        loss.backward()


def test_a_failed_forward_leaves_nothing_to_go_back_to() -> None:
    """After a forward pass that failed there is no backward pass; a refused input fails nothing."""
    layer = f.Conv2d(3, 3, 3)
    y = layer.forward(image())
    with pytest.raises(ValueError, match="shape"):
        layer.forward(image(shape=(2, 4, 6, 6)))  # refused at the door
    layer.backward(y)
    with pytest.raises(ValueError, match="no output"):
        layer.forward(image(shape=(2, 3, 2, 2)))
    with pytest.raises(RuntimeError, match="before forward"):
        layer.backward(y)


def test_modules_can_be_run_one_by_one() -> None:
    """A network's modules, called in a loop of one's own, give what the network gives."""
    net, x, g = f.Sequential(conv(), f.ReLU(), conv(), f.Sigmoid()), image(), image(1)
    expected = net.forward(x)
    x_grad = net.backward(g)
    value = x
    for module in net.modules:
        value = module.forward(value)
    assert relative_error(value, expected) < EXACT
    for module in reversed(net.modules):
        g = module.backward(g)
    assert relative_error(g, x_grad) < EXACT


class Double(f.Module):
    """A block of somebody else's, with a forward and a backward pass of its own."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return 2 * inputs[0]

    def backward(self, *gradients: Tensor) -> Tensor:
        return 2 * gradients[0]


def test_blocks_of_others_fit_in() -> None:
    """A class that overrides `forward` and `backward` works in a network, at its start as well."""
    net, x = f.Sequential(Double(), conv(), Double()), image()
    net.forward(x)
    g = image(1)
    expected = 2 * net[1].backward(2 * g)
    net.zero_grad()
    net.forward(x)
    assert relative_error(net.backward(g), expected) < EXACT
    net.forward(x)
    net.accumulate(g)


def test_threads_share_a_network() -> None:
    """Answers do not mix when several threads run one network at once."""
    net = f.Sequential(f.Conv2d(3, 8, 3, padding=1), f.ReLU(), f.Upsampling(8, 3, 3), f.Sigmoid())
    batches = [torch.rand(1 + seed % 3, 3, 16, 16) for seed in range(6)]
    expected = [net.forward(batch) for batch in batches]
    wrong: list[int] = []

    def work(index: int) -> None:
        for _ in range(20):
            if not torch.equal(net.forward(batches[index]), expected[index]):
                wrong.append(index)

    threads = [Thread(target=work, args=(index,)) for index in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_is_kept_alive_twice() -> None:
    """A new forward pass first lets go of what the last one kept, and backward of its gradient."""
    relu, x = f.ReLU(), image()
    first = ref(relu.forward(x))
    assert first() is not None  # the block keeps it
    relu.forward(x)
    assert first() is None
    g = image(1)
    relu.backward(g)
    gone = ref(g)
    del g
    assert gone() is None


def test_torch_refuses_the_same() -> None:
    """torch, too, refuses a backward pass whose output was changed in place."""
    x = image().requires_grad_()
    y = x.relu()
    with torch.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match="inplace"):
        y.sum().backward()
