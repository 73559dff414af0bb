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

from torch import empty

from .storage import lasting, separate
from .tensor import Tensor

Named = Tuple[str, Tensor, Tensor]  # name, parameter, gradient


class Memory:
    """What a forward pass leaves for its backward pass.

    Attributes:
        kept: what `_backward` needs: tensors, or the memories of other modules.
        versions: how often each of them had been changed in place by then.
        shape, dtype: of the output.
        skipped: whether the forward pass before this one had no backward pass.
        answered: the gradient of the last backward pass, if there was one; it is not kept alive.
    """

    def __init__(self, kept: Tuple[Any, ...], output: Tensor, skipped: bool) -> None:
        self.kept, self.versions = kept, [version(value) for value in kept]
        self.shape, self.dtype, self.skipped = output.shape, output.dtype, skipped
        self.answered: Optional[Callable[[], object]] = None


class Module:
    """A differentiable function with parameters, or without.

    `backward` belongs to the last `forward`, whose input, output and weights must not have been
    changed in place since. It may be called again, and then adds the gradients again.
    """

    inputs = 1  # of `forward`
    images = False  # whether its inputs are images, (N, C, H, W) or (C, H, W)
    in_channels = 0  # that its images must have; 0 stands for any number
    _memory: Optional[Memory] = None  # of the last forward pass

    def forward(self, *inputs: Tensor) -> Tensor:
        """The function itself.

        A batch of images in the order (N, H, W, C) of memory gives one in that order; any other
        input gives a contiguous output. So the output can be viewed wherever torch's can.

        Raises:
            TypeError: another number of inputs, or anything but floating point tensors.
            ValueError: a shape that the block does not take.
        """
        if len(inputs) != self.inputs:
            raise TypeError(f"{self} expects {self.inputs} input(s), got {len(inputs)}")
        values = [self._check_input(value) for value in inputs]
        single = self.images and values[0].dim() == 3
        skipped = self._memory is not None and self._memory.answered is None
        self._memory = None  # what the last pass has kept is free before this one needs memory
        batches = [value.unsqueeze(0) for value in values] if single else values
        output, *kept = self._forward(*batches)
        output = output if is_channels_last(values[0]) else output.contiguous()
        output = output.squeeze(0) if single else output
        self._memory = Memory(tuple(kept), output, skipped)  # at once: threads may share it
        return output

    def backward(self, *gradients: Tensor) -> Tensor:
        """The gradient of the loss with respect to the input, given that of the output.

        Where the output is the loss itself, a single number, its gradient is 1 and may be left out.

        Raises:
            RuntimeError: there was no forward pass; what it kept has been changed in place; or
                the pass has had its backward pass and the one before it has not, so that this
                gradient may be meant for the earlier one.
            TypeError, ValueError: not one tensor of the shape of the output.
        """
        return self._answer(gradients)

    def accumulate(self, *gradients: Tensor) -> None:
        """`backward` without its result, which the first layer of a network need not compute."""
        self.backward(*gradients)

    def _forward(self, *inputs: Tensor) -> Tuple[Any, ...]:
        """The output, and after it whatever `_backward` needs; images always come in batches."""
        raise NotImplementedError

    def _backward(self, g: Tensor, *kept: Any) -> Any:
        """The mathematics of `backward`: g is ∂L/∂y, and `_forward` has kept the rest."""
        raise NotImplementedError

    def _answer(self, gradients: Tuple[Tensor, ...], **options: bool) -> Any:
        """Check that a backward pass is right here, and let `_backward` compute it."""
        memory = self._memory
        if memory is None:
            raise RuntimeError(f"{self}: backward was called before forward")
        if [version(value) for value in memory.kept] != memory.versions:
            raise RuntimeError(
                f"{self}: its input, output or weights were changed in place between forward and "
                "backward, which needs them as they were"
            )
        given = self._check_gradient(gradients, memory.shape)
        if memory.skipped and memory.answered and memory.answered() is not given:
            raise RuntimeError(
                f"{self}: backward was called again after several calls of forward, but only the "
                "last of them is remembered: call forward before each backward"
            )
        memory.answered = ref(given)
        gradient = given.detach().resolve_neg().to(memory.dtype)
        single = self.images and len(memory.shape) == 3
        batch = gradient.unsqueeze(0) if single else gradient
        answer = self._backward(batch, *memory.kept, **options)
        if answer is None:  # nobody wants it
            return None
        answer = answer if is_channels_last(gradient) else answer.contiguous()
        return answer.squeeze(0) if single else answer

    def _check_input(self, value: Tensor) -> Tensor:
        """A floating point tensor, of images where the block wants them, taken out of any graph."""
        if not isinstance(value, Tensor) or not value.is_floating_point():
            kind = getattr(value, "dtype", type(value).__name__)
            raise TypeError(f"{self} expects a floating point tensor, got {kind}")
        shape, channels = tuple(value.shape), self.in_channels or "C"
        fits = len(shape) in (3, 4) and channels in ("C", shape[-3]) and 0 not in shape
        if self.images and not fits:
            expected = f"(N, {channels}, H, W) or ({channels}, H, W), with elements"
            raise ValueError(f"{self} expects an input of the shape {expected}, got {shape}")
        return value.detach()

    def _check_gradient(self, gradients: Tuple[Tensor, ...], shape: Tuple[int, ...]) -> Tensor:
        """The one gradient, of the shape of the output; 1 where none is given."""
        if len(gradients) > 1 or not all(isinstance(one, Tensor) for one in gradients):
            kinds = [type(one).__name__ for one in gradients]
            raise TypeError(f"{self} expects one tensor as the gradient, got {kinds}")
        gradient = gradients[0] if gradients else empty((), device="cpu").fill_(1)
        if gradient.shape != shape:
            expected, found = tuple(shape), tuple(gradient.shape)
            raise ValueError(f"{self} expects a gradient of the shape {expected}, got {found}")
        return gradient

    def named(self) -> Iterator[Named]:
        """Each parameter with its name and its gradient, both changed in place only.

        A block may define `param` instead, as the handout has it; its parameters are then numbered.
        """
        if type(self).param is not Module.param:
            for number, (value, gradient) in enumerate(self.param()):
                yield str(number), value, gradient

    def param(self) -> List[Tuple[Tensor, Tensor]]:
        """Pairs (parameter, gradient) of one size; they stay valid through steps and loading.

        Parameters are set in place: `value.copy_(new)` is what a `set_params` would do. A module
        that stands in a network twice has its pairs here once. Layers that are to share a weight
        have to share its gradient too: `b.weight, b.weight_grad = a.weight, a.weight_grad`.
        """
        unique = {id(gradient): (value, gradient) for _, value, gradient in self.named()}
        return list(unique.values())

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
        return {name: value.detach().clone() for name, value, _ in self.named()}

    def load_state_dict(self, state: Dict[str, Tensor]) -> None:
        """Copy values into the parameters.

        Raises:
            ValueError: a name is missing or unknown, or a shape differs; nothing is changed then.
        """
        own = {name: value for name, value, _ in self.named()}
        expected, found = (
            {name: tuple(value.shape) for name, value in weights.items()}
            for weights in (own, state)
        )
        if found != expected:
            raise ValueError(f"expected parameters of the shapes {expected}, got {found}")
        for name, value in own.items():
            value.detach().copy_(state[name].detach())  # which may ask for gradients

    def __call__(self, *inputs: Tensor) -> Tensor:
        return self.forward(*inputs)

    def __repr__(self) -> str:
        settings = (f"{name}={value}" for name, value in vars(self).items() if name != "_memory")
        return f"{type(self).__name__}({', '.join(settings)})"

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

    def _backward(
        self, g: Tensor, *memories: Optional[Memory], wanted: bool = True
    ) -> Optional[Tensor]:
        """The chain rule, from the last module to the first: what one returns is the next one's g.

        Where nobody wants the gradient of the input, the first module only accumulates.
        """
        answer: Any = channels_last(g)
        for index, memory in reversed(list(enumerate(memories))):
            if memory is not None:  # the order of calls was checked for the whole network
                memory.answered = None
            module = self.modules[index]
            module._memory = memory  # it may have had other passes since, here or elsewhere
            answer = (module.backward if wanted or index else module.accumulate)(answer)
        return answer

    def accumulate(self, *gradients: Tensor) -> None:
        self._answer(gradients, wanted=False)

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
    counted = isinstance(value, Tensor) and not value.is_inference()
    return value._version if counted else None


def is_channels_last(value: Tensor) -> bool:
    """Whether it is a batch of images, or a part of one, in the order of memory (N, H, W, C)."""
    return value.dim() == 4 and value.stride(1) == 1 and not value.is_contiguous()


def channels_last(images: Tensor) -> Tensor:
    """A batch of images in the order of memory (N, H, W, C), in which layers are the fastest."""
    if images.dim() != 4 or images.shape[0] == 1:
        return images
    return images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
