"""What the grader makes of blocks: it sees a fault of two ten-thousandths, and forgives a choice.

The checks run in this process, on the stand-in's blocks with one line of them changed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import pytest
import torch

from grader import blocks
from grader.subject import Refusal, Subject
from tests.grading import STANDIN

FAULTS = [  # the check that must see it, what is taken out of blocks.py, what is put in
    (
        "Conv2d",
        "y = self.bias.view(1, -1, 1).baddbmm(",
        "y = 1.0002 * self.bias.view(1, -1, 1).baddbmm(",
    ),
    ("Conv2d", "self.accumulate(rows @ self", "self.accumulate(1.0002 * rows @ self"),
    ("Conv2d", "+= gradient.sum((0, 2, 3))", "+= 1.0002 * gradient.sum((0, 2, 3))"),
    (
        "Conv2d",
        "self.matrix.transpose(1, 2) @ rows,",
        "self.matrix.transpose(1, 2) @ rows * 1.0002,",
    ),
    ("Conv2d", "self.weight_grad += weight_grad", "self.weight_grad += weight_grad.flip(-1)"),
    ("Conv2d", "+= weight_grad.sum(0)", "+= weight_grad.mean(0)"),
    (
        "Conv2d",
        "self.bias_grad += gradient.sum",
        "self.bias_grad = self.bias_grad * 0 + gradient.sum",
    ),
    ("TransposeConv2d", "return (y + self.bias", "return (y * 1.0002 + self.bias"),
    ("TransposeConv2d", "self.x.flatten(2) @ columns.t", "1.0002 * self.x.flatten(2) @ columns.t"),
    ("TransposeConv2d", "(self.matrix @ columns)", "(1.0002 * self.matrix @ columns)"),
    ("NearestUpsampling", "self.scale, -2)", "self.scale, -2) * 1.0002"),
    ("NearestUpsampling", "return blocks.sum((-3, -1))", "return blocks.sum((-3, -1)) * 1.0002"),
    ("NearestUpsampling", "return blocks.sum((-3, -1))", "return blocks.mean((-3, -1))"),
    ("Upsampling", "__init__(NearestUpsampling(), Conv2d(", "__init__(Conv2d(1, 1, 1), Conv2d("),
    ("ReLU", "return x.clamp(min=0)", "return x.clamp(min=0) * 1.0002"),
    ("ReLU", "self.positive = x > 0", "self.positive = x >= 0"),
    ("Sigmoid", "self.y = x.sigmoid()", "self.y = x.sigmoid() * 1.0002"),
    ("Sigmoid", "gradient * self.y * (1 - self.y)", "gradient * self.y * (1.0002 - self.y)"),
    ("Sequential", "in reversed(self.modules)", "in self.modules"),
    ("mse", "(self.difference**2).mean()", "(self.difference**2).mean() * 1.0002"),
    ("mse", "return 2 * self.difference /", "return 2.0004 * self.difference /"),
    ("SGD", "value.sub_(self.lr * velocity)", "value.sub_(1.0002 * self.lr * velocity)"),
    ("SGD", "velocity.mul_(self.momentum)", "velocity.mul_(1.0002 * self.momentum)"),
    ("SGD", "            gradient.zero_()", "            pass"),
]

Make = Callable[..., Subject]


@pytest.fixture
def subject(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Make:
    """Makes a subject from the stand-in's blocks, with `old` replaced and names `without`."""

    def make(old: str = "", new: str = "", without: tuple[str, ...] = ()) -> Subject:
        source = (STANDIN / "blocks.py").read_text(encoding="utf-8")
        assert old in source
        module = ModuleType("Miniproject_2.model")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(source.replace(old, new) if old else source, vars(module))
        for name in without:
            delattr(module, name)
        images = torch.zeros(1, 3, 8, 8)
        return Subject(tmp_path, 2, (images, images), (), {}, lambda **event: None)

    return make


def failures(s: Subject) -> list[str]:
    """The names of the checks of the blocks that `s` does not pass."""
    checks: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
        ("names", blocks.names, ()),
        ("mse", blocks.mse, ()),
        *((text, blocks.layer, (text, size)) for text, size in blocks.LAYERS),
        *((text, blocks.optimizer, (text,)) for text in blocks.OPTIMIZERS),
    ]
    failed = []
    for name, check, arguments in checks:
        torch.manual_seed(0)
        try:
            check(s, *arguments)
        except (Refusal, RuntimeError):
            failed.append(name)
    return failed


@pytest.mark.parametrize(("check", "old", "new"), FAULTS, ids=[f"{f[0]}: {f[2]}" for f in FAULTS])
def test_fault(subject: Make, check: str, old: str, new: str) -> None:
    """A mathematical fault is seen by the check of its block, down to a factor of 1.0002."""
    assert any(name.startswith(check) for name in failures(subject(old, new)))


TRANSPOSED = "Upsampling = TransposeConv2d"
ONLY_PAIRS = "params.param() if isinstance(params, Module) else params"
WITH_MOMENTUM = "lr: float, momentum: float = 0) -> None:"
BACKWARDS = "for module in self.modules[::-1] for"
TUPLE_FORWARDS = """module.forward(x)
            x = x[0] if isinstance(x, tuple) else x
        return (x,)"""
TUPLE_BACKWARDS = """module.backward(gradient)
            gradient = gradient[0] if isinstance(gradient, tuple) else gradient
        return (gradient,)"""
BATCHES = "view(-1, *x.shape[-3:])", "view(len(x), *x.shape[1:3], x.shape[3])"
MSE_BACKWARD = "return 2 * self.difference / self.difference.numel()"


def refusing(condition: str) -> tuple[str, str]:
    """What is taken out and put in to make convolutions raise an error under a condition."""
    place = "        self.geometry ="
    return place, f"        if {condition}:\n            raise NotImplementedError\n{place}"


ALLOWED = [  # what is allowed, what is taken out, what is put in, which names go, what is warned of
    ("nothing changed", "", "", (), []),
    ("nearest upsampling alone", "", "", ("TransposeConv2d", "Upsampling"), []),
    ("transposed convolution alone", "", "", ("NearestUpsampling", "Upsampling"), []),
    ("no name Upsampling", "", "", ("Upsampling",), []),
    ("no name Module", "isinstance(params, Module)", "hasattr(params, 'param')", ("Module",), []),
    ("another Upsampling", "class MSE:", f"{TRANSPOSED}\n\n\nclass MSE:", (), ["Upsampling is"]),
    ("SGD of param() alone", ONLY_PAIRS, "list(params)", (), ["SGD does not take the module"]),
    ("SGD of the module alone", ONLY_PAIRS, "params.param()", (), ["SGD does not take param()"]),
    (
        "SGD without momentum",
        WITH_MOMENTUM,
        "lr: float) -> None:\n        momentum = 0",
        (),
        ["SGD(p, 0.1, 0.9) is not taken", "SGD(p, lr=0.1, momentum=0.5) is not taken"],
    ),
    ("SGD without zero_grad", "def zero_grad(", "def _zero(", (), ["SGD has no zero_grad()"]),
    (
        "the bias before the weight",
        "return pairs if self.has_bias else pairs[:1]",
        "return pairs[::-1] if self.has_bias else pairs[:1]",
        (),
        [],
    ),
    ("the last module first", "for module in self.modules for", BACKWARDS, (), []),
    ("a tuple forwards", "module.forward(x)\n        return x", TUPLE_FORWARDS, (), []),
    (
        "a tuple backwards",
        "module.backward(gradient)\n        return gradient",
        TUPLE_BACKWARDS,
        (),
        [],
    ),
    ("a tuple of MSE", MSE_BACKWARD, f"{MSE_BACKWARD},", (), []),
    (
        "MSE with a gradient",
        "def backward(self) ->",
        "def backward(self, gradient) ->",
        (),
        ["MSE.b"],
    ),
    (
        "MSE as the handout writes it",
        'def backward(self) -> Tensor:\n        """The gradient of the prediction."""',
        "def backward(self, *gradient):\n        gradient[0]",
        (),
        ["MSE.backward() without the gradient of the loss is not taken"],
    ),
    ("no dilation", *refusing('steps["dilation"] != 1'), (), ["dilation="] * 3),
    ("no padding", *refusing('steps["padding"]'), (), ["Upsampling is", *["padding="] * 7]),
    ("always a bias", *refusing("not bias"), (), ["bias=False"] * 2),
    ("one size", *refusing("shape[-1] != shape[-2]"), (), ["(2, 3)"] * 2),
    (
        "no output_padding",
        "self.output_padding = output_padding",
        "self.output_padding = 0 // (not output_padding)",
        (),
        ["output_padding=1"],
    ),
    (
        "one factor",
        "scale_factor: int = 2",
        "scale_factor: int",
        (),
        ["NearestUpsampling()", "is so"],
    ),
    ("batches alone", *BATCHES, (), ["padding=1) of (3, 8, 7)", "(3, 5, 4)", "of (3, 4, 5)"]),
]


@pytest.mark.parametrize(
    ("old", "new", "without", "warned"), [a[1:] for a in ALLOWED], ids=[a[0] for a in ALLOWED]
)
def test_allowed(
    subject: Make, old: str, new: str, without: tuple[str, ...], warned: list[str]
) -> None:
    """What the handout leaves open passes: one of two upsamplings, any SGD, the order of param(),
    tuples of one tensor, and blocks without the extras of torch's."""
    s = subject(old, new, without)
    assert failures(s) == []
    texts = [text for _, text in s.warnings]
    assert len(texts) == len(warned)
    assert all(any(part in text for text in texts) for part in warned)


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        (("TransposeConv2d", "NearestUpsampling"), "no TransposeConv2d or NearestUpsampling"),
        (("ReLU",), "no ReLU"),
        (("SGD", "MSE"), "no MSE, no SGD"),
    ],
)
def test_missing(subject: Make, without: tuple[str, ...], missing: str) -> None:
    """A name that the handout demands, or both of two of which it demands one, is missed."""
    with pytest.raises(Refusal, match=missing):
        blocks.names(subject(without=without))


def test_autograd_off(subject: Make) -> None:
    """The checks are right in a process whose autograd the submission has switched off."""
    with torch.set_grad_enabled(False):
        assert failures(subject()) == []


def test_double_precision(subject: Make) -> None:
    """The checks are right in a process whose default dtype the submission has changed."""
    torch.set_default_dtype(torch.float64)
    try:
        assert failures(subject()) == []
    finally:
        torch.set_default_dtype(torch.float32)
