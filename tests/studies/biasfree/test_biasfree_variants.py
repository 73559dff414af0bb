"""Variants of the models in the table of noise and error: fewer weights, grey images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from others.studies.biasfree import noise_table as table


def test_pruning_leaves_the_largest_weights() -> None:
    """Half of the weights of each convolution are 0: those of the smallest magnitude."""
    nets = table.load_network("biasfree_6"), table.pruned("biasfree_6", 0.5)
    convs = [[m.weight.data for m in net.modules() if isinstance(m, nn.Conv2d)] for net in nets]
    for whole, half in zip(*convs):
        kept = half != 0
        assert abs(int(kept.sum()) - whole.numel() / 2) <= 1
        assert float(whole[kept].abs().min()) >= float(whole[~kept].abs().max())
        assert torch.equal(half[kept], whole[kept])


def test_luma(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grey stays grey, and a model is scored on its luma, be the image grey or coloured."""
    grey = torch.full((1, 3, 4, 4), 0.4)
    torch.testing.assert_close(table.luma(grey), grey)
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert float(table.luma(red).mean()) == pytest.approx(0.299)
    monkeypatch.setattr(table, "load_denoiser", lambda name: lambda x: x)
    monkeypatch.setattr(table, "SIGMAS", (20,))
    clean = torch.full((2, 3, 32, 32), 0.5)
    found = [table.measure_scores(f"any/{what}", clean)["20"]["mae"] for what in ("grey", "luma")]
    assert found == pytest.approx([0.72 * 20, 0.72 * 20], rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["biasfree_6", "biasfree_7"], "'biasfree_7' is no model; there is non_local_means"),
        (["non_local_means/grey"], "'non_local_means/grey' is no model"),
        (["biasfree_6:2"], "'2' is no number from 0 to 1"),
        (["biasfree_6/gray"], "'biasfree_6/gray' ends in neither /grey nor /luma"),
        (["miniproject_2:0.5"], "weights of miniproject_2 cannot be set to 0"),
        (["biasfree_6:0.5"], "are for --only table or --json"),
    ],
)
def test_a_wrong_name_is_found_before_the_work(
    arguments: list[str], message: str, tmp_path: Path, usage_error: Callable[..., str]
) -> None:
    """Nothing is measured before every name is known to be right, in the table that it is for."""
    images = ("--images", str(tmp_path), "--output", str(tmp_path))
    assert message in usage_error(table.main, *images, "--models", *arguments)
