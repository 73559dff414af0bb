"""The memory of parameters, gradients and velocities: where they lie, not what they are.

A tensor of `param()` stays the same object for ever; `tensor.data = …` lets it have other memory.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterable, Sequence

from torch import cat, empty

from .tensor import Tensor

FLOAT32 = empty(0).float().dtype


def lasting(make: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """Return make(*arguments), as a tensor that may be changed in place anywhere.

    What is made under `torch.inference_mode()` may be changed in place only there. A thread has
    its own mode, so another thread makes it.
    """
    if not empty(0).is_inference():
        return make(*arguments)
    with ThreadPoolExecutor(1) as another:
        return another.submit(make, *arguments).result()


def joined(tensors: Sequence[Tensor]) -> Tensor:
    """Return one flat tensor that all of `tensors`, of one type and device, are parts of.

    A change of the flat tensor changes all of them in one call. Where they do not lie side by side
    in one memory (not yet, or not any more), they are moved into a new one.
    """
    if not _side_by_side(tensors):
        flat = lasting(cat, [tensor.detach().flatten() for tensor in tensors])
        pieces = flat.split([tensor.numel() for tensor in tensors])
        for tensor, piece in zip(tensors, pieces):
            tensor.data = piece.view(tensor.shape)
    return tensors[0].data.as_strided((sum(tensor.numel() for tensor in tensors),), (1,))


def separate(tensors: Iterable[Tensor]) -> None:
    """Give each tensor memory of its own: written to a file, a part would bring the whole."""
    for tensor in tensors:
        tensor.data = tensor.data.clone()


def mark_changed(tensors: Iterable[Tensor]) -> None:
    """Let each tensor count a change, as it does not see those of the flat one."""
    for tensor in tensors:
        tensor.detach().transpose_(0, 0)  # counts as one and changes nothing


def _side_by_side(tensors: Sequence[Tensor]) -> bool:
    size, end = tensors[0].element_size(), tensors[0].storage_offset()
    start = tensors[0].data_ptr() - end * size  # of the memory that the first one is a part of
    for tensor in tensors:
        offset = tensor.storage_offset()
        if offset != end or tensor.data_ptr() != start + offset * size:
            return False
        if not tensor.is_contiguous():
            return False
        end += tensor.numel()
    return True
