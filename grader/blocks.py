"""The checks of Miniproject_2's blocks, forward and backward, against torch's autograd.

An expression such as `Conv2d(3, 4, 3)` is evaluated twice, with the submission's names and with
torch.nn's, and both results must agree; so a case is one line of a table. The docstring of each
check is its claim.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, allclose, equal, nn  # bound before a submission could replace them
from torch.nn import functional as F

from grader.subject import (
    Refusal,
    Subject,
    no_graph,
    nothing_changes,
    require,
    require_same,
    require_untouched,
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
REQUIRED = ("Conv2d", "ReLU", "Sigmoid", "MSE", "SGD", "Sequential")
EITHER = ("TransposeConv2d", "NearestUpsampling")  # "or", says the handout
HANDOUT_NETWORKS = [  # the prescribed network, with each of the upsamplings that are allowed
    f"Sequential(Conv2d(3, 6, 3, 2), ReLU(), Conv2d(6, 8, 3, 2), ReLU(), {up}, Sigmoid())"
    for up in (
        "Upsampling(8, 5, 3, padding=1), ReLU(), Upsampling(5, 3, 3, padding=1)",
        "TransposeConv2d(8, 5, 4, 2), ReLU(), TransposeConv2d(5, 3, 4, 2)",
        "NearestUpsampling(2), Conv2d(8, 5, 3), ReLU(), NearestUpsampling(2), Conv2d(5, 3, 3)",
    )
]
LAYERS = [  # an expression, no two of whose parameters are of one size, and the size of its input
    ("Conv2d(3, 4, 3)", (2, 3, 9, 8)),
    ("Conv2d(3, 4, 1)", (2, 3, 5, 4)),
    ("Conv2d(2, 5, 3, 2)", (3, 2, 10, 9)),
    ("Conv2d(3, 2, 5, padding=2)", (2, 3, 7, 6)),
    ("Conv2d(3, 4, 3, padding=2, dilation=2)", (2, 3, 9, 8)),
    ("Conv2d(2, 3, (2, 3), stride=(3, 2), padding=(1, 2), dilation=(2, 1))", (2, 2, 11, 9)),
    ("Conv2d(3, 4, 3, bias=False)", (2, 3, 6, 7)),
    ("Conv2d(3, 4, 3, padding=1)", (3, 8, 7)),
    ("TransposeConv2d(3, 4, 3)", (2, 3, 5, 6)),
    ("TransposeConv2d(4, 3, 4, 2, padding=1)", (2, 4, 5, 3)),
    ("TransposeConv2d(4, 3, 3, 2)", (2, 4, 5, 3)),
    ("TransposeConv2d(4, 3, 3, 2, padding=1, output_padding=1)", (2, 4, 4, 5)),
    ("TransposeConv2d(2, 3, (2, 3), stride=(3, 2), padding=(1, 0))", (2, 2, 4, 5)),
    ("TransposeConv2d(3, 4, 3, dilation=2, bias=False)", (2, 3, 4, 5)),
    ("TransposeConv2d(3, 4, 2, 2)", (3, 5, 4)),
    ("NearestUpsampling()", (2, 3, 4, 5)),
    ("NearestUpsampling(2)", (2, 3, 4, 5)),
    ("NearestUpsampling(3)", (3, 4, 5)),
    ("Upsampling(3, 4, 3, padding=1)", (2, 3, 4, 5)),
    ("Upsampling(3, 4, 5, padding=2)", (3, 4, 5)),
    ("ReLU()", (2, 3, 4, 5)),
    ("LeakyReLU(0.01)", (2, 3, 4, 5)),
    ("LeakyReLU(0.2)", (7,)),
    ("Sigmoid()", (2, 3, 4, 5)),
    ("Sequential(Conv2d(3, 4, 3), Sigmoid())", (2, 3, 7, 6)),
    *((network, (2, 3, 16, 12)) for network in HANDOUT_NETWORKS),
]
EXTRAS = {  # what torch's blocks take, and the handout does not mention: how an expression shows it
    "padding": "padding=",
    "dilation": "dilation=",
    "bias": "bias=",
    "a default factor": r"NearestUpsampling\(\)",
    "a size of two numbers": r"\(\d, \d\)",
}
OPEN = "not taken, and the handout does not demand it"
OPTIMIZERS = ["SGD(p, 0.1)", "SGD(p, 0.1, 0.9)", "SGD(p, lr=0.1, momentum=0.5)"]


def names(s: Subject) -> None:
    """model.py has every name that the handout demands, and one of the two upsamplings."""
    missing = [name for name in REQUIRED if not hasattr(s.module, name)]
    if not any(hasattr(s.module, name) for name in EITHER):
        missing.append(" or ".join(EITHER))
    require(not missing, f"model.py has no {', no '.join(missing)}")


def as_handed_out(s: Subject) -> None:
    """The course's own tests of the blocks: torch.allclose at its default tolerance."""
    for _ in range(5):
        x, conv, sigmoid = torch.randn(1, 3, 32, 32), s.module.Conv2d(3, 3, 3), s.module.Sigmoid()
        expected = F.conv2d(x, conv.weight, conv.bias)
        # Values near 0 come this close only if the sums start from the bias, as torch's do.
        require(allclose(conv.forward(x), expected), "Conv2d differs from F.conv2d")
        require(allclose(sigmoid.forward(x), x.sigmoid()), "Sigmoid differs from torch's")
        both = s.module.Sequential(conv, sigmoid).forward(x)
        require(allclose(both, expected.sigmoid()), "Sequential differs from its blocks")


def build(s: Subject, expression: str) -> tuple[Any, nn.Module]:
    """Make a block and its reference, which has the same values in its parameters."""
    ours, reference = eval(expression, dict(vars(s.module))), eval(expression, dict(REFERENCE))
    for (value, _), parameter in zip(ordered_pairs(ours, reference), reference.parameters()):
        parameter.data.copy_(value)
    return ours, reference


def ordered_pairs(ours: Any, reference: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """The pairs of param() in the order of torch's parameters: each is found by its size.

    In which order param() lists them, such as the weight or the bias first, the handout leaves
    open.
    """
    pairs = list(ours.param())
    found = [[tuple(value.shape), tuple(gradient.shape)] for value, gradient in pairs]
    expected = [2 * [tuple(parameter.shape)] for parameter in reference.parameters()]
    text = f"param() has pairs of sizes {found}, expected {expected}"
    require(sorted(found) == sorted(expected), text)
    return [pairs[found.index(sizes)] for sizes in expected]


def alone(result: Any) -> Any:
    """What a block gives: "a tensor or a tuple of tensors", says the handout; here one tensor."""
    return result[0] if isinstance(result, tuple) and len(result) == 1 else result


def require_same_pairs(pairs: list[tuple[Tensor, Tensor]], reference: nn.Module) -> None:
    """Refuse pairs of `param()` that differ from the reference's parameters and gradients."""
    for (value, gradient), parameter in zip(pairs, reference.parameters()):
        require_same("a parameter in param()", value, parameter.detach())
        require_same("an accumulated gradient in param()", gradient, parameter.grad)


def is_something_else(s: Subject) -> bool:
    """Whether Upsampling is something else than nearest upsampling and a convolution.

    The handout leaves open what it is. A transposed convolution is known by its weight of
    (in, out, ...), and other kinds take no such arguments at all.
    """
    try:
        pairs = s.module.Upsampling(3, 4, 3, padding=1).param()
    except Exception:  # noqa: BLE001 - any error says that this is not taken
        return True
    return any(tuple(value.shape[:2]) == (3, 4) for value, _ in pairs)


def not_taken(s: Subject, expression: str, size: tuple[int, ...]) -> str | None:
    """Which extras of `expression` a submission refuses by an error; None where it takes them."""
    extras = [name for name, pattern in EXTRAS.items() if re.search(pattern, expression)]
    extras += ["an image without a batch"] if len(size) == 3 else []
    try:
        if extras:
            build(s, expression)[0].forward(torch.randn(size))
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001 - any error says that this is not taken
        text = f"{expression} of {size} is not taken: {type(error).__name__}: {error}"
        s.warn("ours", f"{s.name}: {text}")
        return f"{' with '.join(extras)} is {OPEN}"
    return None


def not_asked_for(s: Subject, expression: str) -> str | None:
    """Why the handout does not ask for the blocks of `expression`, None where it does."""
    used = set(re.findall(r"[A-Za-z]\w*(?=\()", expression))
    absent = sorted(name for name in used - set(REQUIRED) if not hasattr(s.module, name))
    if absent:
        names(s)  # fails if neither of the two upsamplings is there
        return f"there is no {' and no '.join(absent)}, which the handout does not demand"
    if "Upsampling" in used and is_something_else(s):
        text = "Upsampling is something else than nearest upsampling and a convolution"
        s.warn("ours", f"{s.name}: {text}")
        return text
    return None


def layer(s: Subject, expression: str, size: tuple[int, ...]) -> str | None:
    """Output, input gradient and accumulated gradients are autograd's, with autograd off or on.

    An extra of torch's that is refused by an error draws a warning only.
    """
    remark = not_asked_for(s, expression) or not_taken(s, expression, size)
    if remark:
        return remark
    for enabled in (False, True):
        ours, reference = build(s, expression)
        for _ in range(2):  # the second pass adds to the gradients of the first
            leaf = torch.randn(size).requires_grad_()
            leaf.data.view(-1)[::5] = 0  # where ReLU has its corner
            with torch.enable_grad():  # whatever the submission has set
                expected = reference(leaf) if len(size) != 3 else reference(leaf[None])[0]
                gradient = torch.randn(expected.shape)
                expected.backward(gradient)
            given = leaf.detach().clone(), gradient.clone()
            with torch.set_grad_enabled(enabled), no_graph(), nothing_changes(settings_and_rng):
                output, backward = alone(ours.forward(given[0])), alone(ours.backward(given[1]))
            require_same("forward", output, expected.detach())
            require_same("backward", backward, leaf.grad)
            require_untouched("the input", given[0], leaf)
            require_untouched("the gradient of the output", given[1], gradient)
        require_same_pairs(ordered_pairs(ours, reference), reference)
    return None


def gradient_of(s: Subject, loss: Any) -> Tensor:
    """What backward() of a loss gives, or with the handout's argument, backward(1)."""
    try:
        return alone(loss.backward())
    except Exception as error:  # noqa: BLE001 - any error may say that it needs its argument
        try:
            gradient = alone(loss.backward(torch.ones(())))
        except TypeError:  # it takes no argument, so this was not what it lacked
            raise error from None
        s.warn("ours", f"{s.name}: MSE.backward() without the gradient of the loss is {OPEN}")
        return gradient


def mse(s: Subject) -> None:
    """MSE() is the mean over all elements; backward() gives its gradient."""
    for size in [(2, 3, 4, 5), (7,), (1, 1)]:
        leaf, target = torch.randn(size).requires_grad_(), torch.randn(size)
        with torch.enable_grad():
            expected = F.mse_loss(leaf, target)
            expected.backward()
        loss, prediction = s.module.MSE(), leaf.detach()
        value = torch.as_tensor(alone(loss.forward(prediction, target))).reshape(())
        require_same("forward", value, expected.detach())
        require_same("backward", gradient_of(s, loss), leaf.grad)


def optimizer(s: Subject, expression: str) -> str | None:
    """Steps are torch.optim.SGD's, for p = param() or for the module; earlier pairs stay valid.

    An SGD that takes only one of the two is none the worse for it, nor is one without momentum or
    zero_grad(), which the handout does not mention: what is not taken must raise an error.
    """
    errors: dict[str, Exception] = {}
    for taken in ("param()", "the module"):
        try:
            optimize(s, expression, by_module=taken == "the module")
        except Refusal:
            raise
        except Exception as error:  # noqa: BLE001 - any error says that this form is not taken
            errors[taken] = error
    if len(errors) == 2:
        text = f"{expression} is not taken: {errors['param()']}"
        without_momentum = all(isinstance(error, TypeError) for error in errors.values())
        require(without_momentum and expression != OPTIMIZERS[0], text)
        s.warn("ours", f"{s.name}: {text}")
        return OPEN
    for taken in errors:
        s.warn("ours", f"{s.name}: SGD does not take {taken}")
        return f"{taken} is not taken"
    return None


def optimize(s: Subject, expression: str, by_module: bool) -> None:
    """Take four steps with the submission's optimizer and with torch's, and compare them."""
    ours, reference = build(s, "Sequential(Conv2d(3, 4, 3), ReLU(), Conv2d(4, 3, 1))")
    pairs, loss = ordered_pairs(ours, reference), s.module.MSE()
    ours_step = eval(expression, {"SGD": s.module.SGD, "p": ours if by_module else ours.param()})
    torch_step = eval(expression, {"SGD": torch.optim.SGD, "p": reference.parameters()})
    for _ in range(4):
        x, target = torch.randn(2, 3, 6, 5), torch.randn(2, 3, 4, 3)
        if hasattr(ours_step, "zero_grad"):
            ours_step.zero_grad()
        else:
            s.warn("ours", f"{s.name}: SGD has no zero_grad(), which the handout does not demand")
            for _, gradient in pairs:
                gradient.zero_()
        loss.forward(alone(ours.forward(x)), target)
        ours.backward(gradient_of(s, loss))
        ours_step.step()
        torch_step.zero_grad()
        with torch.enable_grad():
            F.mse_loss(reference(x), target).backward()
        torch_step.step()
        require_same_pairs(pairs, reference)
        require_same("forward after a step", alone(ours.forward(x)), reference(x).detach())


def pairs_of(model: object) -> list[Tensor]:
    """The tensors in the pairs of all modules that are attributes of the model."""
    networks = [value for value in vars(model).values() if callable(getattr(value, "param", None))]
    return [tensor for network in networks for pair in network.param() for tensor in pair]


def loading_keeps_pairs(s: Subject) -> str | None:
    """Pairs that a network's param() gave stay its own when the model loads and trains."""
    model = s.new()
    before = pairs_of(model)
    model.load_pretrained_model()
    model.train(s.noisy[:64], s.clean[:64], num_epochs=1)
    same = [equal(old, new) for old, new in zip(before, pairs_of(model))]
    require(all(same), "the pairs that param() gave before have other values than it gives now")
    return None if before else "Model has no attribute that is a module with parameters"
