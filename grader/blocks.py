"""The checks of Miniproject_2's blocks, forward and backward, against torch's autograd.

An expression such as `Conv2d(3, 4, 3)` is evaluated twice, with the submission's names and with
torch.nn's, and both results must agree; so a case is one line of a table. The docstring of each
check is its claim.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from grader.subject import (
    Subject,
    no_graph,
    nothing_changes,
    require,
    require_same,
    run_python,
    settings_and_rng,
)

REFERENCE: dict[str, Any] = {
    "Conv2d": nn.Conv2d,
    "TransposeConv2d": nn.ConvTranspose2d,
    "NearestUpsampling": lambda factor=2: nn.Upsample(scale_factor=factor),
    "Upsampling": lambda *sizes, **options: nn.Sequential(
        nn.Upsample(scale_factor=2), nn.Conv2d(*sizes, **options)
    ),
    "ReLU": nn.ReLU,
    "LeakyReLU": nn.LeakyReLU,
    "Sigmoid": nn.Sigmoid,
    "Sequential": nn.Sequential,
}
HANDOUT_NETWORK = (
    "Sequential(Conv2d(3, 6, 3, 2, 1), ReLU(), Conv2d(6, 8, 3, 2, 1), ReLU(), "
    "Upsampling(8, 6, 3, padding=1), ReLU(), Upsampling(6, 3, 3, padding=1), Sigmoid())"
)
LAYERS = [  # an expression, and the size of its input
    ("Conv2d(3, 4, 3)", (2, 3, 9, 8)),
    ("Conv2d(3, 4, 1)", (2, 3, 5, 4)),
    ("Conv2d(2, 5, 3, 2)", (3, 2, 10, 9)),
    ("Conv2d(3, 2, 5, 1, 2)", (2, 3, 7, 6)),
    ("Conv2d(3, 4, 3, 1, 2, 2)", (2, 3, 9, 8)),
    ("Conv2d(2, 3, (2, 3), stride=(3, 2), padding=(1, 2), dilation=(2, 1))", (2, 2, 11, 9)),
    ("Conv2d(3, 4, 3, bias=False)", (2, 3, 6, 7)),
    ("Conv2d(3, 4, 3, padding=1)", (3, 8, 7)),
    ("TransposeConv2d(3, 4, 3)", (2, 3, 5, 6)),
    ("TransposeConv2d(4, 3, 4, 2, 1)", (2, 4, 5, 3)),
    ("TransposeConv2d(4, 3, 3, 2, 1, 1)", (2, 4, 4, 5)),
    ("TransposeConv2d(2, 3, (2, 3), stride=(3, 2), padding=(1, 0))", (2, 2, 4, 5)),
    ("TransposeConv2d(3, 4, 3, dilation=2, bias=False)", (2, 3, 4, 5)),
    ("TransposeConv2d(3, 4, 2, 2)", (3, 5, 4)),
    ("NearestUpsampling()", (2, 3, 4, 5)),
    ("NearestUpsampling(3)", (3, 4, 5)),
    ("Upsampling(3, 4, 3, padding=1)", (2, 3, 4, 5)),
    ("Upsampling(3, 4, 5, padding=2)", (3, 4, 5)),
    ("ReLU()", (2, 3, 4, 5)),
    ("LeakyReLU()", (2, 3, 4, 5)),
    ("LeakyReLU(0.2)", (7,)),
    ("Sigmoid()", (2, 3, 4, 5)),
    ("Sequential(Conv2d(3, 4, 3), Sigmoid())", (2, 3, 7, 6)),
    (HANDOUT_NETWORK, (2, 3, 16, 12)),
]
OPTIMIZERS = ["SGD(p, 0.1)", "SGD(p, 0.1, 0.9)", "SGD(p, lr=0.1, momentum=0.5)"]
NAMES = "Module, Sequential, Conv2d, TransposeConv2d, NearestUpsampling, Upsampling, ReLU, Sigmoid"


def plain_import(s: Subject) -> None:
    """The handout's `from model import Conv2d, ...` works with the working folder Miniproject_2."""
    run_python(f"from model import {NAMES}, MSE, SGD, Model; Model()", s.folder)


def as_handed_out(s: Subject) -> None:
    """The course's own tests of the blocks: torch.allclose at its default tolerance."""
    for _ in range(5):
        x, conv, sigmoid = torch.randn(1, 3, 32, 32), s.module.Conv2d(3, 3, 3), s.module.Sigmoid()
        expected = F.conv2d(x, conv.weight, conv.bias)
        # Values near 0 come this close only if the sums start from the bias, as torch's do.
        require(torch.allclose(conv.forward(x), expected), "Conv2d differs from F.conv2d")
        require(torch.allclose(sigmoid.forward(x), x.sigmoid()), "Sigmoid differs from torch's")
        both = s.module.Sequential(conv, sigmoid)(x)
        require(torch.allclose(both, expected.sigmoid()), "Sequential differs from its blocks")


def build(s: Subject, expression: str) -> tuple[Any, nn.Module]:
    """Make a block and its reference; param() lists a layer's weight, then its bias, like torch."""
    ours, reference = eval(expression, dict(vars(s.module))), eval(expression, dict(REFERENCE))
    found = [(tuple(value.shape), tuple(gradient.shape)) for value, gradient in ours.param()]
    expected = [2 * (tuple(parameter.shape),) for parameter in reference.parameters()]
    require(found == expected, f"param() has pairs of sizes {found}, expected {expected}")
    for (value, _), parameter in zip(ours.param(), reference.parameters()):
        parameter.data.copy_(value)
    return ours, reference


def require_same_pairs(pairs: list[tuple[Tensor, Tensor]], reference: nn.Module) -> None:
    """Refuse pairs of `param()` that differ from the reference's parameters and gradients."""
    for (value, gradient), parameter in zip(pairs, reference.parameters()):
        require_same("a parameter in param()", value, parameter.detach())
        require_same("an accumulated gradient in param()", gradient, parameter.grad)


def layer(s: Subject, expression: str, size: tuple[int, ...]) -> str | None:
    """Output, input gradient and accumulated gradients are autograd's, with autograd off or on."""
    if "LeakyReLU" in expression and not hasattr(s.module, "LeakyReLU"):
        return "not there, and not asked for"
    for enabled in (False, True):
        ours, reference = build(s, expression)
        for _ in range(2):  # the second pass adds to the gradients of the first
            leaf = torch.randn(size).requires_grad_()
            leaf.data.view(-1)[::5] = 0  # where ReLU has its corner
            expected = reference(leaf) if len(size) != 3 else reference(leaf[None])[0]
            gradient = torch.randn(expected.shape)
            expected.backward(gradient)
            given = leaf.detach().clone(), gradient.clone()
            with torch.set_grad_enabled(enabled), no_graph(), nothing_changes(settings_and_rng):
                output, backward = ours.forward(given[0]), ours.backward(given[1])
            require_same("forward", output, expected.detach())
            require_same("backward", backward, leaf.grad)
            require(torch.equal(given[0], leaf), "the input is modified")
            require(torch.equal(given[1], gradient), "the gradient of the output is modified")
        require_same_pairs(ours.param(), reference)
    return None


def mse(s: Subject) -> None:
    """MSE() is the mean over all elements; backward() without arguments gives its gradient."""
    for size in [(2, 3, 4, 5), (7,), (1, 1)]:
        leaf, target = torch.randn(size).requires_grad_(), torch.randn(size)
        F.mse_loss(leaf, target).backward()
        loss, prediction = s.module.MSE(), leaf.detach()
        value = torch.as_tensor(loss.forward(prediction, target)).reshape(())
        require_same("forward", value, F.mse_loss(prediction, target))
        require_same("backward", loss.backward(), leaf.grad)


def optimizer(s: Subject, expression: str) -> None:
    """Steps are torch.optim.SGD's, for p = param() or the module; earlier pairs stay valid."""
    for by_module in (False, True):
        ours, reference = build(s, "Sequential(Conv2d(3, 4, 3), ReLU(), Conv2d(4, 3, 1))")
        pairs, loss = ours.param(), s.module.MSE()
        ours_step = eval(expression, {"SGD": s.module.SGD, "p": ours if by_module else pairs})
        torch_step = eval(expression, {"SGD": torch.optim.SGD, "p": reference.parameters()})
        for _ in range(4):
            x, target = torch.randn(2, 3, 6, 5), torch.randn(2, 3, 4, 3)
            ours_step.zero_grad()
            loss.forward(ours.forward(x), target)
            ours.backward(loss.backward())
            ours_step.step()
            torch_step.zero_grad()
            F.mse_loss(reference(x), target).backward()
            torch_step.step()
            require_same_pairs(pairs, reference)
            require_same("forward after a step", ours.forward(x), reference(x).detach())


def pairs_of(s: Subject, model: object) -> list[Tensor]:
    """The tensors in the pairs of all modules that are attributes of the model."""
    networks = [value for value in vars(model).values() if isinstance(value, s.module.Module)]
    return [tensor for network in networks for pair in network.param() for tensor in pair]


def loading_keeps_pairs(s: Subject) -> str | None:
    """Pairs that a network's param() gave stay its own when the model loads and trains."""
    model = s.module.Model()
    before = pairs_of(s, model)
    model.load_pretrained_model()
    model.train(s.noisy[:64], s.clean[:64], num_epochs=1)
    same = [torch.equal(old, new) for old, new in zip(before, pairs_of(s, model))]
    require(all(same), "the pairs that param() gave before have other values than it gives now")
    return None if before else "Model has no attribute that is a Module with parameters"
