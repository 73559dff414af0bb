"""The optimizers: SGD, Adam and Muon, step for step as torch defines them."""

from typing import Any, Dict, Iterator, List, Sequence, Tuple, Union

from .batched import is_short, multiply
from .module import Module
from .storage import joined, lasting, separate
from .tensor import Tensor

Parameters = Sequence[Tuple[Tensor, Tensor]]  # each with its gradient


class _Optimizer:
    """Holds the pairs (parameter, gradient) that `param()` gives, or takes them from a module.

    On a GPU, where each call costs much, the tensors of a module are moved into one memory, so that
    a step takes a few calls for all of them. They stay the same tensors, but a view that was taken
    of one before the first step, as by `detach()`, is left behind. Pairs may themselves be views of
    what is to be trained, so they are never moved.

    Raises:
        TypeError: anything but pairs of tensors.
        ValueError: no pairs, a gradient of another shape than its parameter, two gradients of one
            parameter, a negative setting.
    """

    def __init__(
        self, params: Union[Parameters, Module], lr: float, weight_decay: float, **settings: float
    ) -> None:
        module = isinstance(params, Module)
        self.params = check_parameters(params.param() if module else list(params))
        # A block with a `param()` of its own may give new views of its tensors at every call.
        self.movable = module and same_tensors(self.params, params.param())
        self._check(lr=lr, weight_decay=weight_decay, **settings)
        self.lr, self.weight_decay = lr, weight_decay

    def _check(self, **settings: float) -> None:
        """ValueError for settings below 0."""
        wrong = {name: value for name, value in settings.items() if not value >= 0}
        if wrong:
            raise ValueError(f"{type(self).__name__} expects settings of at least 0, got {wrong}")

    def step(self) -> None:
        """Change every parameter in place by its gradient."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for (gradient,) in self._flat_or_each([gradient for _, gradient in self.params]):
            gradient.zero_()

    def _flat(self, *states: List[Tensor]) -> Iterator[Tuple[Tensor, ...]]:
        """The parameters, the gradients plus weight_decay · p, and each state.

        A state follows the gradients to their type and device.
        """
        parameters, gradients = (list(tensors) for tensors in zip(*self.params))
        for state in states:
            state[:] = [one.to(gradient) for one, gradient in zip(state, gradients)]
        for parameter, gradient, *rest in self._flat_or_each(parameters, gradients, *states):
            if self.weight_decay:
                gradient = gradient + self.weight_decay * parameter
            yield (parameter, gradient, *rest)

    def _flat_or_each(self, *lists: List[Tensor]) -> Iterator[Tuple[Tensor, ...]]:
        """Lists with a tensor for each parameter: each list as one flat tensor, on a GPU.

        On a CPU, or where types or devices differ, the tensors of one parameter after the other
        instead. Either way they may be changed in place, also where they ask for gradients.
        """
        kinds = {(one.dtype, one.device) for tensors in lists for one in tensors}
        if self.movable and len(kinds) == 1 and calls_are_slow(lists[0][0]):
            yield tuple(joined(tensors) for tensors in lists)
        else:
            yield from zip(*([one.detach() for one in tensors] for tensors in lists))

    def _zeros(self) -> List[Tensor]:
        return [lasting(gradient.new_zeros, gradient.shape) for _, gradient in self.params]

    def __getstate__(self) -> Dict[str, Any]:
        """What copies and files get: tensors that have memory of their own."""
        lists = [value for value in vars(self).values() if isinstance(value, list)]
        separate(one for both in self.params for one in both)
        separate(one for each in lists if each is not self.params for one in each)
        return dict(vars(self))


class SGD(_Optimizer):
    """v ← momentum · v + (1 - dampening) · g, p ← p - lr · v, as torch.optim.SGD.

    g includes weight_decay · p. The first v is g itself. With `nesterov`, the step is along
    g + momentum · v instead. `lr` may be changed between steps.
    """

    def __init__(
        self,
        params: Union[Parameters, Module],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr, weight_decay, momentum=momentum)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("nesterov needs a momentum and no dampening")
        self.momentum, self.dampening, self.nesterov = momentum, dampening, nesterov
        self.velocities: List[Tensor] = []  # one for each parameter, from the first step on

    def step(self) -> None:
        for parameter, gradient, velocity in self._accelerate():
            step = gradient + self.momentum * velocity if self.nesterov else velocity
            parameter.sub_(step, alpha=self.lr)

    def _accelerate(self) -> List[Tuple[Tensor, ...]]:
        """Update the velocities; returns the flat parameters, gradients and velocities."""
        if not self.momentum:
            return [(parameter, gradient, gradient) for parameter, gradient in self._flat()]
        share = 1 - self.dampening if self.velocities else 1
        self.velocities = self.velocities or self._zeros()
        flat = list(self._flat(self.velocities))
        for _, gradient, velocity in flat:
            velocity.mul_(self.momentum).add_(gradient, alpha=share)
        return flat


class Muon(SGD):
    """SGD whose steps for the weights are made orthogonal, as torch.optim.Muon.

    A weight is a matrix with a row for each index of its first axis, which counts output channels,
    or in a transposed convolution input channels. Its gradient is dominated by a few directions: of
    the singular value decomposition U S Vᵀ of the step g + momentum · v, few values in S are large.
    Replacing S by ones gives U Vᵀ, the matrix nearest to the step among those with orthonormal rows
    (or columns), and rare directions are learned as fast as frequent ones. `orthogonal` comes near
    it by products alone: to about 30 % in the directions whose values in S are above 1/500 of the
    step's norm; smaller values grow as well, but stay below 1.

    The length of the step no longer depends on that of the gradient. `lr` is multiplied by
    √max(1, rows / columns), so that a change of the outputs is as large for a tall matrix as for a
    wide one. Parameters of one dimension, the biases, have no singular values:
    plain SGD with momentum changes them, at the rate `bias_factor` · lr.

    With `bfloat16`, the products of `orthogonal` take numbers of 16 bits, which is faster where a
    processor has instructions for them; torch always does so.

    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
    """

    def __init__(
        self,
        params: Union[Parameters, Module],
        lr: float = 0.02,
        momentum: float = 0.95,
        nesterov: bool = True,
        bias_factor: float = 100.0,
        iterations: int = 5,
        bfloat16: bool = False,
    ) -> None:
        super().__init__(params, lr, momentum, nesterov=nesterov)
        self._check(bias_factor=bias_factor, iterations=iterations)
        self.bias_factor, self.iterations, self.bfloat16 = bias_factor, iterations, bfloat16

    def step(self) -> None:
        self._accelerate()
        velocities = self.velocities if self.momentum else [gradient for _, gradient in self.params]
        for (value, gradient), velocity in zip(self.params, velocities):
            parameter = value.detach()  # it may ask for gradients, as torch.nn's do
            if parameter.dim() < 2:
                parameter.sub_(velocity, alpha=self.bias_factor * self.lr)
                continue
            step = gradient + self.momentum * velocity if self.nesterov else velocity
            matrix = step.flatten(1).bfloat16() if self.bfloat16 else step.flatten(1)
            rows, columns = matrix.shape
            rate = self.lr * max(1, rows / columns) ** 0.5
            step = orthogonal(matrix, self.iterations).to(parameter).reshape(parameter.shape)
            parameter.sub_(step, alpha=rate)


class Adam(_Optimizer):
    """m and v, the moving means of g and g²; p ← p - lr · m̂ / (√v̂ + eps), as torch.optim.Adam.

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) undo the start at zero; g includes weight_decay · p.
    """

    def __init__(
        self,
        params: Union[Parameters, Module],
        lr: float = 1e-3,
        betas: Tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(params, lr, weight_decay, beta1=betas[0], beta2=betas[1], eps=eps)
        if max(betas) >= 1:
            raise ValueError(f"Adam expects betas below 1, got {betas}")
        self.betas, self.eps = betas, eps
        self.steps = 0
        self.means, self.squares = self._zeros(), self._zeros()

    def step(self) -> None:
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, gradient, mean, square in self._flat(self.means, self.squares):
            mean.mul_(beta1).add_(gradient, alpha=1 - beta1)
            square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            root = (square / (1 - beta2**self.steps)).sqrt_().add_(self.eps)
            parameter.addcdiv_(mean, root, value=-self.lr / (1 - beta1**self.steps))


def check_parameters(pairs: Sequence[Any]) -> List[Tuple[Tensor, Tensor]]:
    """Return pairs (parameter, gradient) without repetitions, after checking that they are such.

    Raises:
        TypeError, ValueError: as `_Optimizer` says.
    """
    if not pairs:
        raise ValueError("an optimizer got no parameters to train")
    for pair in pairs:
        both = isinstance(pair, (tuple, list)) and len(pair) == 2
        if not both or not all(isinstance(one, Tensor) for one in pair):
            kind = type(pair).__name__
            raise TypeError(f"expected pairs (parameter, gradient) of tensors, got a {kind}")
        if pair[0].shape != pair[1].shape:
            shapes = f"{tuple(pair[0].shape)} and {tuple(pair[1].shape)}"
            raise ValueError(f"a parameter and its gradient must have one shape, got {shapes}")
    unique = {id(value): (value, gradient) for value, gradient in pairs}
    if any(unique[id(value)][1] is not gradient for value, gradient in pairs):
        raise ValueError("a parameter has two gradients: layers that share it must share one")
    return list(unique.values())


def same_tensors(some: Parameters, others: Parameters) -> bool:
    """Whether both hold the same objects, in any order."""
    ids = [{id(one) for pair in pairs for one in pair} for pairs in (some, others)]
    return ids[0] == ids[1]


def calls_are_slow(tensor: Tensor) -> bool:
    """Whether a call costs more than its work on a small tensor, as on a GPU."""
    return tensor.device.type != "cpu"


def orthogonal(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Nearly U Vᵀ for the matrix U S Vᵀ, by Newton and Schulz's iteration.

    X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X leaves U and V alone and takes each singular value σ to
    a σ + b σ³ + c σ⁵. The matrix is divided by its norm first, so that no σ is above 1.
    The coefficients are Jordan's: the slope a at zero is as large as it can be, so that five steps
    bring small values up, at the price that large ones end anywhere from 0.7 to 1.2.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    exact = matrix.float() if is_short(matrix) else matrix  # torch 1.11 sums up in 16 bits
    x = matrix / exact.norm().clamp(min=1e-7)
    x = x.t() if tall else x  # the smaller of X Xᵀ and Xᵀ X
    square = x.new_empty(x.shape[0], x.shape[0])
    for _ in range(iterations):
        multiply(square, x, x.t())
        polynomial = (-4.7750 * square).addmm_(square, square, alpha=2.0315)
        x = (3.4445 * x).addmm_(polynomial, x)
    return x.t() if tall else x
