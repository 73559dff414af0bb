"""What both models take and refuse: types of numbers, shapes, pairs, numbers of epochs."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.subjects import Subject, noisy_images, same_bits, weights_of


def makes_numbers(dtype: torch.dtype) -> bool:
    """Whether torch turns numbers into this type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.ones(1).to(dtype).numel() == 1
        except (RuntimeError, TypeError):  # NotImplementedError is a RuntimeError
            return False


DTYPES = {str(one) for one in vars(torch).values() if isinstance(one, torch.dtype)}
NUMBERS = sorted(name for name in DTYPES if makes_numbers(getattr(torch, name.split(".")[1])))


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_every_type(subject: Subject, name: str) -> None:
    """Whole numbers of any width and floating point are answered alike; other types are refused."""
    model, noisy = subject.rough(), noisy_images(2, 6, 8)[0] // 2  # int8 ends at 127
    images = noisy.to(getattr(torch, name.split(".")[1]))
    if re.fullmatch(r"torch\.(uint|int|float|bfloat|half|double)(8|16|32|64)?", name):
        if name != "torch.bfloat16":  # it rounds these numbers
            assert torch.equal(model.predict(images), model.predict(noisy))
        model.train(images, images, 1)
    else:
        with pytest.raises(TypeError, match=name):
            model.predict(images)
        with pytest.raises(TypeError, match=name):
            model.train(images, images, 1)


class Named(Tensor):
    """Images whose dimensions have names, as those of `refine_names` in torch before 2.13."""

    names = ("N", "C", "H", "W")


BAD_IMAGES: dict[str, tuple[Callable[[Tensor], Any], type[Exception], str]] = {
    "two dimensions": (lambda x: x[0, 0], ValueError, r"\(6, 8\)"),
    "five dimensions": (lambda x: x[None], ValueError, r"\(1, 4, 3, 6, 8\)"),
    "one channel": (lambda x: x[:, :1], ValueError, r"\(4, 1, 6, 8\)"),
    "channels last": (lambda x: x.permute(0, 2, 3, 1), ValueError, r"\(4, 6, 8, 3\)"),
    "an empty batch": (lambda x: x[:0], ValueError, r"\(0, 3, 6, 8\)"),
    "no rows": (lambda x: x[:, :, :0], ValueError, r"\(4, 3, 0, 8\)"),
    "one NaN": (lambda x: with_value(x, float("nan")), ValueError, "nan"),
    "one infinity": (lambda x: with_value(x, float("inf")), ValueError, "inf"),
    "one -infinity": (lambda x: with_value(x, -float("inf")), ValueError, "-inf"),
    "no values": (lambda x: x.to("meta"), TypeError, "on meta"),
    "named dimensions": (lambda x: x.as_subclass(Named), TypeError, "'N', 'C'"),
    "a sparse tensor": (lambda x: x.to_sparse(), TypeError, r"torch\.sparse"),
    "images of two sizes": (
        lambda x: torch.nested.nested_tensor([x[0], x[0, :, :2]]),
        TypeError,
        "nested tensor",
    ),
    "booleans": (lambda x: x > 100, TypeError, r"torch\.bool"),
    "complex numbers": (lambda x: torch.complex(x, x), TypeError, r"torch\.complex64"),
    "a list": (lambda x: x.tolist(), TypeError, "list"),
    "nothing": (lambda x: None, TypeError, "NoneType"),
}


def with_value(images: Tensor, value: float) -> Tensor:
    """The images with another value in one place."""
    changed = images.clone()
    changed[1, 2, 3, 4] = value
    return changed


@pytest.mark.parametrize("kind", BAD_IMAGES)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_bad_images(subject: Subject, kind: str) -> None:
    """Bad images are refused wherever they come in, the message says what came, nothing changes."""
    spoil, error, message = BAD_IMAGES[kind]
    model, good = subject.rough(), noisy_images(4, 6, 8)[0].float()
    before, bad = weights_of(model), spoil(good)
    with pytest.raises(error, match=f"test_input.*{message}"):
        model.predict(bad)
    with pytest.raises(error, match=f"train_input.*{message}"):
        model.train(bad, good, 1)
    with pytest.raises(error, match=f"train_target.*{message}"):
        model.train(good, bad, 1)
    assert same_bits(weights_of(model), before)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ((4, 3, 6, 8), (3, 3, 6, 8), r"\(4, 3, 6, 8\) and \(3, 3, 6, 8\)"),
        ((4, 3, 6, 8), (4, 3, 8, 6), r"\(4, 3, 6, 8\) and \(4, 3, 8, 6\)"),
        ((4, 3, 6, 8), (3, 6, 8), r"\(4, 3, 6, 8\) and \(3, 6, 8\)"),
        ((3, 6, 8), (3, 6, 8), r"\(N, 3, H, W\), got \(3, 6, 8\)"),
    ],
)
def test_bad_pairs(
    subject: Subject, first: tuple[int, ...], second: tuple[int, ...], message: str
) -> None:
    """Pairs of different shapes or without a batch are refused, and nothing changes."""
    model = subject.rough()
    before = weights_of(model)
    with pytest.raises(ValueError, match=message):
        model.train(torch.zeros(first), torch.zeros(second), 1)
    assert same_bits(weights_of(model), before)


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (1.5, TypeError),
        (True, TypeError),
        ("3", TypeError),
        (None, TypeError),
        (torch.tensor(2.5), TypeError),
    ],
)
def test_bad_epochs(subject: Subject, number: object, error: type[Exception]) -> None:
    """A number of epochs that is no positive whole number is refused, and nothing changes."""
    model, (first, second, _) = subject.rough(), noisy_images(4)
    before = weights_of(model)
    with pytest.raises(error, match=f"num_epochs .*got {re.escape(repr(number))}"):
        model.train(first, second, number)
    assert same_bits(weights_of(model), before)


def test_epochs_of_numpy(subject: Subject) -> None:
    """A number of epochs may be one of NumPy's, as it is where it was read from a file."""
    model, (first, second, _) = subject.rough(), noisy_images(4)
    model.train(first, second, np.int64(1))
    with pytest.raises(TypeError, match="num_epochs"):
        model.train(first, second, np.float64(1))


def test_beyond_float32(subject: Subject) -> None:
    """A finite value that only float64 can hold is data: as good as any other far below 0."""
    model, noisy = subject.rough(), noisy_images(2, 6, 8)[0].double()
    far, less_far = with_value(noisy, -1e300), with_value(noisy, -1e30)
    assert torch.equal(model.predict(far), model.predict(less_far))
    model.train(far, noisy, 1)
