"""The optimizers: SGD and Adam, step for step as torch defines them."""

from typing import List, Sequence, Tuple, Union

from .module import Module
from .tensor import Tensor

Pairs = Sequence[Tuple[Tensor, Tensor]]


class _Optimizer:
    """Holds the pairs (parameter, gradient) that `param()` gives, or takes them from a module."""

    def __init__(self, params: Union[Pairs, Module], **settings: float) -> None:
        self.params: List[Tuple[Tensor, Tensor]] = list(
            params.param() if isinstance(params, Module) else params
        )
        if not self.params:
            raise ValueError(f"{type(self).__name__} got no parameters to train")
        wrong = {name: value for name, value in settings.items() if not value >= 0}
        if wrong:
            raise ValueError(f"{type(self).__name__} expects settings of at least 0, got {wrong}")

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for _, gradient in self.params:
            gradient.zero_()


class SGD(_Optimizer):
    """v ← momentum · v + (1 - dampening) · g, p ← p - lr · v, as torch.optim.SGD.

    g includes weight_decay · p. The first v is g itself. With `nesterov`, the step is along
    g + momentum · v instead. `lr` may be changed between steps.
    """

    def __init__(
        self,
        params: Union[Pairs, Module],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("nesterov needs a momentum and no dampening")
        self.lr, self.momentum, self.dampening = lr, momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov
        self.velocities: List[Tensor] = []

    def step(self) -> None:
        """Change every parameter in place by its gradient."""
        first = self.momentum != 0 and not self.velocities
        if first:
            self.velocities = [gradient.clone().zero_() for _, gradient in self.params]
        for index, (parameter, gradient) in enumerate(self.params):
            step = gradient
            if self.weight_decay:
                step = step + self.weight_decay * parameter
            if self.momentum:
                velocity = self.velocities[index] = self.velocities[index].to(step)
                velocity.mul_(self.momentum).add_(step, alpha=1 if first else 1 - self.dampening)
                step = step + self.momentum * velocity if self.nesterov else velocity
            parameter.sub_(step, alpha=self.lr)


class Adam(_Optimizer):
    """m and v, the moving means of g and g²; p ← p - lr · m̂ / (√v̂ + eps), as torch.optim.Adam.

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) undo the start at zero; g includes weight_decay · p.
    """

    def __init__(
        self,
        params: Union[Pairs, Module],
        lr: float = 1e-3,
        betas: Tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(params, lr=lr, beta1=betas[0], beta2=betas[1], eps=eps)
        if max(betas) >= 1:
            raise ValueError(f"Adam expects betas below 1, got {betas}")
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.steps = 0
        self.means = [gradient.clone().zero_() for _, gradient in self.params]
        self.squares = [gradient.clone().zero_() for _, gradient in self.params]

    def step(self) -> None:
        """Change every parameter in place by its gradient."""
        self.steps += 1
        beta1, beta2 = self.betas
        for index, (parameter, gradient) in enumerate(self.params):
            if self.weight_decay:
                gradient = gradient + self.weight_decay * parameter
            mean = self.means[index] = self.means[index].to(gradient)
            square = self.squares[index] = self.squares[index].to(gradient)
            mean.mul_(beta1).add_(gradient, alpha=1 - beta1)
            square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            root = (square / (1 - beta2**self.steps)).sqrt_().add_(self.eps)
            parameter.addcdiv_(mean, root, value=-self.lr / (1 - beta1**self.steps))
