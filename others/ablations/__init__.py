"""What each study changes, and how one of its rows is trained: `others.ablate` runs them."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from torch import Tensor

CLEAN = "clean_data.pkl"  # the first noisy images of the training set, and their clean ones
Row = dict[str, Any]  # what differs from the shipped configuration
Denoiser = Callable[[Tensor, bool], Tensor]  # float (N, 3, H, W) in [0, 1]; self-ensemble or not


class Study(NamedTuple):
    """A table of rows that share a budget."""

    title: str
    pairs: int  # the first so many of the training set
    epochs: int
    rows: dict[str, Row]
    train: Callable[[Row, Tensor, Tensor, int, int], Denoiser]  # row, pairs, epochs, seed
