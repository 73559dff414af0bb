"""The figures of the TNet study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from others.data.course import VALIDATION, save_pair
from others.networks.catalogue import make_network
from others.networks.tnet import TNet
from others.records.weights import save_weights
from others.studies.tnet import figures
from tests.helpers.images import pixels


def test_the_figures_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usage_error: Callable[..., str]
) -> None:
    """Four PNGs; a pixel or an image that there is not is refused before any is written."""
    torch.manual_seed(0)
    for name in ("tnet", "unet"):
        save_weights(make_network(name), tmp_path / f"{name}.pth")
    save_pair(tmp_path / VALIDATION, pixels(2, 32, 32), pixels(2, 32, 32, seed=1))
    monkeypatch.setattr(figures, "COPIES", (1, 2))
    inputs = ["--data", str(tmp_path), "--weights", str(tmp_path), "--output"]
    figures.main([*inputs, str(tmp_path / "out"), "--n", "2"])
    drawn = sorted((tmp_path / "out").iterdir())
    names = ["figure_1.png", "figure_2.png", "figure_3.png", "smoothing.png"]
    assert [path.name for path in drawn] == names
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)
    with pytest.raises(SystemExit, match="outside the image of 32x32"):
        figures.main([*inputs, str(tmp_path / "none"), "--pixel", "40", "3"])
    said = usage_error(figures.main, *inputs, str(tmp_path / "none"), "--image", "2")
    assert "--image is 2; expected 0 to 1" in said
    assert not list((tmp_path / "none").iterdir())


def test_the_sharpest_edge_by_hand() -> None:
    """The pixel is beside the step, not at the higher one along the border."""
    clean = torch.zeros(3, 16, 16)
    clean[:, :, 8:] = 0.5
    clean[:, 0] = 1
    row, column = figures.sharpest_edge(clean).tolist()
    assert column in (7, 8)
    assert 3 <= row < 13


def test_the_diagram_says_what_the_network_is() -> None:
    """Each convolution has a box with its channels and the side of its maps, in their order."""
    (axis,) = figures.diagram(TNet(latent=64)).axes
    texts = [text.get_text() for text in axis.texts]
    boxes = [text for text in texts if "×" in text]
    assert boxes == [
        "image\n32×32",
        "3→16\n32×32",
        "16→32\n16×16",
        "32→64\n4×4",
        "latent\n1×1",
        "128→32\n4×4",
        "64→16\n16×16",
        "32→3\n32×32",
        "6→3\n32×32",
    ]
    assert [text for text in texts if text.startswith("repeat")] == [
        "repeat 4",
        "repeat 4",
        "repeat 2",
    ]
