"""The measures of influence, on networks whose answer is known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from others.analysis.influence.claims import measure
from others.analysis.influence.edges import DRAWS, at_edges, edge_contrast, edge_places
from others.analysis.influence.weights import MARGIN, Smoothing, around, claimed, figure
from others.analysis.measure_influence import main
from others.data.course import VALIDATION, save_pair
from others.networks.catalogue import make_network
from others.records.weights import save_weights


def test_figures_by_hand() -> None:
    """1, 2, 3 and a missing one: mean 2 ± 1.96 / sqrt(3), which says that a claim holds."""
    values = torch.tensor([1.0, math.nan, 2.0, 3.0])
    expected = {"images": 3, "mean": 2, "std": 1, "confidence": pytest.approx(1.1316, abs=1e-4)}
    assert figure(values) == expected
    assert claimed(values) == {**expected, "verdict": "holds"}
    assert claimed(-values)["verdict"] == "refuted"
    assert claimed(values - 1)["verdict"] == "undecided"


def scenes(count: int = 24, side: int = 16) -> tuple[Tensor, Tensor]:
    """Noisy and clean images: flat halves of different grey, their edge upright or level."""
    clean = torch.full((count, 3, side, side), 0.2)
    clean[::2, :, :, side // 2 :] = 0.7
    clean[1::2, :, side // 2 :] = 0.7
    noise = 0.05 * torch.randn(clean.shape, generator=Generator().manual_seed(0))
    return (clean + noise).clamp(0, 1), clean


def box(x: Tensor) -> Tensor:
    """The mean over 3x3 pixels: every weight is 1/9, whatever the image."""
    kernel = torch.full((3, 1, 3, 3), 1 / 9)
    return F.conv2d(x, kernel, padding=1, groups=3)


def bilateral(x: Tensor) -> Tensor:
    """A mean over 3x3 pixels, weighted by exp(−(d / 0.15)²) for a difference in grey d."""
    patches = F.unfold(x, 3, padding=1).view(len(x), 3, 9, *x.shape[-2:])
    difference = (patches - x.unsqueeze(2)).mean(1, keepdim=True)
    weight = torch.exp(-((difference / 0.15) ** 2)).detach()
    return (weight * patches).sum(2) / weight.sum(2)


def test_a_mean_filter_has_the_same_weight_everywhere() -> None:
    """Each weight is 1/9 at every noise, across and along an edge; neither claim holds."""
    result = measure(box, *scenes(), Smoothing(2, 0.1))
    weights = [row["own weight"]["mean"] for row in result["pixels by their noise"]]
    weights += [row["own weight"]["mean"] for row in result["one pixel moved"]["rows"]]
    sides = result["edges"]["rows"][0]
    weights += [sides[name]["mean"] for name in ("across", "along", "behind", "pixel itself")]
    assert weights == pytest.approx([1 / 9] * len(weights), abs=1e-4)
    assert sides["two across"]["mean"] == sides["two along"]["mean"] == 0
    assert [row["share left"]["mean"] for row in result["one pixel moved"]["rows"][1:]] == (
        pytest.approx([1 / 9] * 3, abs=1e-4)
    )
    assert result["edges"]["an edge weakens influence"]["verdict"] == "undecided"


def test_an_edge_stops_the_influence_in_a_bilateral_filter() -> None:
    """Where weights fall with the difference, across is less than along; and a pixel that differs
    from all its neighbours keeps its own weight, so the first claim is refuted."""
    result = measure(bilateral, *scenes(), Smoothing(1, 0.0))
    assert result["edges"]["an edge weakens influence"]["verdict"] == "holds"
    assert result["edges"]["rows"][0]["across"]["mean"] < 0.02
    moved = result["one pixel moved"]
    assert moved["own weight falls with its noise"]["verdict"] == "refuted"
    assert moved["noisy pixel weighs less than a neighbour"]["verdict"] == "refuted"


def test_ranks_of_noise_and_gradients() -> None:
    """For f(x) = x the loss's gradient is the noise itself: their ranks agree."""
    noisy, clean = scenes(4)
    result = measure(lambda x: x, noisy, clean.clone(), Smoothing(1, 0.0))
    assert result["rank correlation"]["noise and gradient of the loss"]["mean"] > 0.9


def test_images_without_an_edge_are_refused() -> None:
    """Flat images cannot say anything about edges."""
    flat = torch.full((2, 3, 16, 16), 0.5)
    with pytest.raises(ValueError, match="no image has a straight edge"):
        at_edges(box, flat, flat, Smoothing(1, 0.0))


def test_a_place_at_an_edge_by_hand() -> None:
    """Beside an upright edge every pixel is a place, to either side of it, and no other pixel is;
    a spot behind a pixel, or along the edge on either side, leaves no place there."""
    grey = torch.full((1, 9, 10), 0.2)
    grey[..., 5:] = 0.7  # the edge is between the columns 4 and 5
    right = edge_contrast(grey, (0, 1))[0, 1:-1, 1:-1]
    assert right[:, 3].tolist() == pytest.approx([0.5] * 7)  # column 4 of the whole image
    right[:, 3] = 0
    assert not right.any()
    assert edge_contrast(grey, (0, -1))[0, 4, 5] == pytest.approx(0.5)
    assert not edge_contrast(grey, (1, 0))[0, 1:-1, 1:-1].any()
    for row, column in ((4, 3), (3, 4), (5, 4), (3, 5), (5, 5)):  # h, a, a, b and b of (4, 4)
        spotted = grey.clone()
        spotted[0, row, column] += 0.1
        assert edge_contrast(spotted, (0, 1))[0, 4, 4] == 0


def test_places_are_drawn_off_the_border() -> None:
    """At most DRAWS of an image, MARGIN pixels or more from the border, with their own contrast."""
    _, clean = scenes(6)
    places = edge_places(clean, Generator().manual_seed(0))
    assert places.images.bincount().tolist() == [DRAWS] * 6
    assert int(places.pixels.min()) >= MARGIN
    assert int(places.pixels.max()) < 16 - MARGIN
    torch.testing.assert_close(places.contrast, torch.full((6 * DRAWS,), 0.5))
    grey = clean.mean(1)[places.images]
    difference = around(grey, places.pixels, places.across) - around(grey, places.pixels)
    torch.testing.assert_close(difference.abs(), places.contrast)


def test_the_command_writes_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command measures a checkpoint on validation images, and says what of the claims holds."""
    noisy, clean = ((255 * x).round().byte() for x in scenes(6, 32))
    save_pair(tmp_path / VALIDATION, noisy, clean)
    torch.manual_seed(0)
    save_weights(make_network("tnet"), tmp_path / "weights.pth")
    options = ["--weights", str(tmp_path / "weights.pth"), "--data", str(tmp_path), "--n", "1"]
    main([*options, "--json", str(tmp_path / "claims.json")])
    assert "an edge weakens influence" in capsys.readouterr().out
    assert json.loads((tmp_path / "claims.json").read_text())["smoothing"]["n"] == 1
    with pytest.raises(SystemExit, match=r"none\.pth"):
        main(["--weights", str(tmp_path / "none.pth")])
