"""Files of weights that are written for a test, and the claim that one of them is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.subjects import Subject, noisy_images, same_bits, weights_of


def write(subject: Subject, content: Any, path: Path) -> None:
    """Write `content` as the miniproject writes its weights."""
    if subject.number == 1:
        torch.save(content, path)
    else:
        subject.part("state").save(path, content)


def assert_refused(model: Any, path: Path, error: type[Exception] = ValueError) -> None:
    """The model refuses the file by its name, and remains what it was."""
    before, noisy = weights_of(model), noisy_images(2, 8, 8)[0]
    answer = model.predict(noisy)
    with pytest.raises(error, match=path.name):
        model.load_pretrained_model(path)
    assert same_bits(weights_of(model), before)
    assert torch.equal(model.predict(noisy), answer)
