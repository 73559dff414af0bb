"""What every block shares: the handout's `Module`, and the container `Sequential`.

A module's `forward` keeps what its `backward` needs. `backward` takes the gradient of the loss with
respect to the module's output, *adds* the gradients of its parameters to their gradient tensors,
and returns the gradient with respect to its input. Nothing here builds a graph: inputs are
detached on entry, parameters are plain tensors, and autograd may be on or off.
"""

from typing import Any, Dict, Iterator, List, Optional, Tuple

from .tensor import Tensor

Named = Tuple[str, Tensor, Tensor]  # name, parameter, gradient


class Module:
    """A differentiable function with parameters, or without."""

    _output_shape: Optional[Tuple[int, ...]] = None  # of the last forward pass

    def forward(self, *inputs: Tensor) -> Tensor:
        """The function itself."""
        raise NotImplementedError

    def backward(self, *gradients: Tensor) -> Tensor:
        """The gradient of the loss with respect to the input, given that of the output."""
        raise NotImplementedError

    def accumulate(self, *gradients: Tensor) -> None:
        """`backward` without its result, which the first layer of a network need not compute."""
        self.backward(*gradients)

    def named(self) -> Iterator[Named]:
        """Each parameter with its name and its gradient, both changed in place only."""
        return iter(())

    def param(self) -> List[Tuple[Tensor, Tensor]]:
        """Pairs (parameter, gradient) of one size; they stay valid through steps and loading."""
        return [(value, gradient) for _, value, gradient in self.named()]

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for _, gradient in self.param():
            gradient.zero_()

    def state_dict(self) -> Dict[str, Tensor]:
        """Copies of the parameters by name."""
        return {name: value.clone() for name, value, _ in self.named()}

    def load_state_dict(self, state: Dict[str, Tensor]) -> None:
        """Copy values into the parameters.

        Raises:
            ValueError: a name is missing or unknown, or a shape differs; nothing is changed then.
        """
        own = {name: value for name, value, _ in self.named()}
        if set(state) != set(own):
            raise ValueError(f"expected the parameters {sorted(own)}, got {sorted(state)}")
        for name, value in own.items():
            if state[name].shape != value.shape:
                expected, found = tuple(value.shape), tuple(state[name].shape)
                raise ValueError(f"{name} has the shape {expected}, got {found}")
        for name, value in own.items():
            value.copy_(state[name].detach())

    def to(self, device: Any) -> "Module":
        """Move parameters and gradients, in place: the pairs of `param()` stay valid."""
        for pair in self.param():
            for tensor in pair:
                tensor.data = tensor.data.to(device)
        return self

    def __call__(self, *inputs: Tensor) -> Tensor:
        return self.forward(*inputs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _enter(self, value: Tensor) -> Tensor:
        """Any input: a floating tensor, taken out of any graph."""
        if not isinstance(value, Tensor) or not value.is_floating_point():
            kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(f"{self} expects a floating point tensor, got {kind}")
        return value.detach()

    def _leave(self, output: Tensor) -> Tensor:
        self._output_shape, self._output_type = tuple(output.shape), output.dtype
        return output

    def _check_gradient(self, gradient: Tensor) -> Tensor:
        """Any gradient: as large as the output of the last forward pass, and made of its type."""
        if self._output_shape is None:
            raise RuntimeError(f"{self}: backward was called before forward")
        if tuple(gradient.shape) != self._output_shape:
            raise ValueError(
                f"{self} expects a gradient of the shape {self._output_shape} of its output, "
                f"got {tuple(gradient.shape)}"
            )
        return gradient.detach().to(self._output_type)


class Sequential(Module):
    """Modules one after the other: `Sequential(Conv2d(3, 8, 3), ReLU())`; it may hold others."""

    def __init__(self, *modules: Module) -> None:
        for module in modules:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential holds modules, got {type(module).__name__}")
        self.modules = modules

    def forward(self, *inputs: Tensor) -> Tensor:
        (value,) = inputs
        for module in self.modules:
            value = module.forward(value)
        return value

    def backward(self, *gradients: Tensor) -> Tensor:
        """The chain rule: each module's gradient is the next one's, from the last to the first."""
        (gradient,) = gradients
        for module in reversed(self.modules):
            gradient = module.backward(gradient)
        return gradient

    def accumulate(self, *gradients: Tensor) -> None:
        """As `backward`, but the first module only accumulates."""
        (gradient,) = gradients
        for module in reversed(self.modules[1:]):
            gradient = module.backward(gradient)
        for module in self.modules[:1]:
            module.accumulate(gradient)

    def named(self) -> Iterator[Named]:
        for index, module in enumerate(self.modules):
            for name, value, gradient in module.named():
                yield f"{index}.{name}", value, gradient

    def __getitem__(self, index: int) -> Module:
        return self.modules[index]

    def __len__(self) -> int:
        return len(self.modules)

    def __repr__(self) -> str:
        lines = (f"  ({index}): {module}" for index, module in enumerate(self.modules))
        return "Sequential(\n" + "\n".join(line.replace("\n", "\n  ") for line in lines) + "\n)"
