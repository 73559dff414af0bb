"""The memory of parameters, gradients and velocities: where they lie, not what they are.

A tensor of `param()` stays the same object for ever; `tensor.data = …` lets it have other memory.
"""

from typing import Any, Callable, Iterable, Sequence

from torch import cat

from .surroundings import plainly
from .tensor import Tensor


def lasting(make: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """Return make(*arguments), as a tensor that may be changed in place anywhere.

    What is made under `torch.inference_mode()` may be changed in place only there.
    """
    return plainly(lambda: make(*arguments), "cpu")


def joined(tensors: Sequence[Tensor]) -> Tensor:
    """Return one flat tensor that all of `tensors`, of one type and device, are parts of.

    It is to be changed, which changes all of them in one call. They do not see this, so they count
    it here. Where they do not lie side by side in one memory (not yet, or not any more), they are
    moved into a new one.
    """
    if not _side_by_side(tensors):
        flat = lasting(cat, [tensor.detach().flatten() for tensor in tensors])
        pieces = flat.split([tensor.numel() for tensor in tensors])
        for tensor, piece in zip(tensors, pieces):
            tensor.data = piece.view(tensor.shape)
    for tensor in tensors:
        tensor.detach().transpose_(0, 0)  # counts as a change in place, and changes nothing
    return tensors[0].data.as_strided((sum(tensor.numel() for tensor in tensors),), (1,))


def separate(tensors: Iterable[Tensor]) -> None:
    """Give each tensor memory of its own: written to a file, a part would bring the whole.

    A parameter into which one of torch.nn was copied, `value.copy_(layer.weight)`, belongs to a
    graph of autograd, and torch refuses to deep-copy it. So it leaves the graph, unless it is a
    view, which cannot.
    """
    for tensor in tensors:
        if not tensor.is_leaf and not tensor._is_view():
            tensor.detach_()
        tensor.data = tensor.data.clone()


def _side_by_side(tensors: Sequence[Tensor]) -> bool:
    """Whether they are parts of one memory, one after the other without gaps."""
    size, places = tensors[0].element_size(), [tensor.storage_offset() for tensor in tensors]
    memories = {one.data_ptr() - place * size for one, place in zip(tensors, places)}
    ends = [place + tensor.numel() for tensor, place in zip(tensors, places)]
    return (
        len(memories) == 1
        and places[1:] == ends[:-1]
        and all(one.is_contiguous() for one in tensors)
    )
