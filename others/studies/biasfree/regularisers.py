"""Penalties on the kernels of convolutions, each a class of settings that is called with a kernel.

With W a kernel of shape (out, in, k, k) as a matrix of `out` rows, and |·| and squares entry by
entry:

    l1               a Σ|W|
    l2               b Σ W²
    soft_orthonormal λ ‖W Wᵀ − I‖² + a Σ|W Wᵀ| + b Σ(W Wᵀ)²
    soft_orthogonal  the same of W Wᵀ with its diagonal set to 0, and no I: rows may grow or vanish
    erf              a Σ|W ⊙ G| + b Σ(W ⊙ G)², G a Gaussian over the k x k taps with sum 1

The third is that of Bansal et al., "Can we gain more from orthogonality regularizations in training
deep CNNs?", 2018. The last one costs most in the middle of a kernel and so widens the effective
receptive field. All are as in the library "blind image denoising" (N. Markou), defaults included.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Union

import torch
from pydantic import Field
from torch import Tensor, nn

from others.records.settings import settings

Factor = Annotated[float, Field(ge=0)]


def norms(values: Tensor, a: float, b: float) -> Tensor:
    """a Σ|v| + b Σ v²."""
    return a * values.abs().sum() + b * values.square().sum()


@settings
class L1:
    """a Σ|W|."""

    name: Literal["l1"] = "l1"
    a: Factor = 0.01

    def __call__(self, kernel: Tensor) -> Tensor:
        return norms(kernel, self.a, 0.0)


@settings
class L2:
    """b Σ W²."""

    name: Literal["l2"] = "l2"
    b: Factor = 0.01

    def __call__(self, kernel: Tensor) -> Tensor:
        return norms(kernel, 0.0, self.b)


@settings
class SoftOrthonormal:
    """factor ‖W Wᵀ − I‖² + a Σ|W Wᵀ| + b Σ(W Wᵀ)²."""

    name: Literal["soft_orthonormal"] = "soft_orthonormal"
    factor: Factor = 1.0
    a: Factor = 0.01
    b: Factor = 0.0

    def __call__(self, kernel: Tensor) -> Tensor:
        products = kernel.flatten(1) @ kernel.flatten(1).T  # (out, out)
        identity = torch.eye(len(products), device=kernel.device, dtype=kernel.dtype)
        error = (products - identity).square().sum()
        return self.factor * error + norms(products, self.a, self.b)


@settings
class SoftOrthogonal:
    """factor ‖P‖² + a Σ|P| + b Σ P² with P the products of different rows of W."""

    name: Literal["soft_orthogonal"] = "soft_orthogonal"
    factor: Factor = 1.0
    a: Factor = 0.01
    b: Factor = 0.0

    def __call__(self, kernel: Tensor) -> Tensor:
        products = kernel.flatten(1) @ kernel.flatten(1).T  # (out, out)
        different = products - torch.diag(products.diagonal())
        return self.factor * different.square().sum() + norms(different, self.a, self.b)


@settings
class EffectiveField:
    """a Σ|W ⊙ G| + b Σ(W ⊙ G)², where the taps of a kernel lie from −1 to 1 along either axis.

    A 1x1 kernel has one tap, in the middle, where G is 1.
    """

    name: Literal["erf"] = "erf"
    a: Factor = 0.01
    b: Factor = 0.0
    sigma: Annotated[float, Field(gt=0)] = 1.0  # standard deviation of G, on the scale of the taps

    def __call__(self, kernel: Tensor) -> Tensor:
        rows, columns = (
            torch.linspace(-1, 1, size, device=kernel.device, dtype=kernel.dtype)
            if size > 1
            else torch.zeros(1, device=kernel.device, dtype=kernel.dtype)
            for size in kernel.shape[2:]
        )
        weight = torch.exp(-(rows[:, None] ** 2 + columns**2) / (2 * self.sigma**2))
        return norms(kernel * (weight / weight.sum()), self.a, self.b)


Regulariser = Annotated[
    Union[L1, L2, SoftOrthonormal, SoftOrthogonal, EffectiveField],
    Field(discriminator="name"),  # {"name": "l1", "a": 0.1} in a JSON file
]


def penalty(net: nn.Module, terms: Sequence[Regulariser]) -> Tensor:
    """The sum of all terms over all convolutions of a network; 0 without terms."""
    result = torch.zeros((), device=next(net.parameters()).device)
    for term in terms:
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                result = result + term(module.weight)
    return result
