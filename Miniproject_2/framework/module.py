"""What every block shares: the handout's `Module`, and the container `Sequential`.

A module's `forward` keeps what its `backward` needs. `backward` takes the gradient of the loss with
respect to the module's output, *adds* the gradients of its parameters to their gradient tensors,
and returns the gradient with respect to its input. Nothing here builds a graph: inputs are
detached on entry, parameters are plain tensors, and autograd may be on or off.

A block defines `_forward` and `_backward`, which are its mathematics and nothing else. `Module`
checks what comes in, remembers, and turns (C, H, W) into a batch of one image and back.
"""

from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple
from weakref import ref

from .storage import lasting, separate
from .tensor import Tensor

Named = Tuple[str, Tensor, Tensor]  # name, parameter, gradient


class Memory:
    """What a forward pass leaves for its backward pass.

    Attributes:
        kept: what `_backward` needs: tensors, or the memories of other modules.
        versions: how often each of them had been changed in place by then.
        shape, dtype: of the output.
        single: whether the image came as (C, H, W).
        skipped: whether the forward pass before this one had no backward pass.
        answered: the gradient of the last backward pass, if there was one; it is not kept alive.
    """

    def __init__(self, kept: Tuple[Any, ...], output: Tensor, single: bool, skipped: bool) -> None:
        self.kept, self.versions = kept, [version(value) for value in kept]
        self.shape, self.dtype = tuple(output.shape), output.dtype
        self.single, self.skipped = single, skipped
        self.answered: Optional[Callable[[], object]] = None


class Module:
    """A differentiable function with parameters, or without.

    `backward` belongs to the last `forward`, whose input, output and weights must not have been
    changed in place since. It may be called again, and then adds the gradients again.
    """

    inputs = 1  # of `forward`
    images = False  # whether its inputs are images, (N, C, H, W) or (C, H, W)
    in_channels = 0  # of those images: any number
    _memory: Optional[Memory] = None  # of the last forward pass

    def forward(self, *inputs: Tensor) -> Tensor:
        """The function itself.

        A contiguous input gives a contiguous output, as in torch; a batch of images in the order
        (N, H, W, C) gives one in that order.

        Raises:
            TypeError: another number of inputs, or anything but floating point tensors.
            ValueError: a shape that the block does not take.
        """
        if len(inputs) != self.inputs:
            raise TypeError(f"{self} expects {self.inputs} input(s), got {len(inputs)}")
        values = [self._check_input(value) for value in inputs]
        single = self.images and values[0].dim() == 3
        skipped = self._forget()
        output, *kept = self._forward(
            *(value.unsqueeze(0) if single else value for value in values)
        )
        output = output.contiguous() if values[0].is_contiguous() else output
        output = output.squeeze(0) if single else output
        self._memory = Memory(tuple(kept), output, single, skipped)  # at once: threads may share it
        return output

    def backward(self, *gradients: Tensor) -> Tensor:
        """The gradient of the loss with respect to the input, given that of the output.

        Raises:
            RuntimeError: there was no forward pass; what it kept has been changed in place; or
                the pass has had its backward pass and the one before it has not, so that this
                gradient may be meant for the earlier one.
            TypeError, ValueError: not one tensor of the shape of the output.
        """
        return self._answer(self._backward, gradients)

    def accumulate(self, *gradients: Tensor) -> None:
        """`backward` without its result, which the first layer of a network need not compute."""
        if self._memory is None:  # of a class that has a `forward` and a `backward` of its own
            self.backward(*gradients)
        else:
            self._answer(self._accumulate, gradients)

    def _forward(self, *inputs: Tensor) -> Tuple[Any, ...]:
        """The output, and after it whatever `_backward` needs; images always come in batches."""
        raise NotImplementedError

    def _backward(self, gradient: Any, *kept: Any) -> Any:
        """The mathematics of `backward`, given what `_forward` has kept."""
        raise NotImplementedError

    def _accumulate(self, gradient: Any, *kept: Any) -> None:
        self._backward(gradient, *kept)

    def _answer(self, function: Callable[..., Any], gradients: Tuple[Optional[Tensor], ...]) -> Any:
        memory = self._memory
        if memory is None:
            raise RuntimeError(f"{self}: backward was called before forward")
        if [version(value) for value in memory.kept] != memory.versions:
            raise RuntimeError(
                f"{self}: its input, output or weights were changed in place between forward and "
                "backward, which needs them as they were"
            )
        given = gradients[0] if gradients else None
        gradient = self._check_gradient(gradients, memory)
        if memory.skipped and memory.answered and memory.answered() is not given:
            raise RuntimeError(
                f"{self}: backward was called again after several calls of forward, but only the "
                "last of them is remembered: call forward before each backward"
            )
        memory.answered = ref(self if given is None else given)
        if gradient is None:
            return function(None, *memory.kept)
        answer = function(gradient.unsqueeze(0) if memory.single else gradient, *memory.kept)
        if answer is None:
            return None
        answer = answer.contiguous() if gradient.is_contiguous() else answer
        return answer.squeeze(0) if memory.single else answer

    def _check_input(self, value: Tensor) -> Tensor:
        """A floating point tensor, of images where the block wants them, taken out of any graph."""
        if not isinstance(value, Tensor) or not value.is_floating_point():
            kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(f"{self} expects a floating point tensor, got {kind}")
        if self.images:
            self._check_shape(tuple(value.shape))
        return value.detach()

    def _check_shape(self, shape: Tuple[int, ...]) -> None:
        if len(shape) not in (3, 4) or self.in_channels not in (0, shape[-3]):
            channels = self.in_channels or "C"
            expected = f"(N, {channels}, H, W) or ({channels}, H, W)"
            raise ValueError(f"{self} expects an input of the shape {expected}, got {shape}")
        if 0 in shape:
            raise ValueError(f"{self} expects an input with elements, got the shape {shape}")

    def _check_gradient(
        self, gradients: Tuple[Optional[Tensor], ...], memory: Memory
    ) -> Optional[Tensor]:
        """The one gradient, in the type of the output; only a number needs none, as in torch."""
        if len(gradients) > 1 or not all(isinstance(g, (Tensor, type(None))) for g in gradients):
            kinds = [type(gradient).__name__ for gradient in gradients]
            raise TypeError(f"{self} expects one tensor as the gradient, got {kinds}")
        gradient = gradients[0] if gradients else None
        shape = () if gradient is None else tuple(gradient.shape)
        if shape != memory.shape:
            raise ValueError(
                f"{self} expects a gradient of the shape {memory.shape} of its output, got {shape}"
            )
        return None if gradient is None else gradient.detach().to(memory.dtype)

    def _forget(self) -> bool:
        """Free what the last pass has kept; whether it had no backward pass."""
        memory, self._memory = self._memory, None
        return memory is not None and memory.answered is None

    def _recall(self, memory: Optional[Memory]) -> None:
        """Go back to an earlier pass of this module: the next `backward` belongs to it."""
        if memory is not None:
            memory.answered = None
        self._memory = memory

    def named(self) -> Iterator[Named]:
        """Each parameter with its name and its gradient, both changed in place only."""
        return iter(())

    def param(self) -> List[Tuple[Tensor, Tensor]]:
        """Pairs (parameter, gradient) of one size; they stay valid through steps and loading.

        Parameters are set in place: `value.copy_(new)` is what a `set_params` would do. A module
        that stands in a network twice has its pairs here once.
        """
        return list({id(value): (value, gradient) for _, value, gradient in self.named()}.values())

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for _, gradient in self.param():
            gradient.zero_()

    def to(self, target: Any) -> "Module":
        """Move parameters and gradients, which stay the same tensors, and return the module.

        A forward pass moves them to its input by itself.

        Args:
            target: a device, as "cuda"; or a tensor, whose type is taken too.
        """
        for pair in self.param():
            for tensor in pair:
                tensor.data = lasting(tensor.data.to, target)
        return self

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

    def __call__(self, *inputs: Tensor) -> Tensor:
        return self.forward(*inputs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __getstate__(self) -> Dict[str, Any]:
        """What copies and files get: not the memory, which belongs to a pass that is going on."""
        separate(value for value in vars(self).values() if isinstance(value, Tensor))
        return {name: value for name, value in vars(self).items() if name != "_memory"}


class Sequential(Module):
    """Modules one after the other: `Sequential(Conv2d(3, 8, 3), ReLU())`; it may hold others.

    A module may stand in it twice and in other networks too: each pass has a memory of its own.
    """

    def __init__(self, *modules: Module) -> None:
        for module in modules:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential holds modules, got {type(module).__name__}")
        self.modules = modules

    def _forward(self, x: Tensor) -> Tuple[Any, ...]:
        value, memories = channels_last(x), []
        for module in self.modules:
            value = module.forward(value)
            memories.append(module._memory)
        return (value, *memories)

    def _backward(self, gradient: Tensor, *memories: Optional[Memory]) -> Tensor:
        """The chain rule: each module's gradient is the next one's, from the last to the first."""
        gradient = channels_last(gradient)
        for module, memory in zip(reversed(self.modules), reversed(memories)):
            module._recall(memory)
            gradient = module.backward(gradient)
        return gradient

    def _accumulate(self, gradient: Tensor, *memories: Optional[Memory]) -> None:
        """As `_backward`, but the first module only accumulates."""
        rest = Sequential(*self.modules[1:])
        gradient = rest._backward(gradient, *memories[1:])
        for module, memory in zip(self.modules[:1], memories):
            module._recall(memory)
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


def version(value: Any) -> Optional[int]:
    """How often a tensor has been changed in place; None where nobody counts.

    Tensors made under `torch.inference_mode()` have no counter, and other values have none either.
    """
    try:
        return value._version
    except (AttributeError, RuntimeError):
        return None


def channels_last(images: Tensor) -> Tensor:
    """A batch of images in the order of memory (N, H, W, C), in which layers are the fastest."""
    if images.dim() != 4 or len(images) == 1:
        return images
    return images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
