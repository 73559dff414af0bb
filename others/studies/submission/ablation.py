"""What each study changes, and how one of its rows is trained; `ablate` runs them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Callable, Mapping, NamedTuple

from torch import Tensor

Row = dict[str, Any]  # what differs from the base of its study
Denoiser = Callable[[Tensor, bool], Tensor]  # float (N, 3, H, W) in [0, 1]; self-ensemble or not


class Study(NamedTuple):
    """A table of rows that share a budget."""

    title: str
    pairs: int  # the first so many of the training set
    epochs: int
    rows: dict[str, Row]
    train: Callable[[Row, Tensor, Tensor, int, int], Denoiser]  # row, pairs, epochs, seed
    base: Mapping[str, Any] = MappingProxyType({})  # what all rows change of what is shipped

    def settings(self, name: str) -> Row:
        """All that the row `name` changes of what is shipped."""
        return {**self.base, **self.rows[name]}
