"""A block beside torch's, in lines of text."""

from __future__ import annotations

import re

import pytest

from others.analysis.blocks.case import Case
from others.studies.bench.one_block import beside_torch


@pytest.mark.parametrize("name", ["Upsampling", "MSE"])
def test_beside_torch(name: str) -> None:
    """The lines say how far both differ, and both times of an image and of a batch."""
    layer = {"in_channels": 1, "out_channels": 2, "kernel_size": 3}
    case = Case(name, layer if name == "Upsampling" else {}, (4, 4))
    lines = beside_torch(case.block, case.inputs, case.g)
    differences = [re.fullmatch(r"(?:y|∂L/∂\w+): (\S+)", line) for line in lines]
    found = [float(one[1]) for one in differences if one]
    assert len(found) == (4 if name == "Upsampling" else 2)
    assert max(found) < 1e-5
    assert all(
        re.search(r": [\d.]+ / [\d.]+ ms, ratio [\d.]+ \([\d.]+ to [\d.]+\)$", line)
        for line in lines[-2:]
    )
