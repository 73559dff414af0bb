"""Penalties on the kernels of convolutions, by their names.

With W a kernel of shape (out, in, k, k) as a matrix of `out` rows, and |·| and squares entry by
entry:

    l1               a Σ|W|
    l2               b Σ W²
    soft_orthonormal λ ‖W Wᵀ − I‖² + a Σ|W Wᵀ| + b Σ(W Wᵀ)²
    soft_orthogonal  the same of W Wᵀ with its diagonal set to 0, and no I: rows may grow or vanish
    erf              a Σ|W ⊙ G| + b Σ(W ⊙ G)², G a Gaussian over the k x k taps with sum 1

The third is that of Bansal et al., "Can we gain more from orthogonality regularizations in training
deep CNNs?", 2018; the last one costs most in the middle of a kernel and so widens the effective
receptive field. All are as in the library "blind image denoising" (N. Markou), defaults included.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Callable

import torch
from torch import Tensor, nn

Term = dict[str, Any]  # {"name": ..., and parameters of the penalty}


def norms(values: Tensor, a: float, b: float) -> Tensor:
    """a Σ|v| + b Σ v²."""
    return a * values.abs().sum() + b * values.square().sum()


def l1(kernel: Tensor, a: float = 0.01) -> Tensor:
    """a Σ|W|."""
    return norms(kernel, a, 0.0)


def l2(kernel: Tensor, b: float = 0.01) -> Tensor:
    """b Σ W²."""
    return norms(kernel, 0.0, b)


def soft_orthonormal(
    kernel: Tensor, factor: float = 1.0, a: float = 0.01, b: float = 0.0
) -> Tensor:
    """factor ‖W Wᵀ − I‖² + a Σ|W Wᵀ| + b Σ(W Wᵀ)²."""
    products = kernel.flatten(1) @ kernel.flatten(1).T  # (out, out)
    identity = torch.eye(len(products), device=kernel.device, dtype=kernel.dtype)
    return factor * (products - identity).square().sum() + norms(products, a, b)


def soft_orthogonal(kernel: Tensor, factor: float = 1.0, a: float = 0.01, b: float = 0.0) -> Tensor:
    """The same without I, of the products of different rows only."""
    products = kernel.flatten(1) @ kernel.flatten(1).T
    different = products - torch.diag(products.diagonal())
    return factor * different.square().sum() + norms(different, a, b)


def erf(kernel: Tensor, a: float = 0.01, b: float = 0.0, sigma: float = 1.0) -> Tensor:
    """a Σ|W ⊙ G| + b Σ(W ⊙ G)²; taps are from −1 to 1, `sigma` is the width of G there.

    Of a 1x1 kernel it is a Σ|W| + b Σ W².
    """
    rows, columns = (
        torch.linspace(-1, 1, size, device=kernel.device, dtype=kernel.dtype)
        if size > 1
        else torch.zeros(1, device=kernel.device, dtype=kernel.dtype)
        for size in kernel.shape[2:]
    )
    weight = torch.exp(-(rows[:, None] ** 2 + columns**2) / (2 * sigma**2))
    return norms(kernel * (weight / weight.sum()), a, b)


REGULARISERS: dict[str, Callable[..., Tensor]] = {
    "l1": l1,
    "l2": l2,
    "soft_orthonormal": soft_orthonormal,
    "soft_orthogonal": soft_orthogonal,
    "erf": erf,
}


def check_terms(terms: Sequence[Term]) -> None:
    """ValueError that says what was expected for a term of another form, name or parameter."""
    for term in terms:
        name = term.get("name") if isinstance(term, dict) else None
        if name not in REGULARISERS:
            expected = ", ".join(REGULARISERS)
            raise ValueError(f'a regulariser is {term!r}; expected a "name" among {expected}')
        known = list(inspect.signature(REGULARISERS[name]).parameters)[1:]
        for key, value in term.items():
            if key == "name":
                continue
            if key not in known:
                raise ValueError(f"{name} has no {key!r}; expected some of {', '.join(known)}")
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or value < 0 or (key == "sigma" and value == 0):
                raise ValueError(f"{key} of {name} is {value!r}; expected a number above 0, or 0")


def penalty(net: nn.Module, terms: Sequence[Term]) -> Tensor:
    """The sum of all terms over all convolutions of a network; 0 without terms."""
    result = torch.zeros((), device=next(net.parameters()).device)
    for term in terms:
        parameters = {key: value for key, value in term.items() if key != "name"}
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                result = result + REGULARISERS[term["name"]](module.weight, **parameters)
    return result
