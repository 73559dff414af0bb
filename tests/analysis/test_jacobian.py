"""The Jacobian of a denoiser: rows, areas and singular values against closed forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import isnan, nan
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from others.analysis.jacobian.__main__ import main, measure_jacobian, summary, telling_pixels
from others.analysis.jacobian.pixel import row_of
from others.analysis.jacobian.rows import (
    effective_area,
    effective_dimension,
    jacobian,
    linear_part,
    mask,
    mask_sums,
    row,
    spectrum,
)
from others.networks.biasfree.networks import build_network
from others.networks.biasfree.settings import BlockSettings, ModelSettings, PyramidSettings
from others.networks.catalogue import make_network
from others.networks.pretrained import differentiable
from others.records.weights import save_weights
from tests.helpers.images import write_images

SIDE = 6
SMALL = ModelSettings(blocks=2, channels=8, base_kernel=3)
NETWORKS: dict[str, ModelSettings] = {
    "resnet": SMALL,
    "residual": replace(SMALL, residual=True),
    "multiplier": replace(SMALL, block=BlockSettings(multiplier="channel")),
    "unet": replace(SMALL, backbone="unet", blocks=1),
    "lunet": replace(SMALL, backbone="lunet", blocks=1),
    "pyramid": replace(SMALL, pyramid=PyramidSettings("gaussian", between=True)),
    "gates": replace(SMALL, block=BlockSettings(gate=True, squeeze_excite=True)),
}


class Stretch(nn.Module):
    """Twice of what is below a quarter, and a quarter more than the rest."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x < 0.25, 2 * x, x + 0.25)


class Linear(nn.Module):
    """x to A x + b, flattened, with random A and b, in float64."""

    def __init__(self) -> None:
        super().__init__()
        generator = Generator().manual_seed(0)
        size = 3 * SIDE * SIDE
        self.matrix = torch.randn(size, size, generator=generator, dtype=torch.float64)
        self.bias = torch.randn(size, generator=generator, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.matrix.T + self.bias).view_as(x)


def image(side: int = SIDE) -> Tensor:
    """(1, 3, side, side) in float64."""
    generator = Generator().manual_seed(1)
    return torch.rand(1, 3, side, side, generator=generator, dtype=torch.float64)


def test_rows_of_a_linear_network() -> None:
    """The row of pixel i and channel c is that row of A; without a channel it is their mean; the
    whole Jacobian is A, and what J(x) x leaves is b."""
    net, x = Linear(), image()
    rows = net.matrix.view(3, SIDE, SIDE, 3, SIDE, SIDE)
    torch.testing.assert_close(row(net, x, (2, 4), 1), rows[1, 2, 4])
    torch.testing.assert_close(row(net, x, (2, 4)), rows[:, 2, 4].mean(0))
    torch.testing.assert_close(mask(net, x, (2, 4)), rows[:, 2, 4].mean(0).sum(0))
    torch.testing.assert_close(jacobian(net, x), net.matrix)
    block = rows[:, 2:4, 2:4][..., 2:4, 2:4].reshape(12, 12)
    torch.testing.assert_close(jacobian(net, x, 2), block)
    torch.testing.assert_close(mask_sums(net, x)[2, 4], rows[:, 2, 4].mean(0).sum())
    torch.testing.assert_close((net(x) - linear_part(net, x)).flatten(), net.bias)


def test_a_mean_filter() -> None:
    """The mask of a mean over 3x3 pixels is 1/9 at nine pixels: sum 1, area 9, own weight 1/9."""

    class Box(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            kernel = torch.full((3, 1, 3, 3), 1 / 9, dtype=x.dtype)
            return F.conv2d(x, kernel, padding=1, groups=3)

    weights = mask(Box(), image(), (3, 2))
    expected = torch.zeros(SIDE, SIDE, dtype=torch.float64)
    expected[2:5, 1:4] = 1 / 9
    torch.testing.assert_close(weights, expected)
    assert effective_area(weights) == pytest.approx(9)
    figures = measure_jacobian(Box(), image(24), 10, 8)
    assert figures["sum"] == pytest.approx(1)
    assert figures["area"] == pytest.approx(9)
    assert figures["own"] == pytest.approx(1 / 9)
    assert figures["bias"] == pytest.approx(0, abs=1e-9)


def test_spectrum_by_hand() -> None:
    """A projection onto k dimensions has k singular values 1, aligned; twice a
    quarter turn has 2 and 2, not aligned."""
    basis, _ = torch.linalg.qr(torch.randn(6, 2, generator=Generator().manual_seed(0)).double())
    values, alignment = spectrum(basis @ basis.T)
    torch.testing.assert_close(values[:2], torch.ones(2, dtype=torch.float64))
    assert effective_dimension(values) == pytest.approx(2)
    assert alignment == pytest.approx(1)
    values, alignment = spectrum(torch.tensor([[0.0, -2.0], [2.0, 0.0]]))
    assert values.tolist() == [2, 2]
    assert effective_dimension(values) == 8
    assert alignment == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_bias_leaves_nothing(name: str) -> None:
    """f(x) = J(x) x for bias-free networks (Euler), and each output pixel is its row times x; it
    does not hold for the twin with biases."""
    for bias in (False, True):
        torch.manual_seed(0)
        net = build_network(replace(NETWORKS[name], bias=bias)).double().eval()
        with torch.no_grad():
            for values in net.parameters():
                if values.dim() == 1:
                    values.add_(0.3 * torch.rand(values.shape))
        x = image(8)
        with torch.no_grad():
            y = net(x)
        left = (y - linear_part(net, x)).abs().max() / y.abs().max()
        one = (row(net, x, (5, 2), 2) * x[0]).sum() - y[0, 2, 5, 2]
        if bias:
            assert left > 1e-3
        else:
            assert left < 1e-10
            assert abs(one) < 1e-10 * y.abs().max()


def test_everything_is_left_as_it_was() -> None:
    """No gradients stay in image or network, and autograd may be off around it."""
    net, x = make_network("biasfree_6").eval(), image().float()
    with torch.no_grad():
        assert row(net, x, (1, 1)).abs().sum() > 0
        assert jacobian(net, x[..., :2, :2]).shape == (12, 12)
    assert all(values.grad is None for values in net.parameters())
    assert x.grad is None
    assert not x.requires_grad


def test_telling_pixels() -> None:
    """Flat, edge and lively places are found where they are."""
    clean = torch.full((1, 3, 100, 100), 0.3)
    clean[..., 60:, :40] = 0.9  # an edge below on the left
    clean[..., :, 60:] += torch.rand(100, 40, generator=Generator().manual_seed(0))
    found = telling_pixels(clean)
    assert found["flat"][1] < 60
    assert abs(found["edge"][0] - 59.5) <= 1.5 or abs(found["edge"][1] - 39.5) <= 1.5
    assert found["lively"][1] > 60


def test_summary() -> None:
    """Means and deviations over images."""
    assert summary([{"sum": 1.0}, {"sum": 3.0}]) == {
        "sum": {"mean": 2, "std": pytest.approx(2**0.5)}
    }
    assert summary([{"sum": 1.0}])["sum"]["std"] == 0
    assert summary([{"sum": 1.0, "clipped": nan}]) == {"sum": {"mean": 1, "std": 0}}


def test_sums_are_apart_where_noise_is_clipped() -> None:
    """Half of an image is black; there the masks of a network that doubles dark values have 2."""
    clean = torch.full((1, 3, 24, 24), 0.5, dtype=torch.float64)
    clean[..., 12:] = 0
    figures = measure_jacobian(Stretch(), clean, 10, 8)
    assert figures["sum"] == pytest.approx(1)
    assert figures["clipped"] == pytest.approx(2)
    assert isnan(measure_jacobian(Stretch(), clean, 140, 8)["sum"])


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], usage_error: Callable[..., str]
) -> None:
    """A bias-free network leaves no bias, Miniproject 1's shipped one does; a figure and a JSON
    file are written; models without gradients are refused."""
    write_images(tmp_path / "images", [(50, 52), (48, 48)])
    torch.manual_seed(0)
    save_weights(make_network("biasfree_6"), tmp_path / "weights.pth")
    common = ["--images", str(tmp_path / "images"), "--crop", "48", "--patch", "4"]
    common += ["--sigma", "5", "40", "--json", str(tmp_path / "figures.json")]
    common += ["--output", str(tmp_path / "masks.png")]
    biases = {}
    for model, weights in (("biasfree_6", "weights.pth"), ("miniproject_1", None)):
        chosen = ["--weights", str(tmp_path / weights)] if weights else []
        main(["--model", model, *chosen, *common])
        rows = json.loads((tmp_path / "figures.json").read_text())["rows"]
        assert list(rows) == ["5", "40"]
        biases[model] = rows["5"]["bias"]["mean"]
    assert (tmp_path / "masks.png").stat().st_size > 10_000
    assert "σ 40: sum " in capsys.readouterr().out
    assert biases["biasfree_6"] < 0.01 < 0.1 < biases["miniproject_1"]
    with pytest.raises(SystemExit, match=r"miniproject_2 is no network of torch\.nn"):
        main(["--model", "miniproject_2", *common])
    for wrong, told in (
        (["--sigma", "-5"], "argument --sigma: '-5' is no number from 0 on"),
        (["--patch", "60"], "--patch is 60; expected --crop pixels at most"),
        (["--crop", "30"], "argument --crop: '30' is no whole number from 41 on"),
    ):
        assert told in usage_error(main, "--model", "miniproject_1", *common, *wrong)


def test_a_row_by_our_own_backward_passes() -> None:
    """The row that Miniproject 2's backward passes give equals central differences."""
    net, step, pixel = differentiable("miniproject_2"), 1e-3, (3, 5)
    x = torch.rand(1, 3, 8, 8, generator=Generator().manual_seed(0))
    weights = mask(net, x, pixel)
    for row_, column in ((3, 5), (3, 4), (0, 7)):
        moved = torch.zeros_like(x)
        moved[..., row_, column] = step
        with torch.no_grad():
            change = (net(x + moved) - net(x - moved))[0, :, pixel[0], pixel[1]].mean()
        assert float(weights[row_, column]) == pytest.approx(float(change) / (2 * step), abs=2e-3)


@pytest.mark.parametrize("name", ["miniproject_1", "miniproject_2", "biasfree_6"])
def test_what_a_row_leaves_unexplained(name: str) -> None:
    """f(x) - J(x) x of a page is that of the rows; Miniproject 2's rows are its own framework's,
    and its J(x) x is torch's for the same weights."""
    noisy = torch.rand(1, 3, 16, 16, generator=Generator().manual_seed(0))
    found = row_of(name, noisy, (8, 5))
    net = differentiable(name)
    explained = [float((row(net, noisy, (8, 5), channel) * noisy).sum()) for channel in range(3)]
    rest = (found.answer[:, 8, 5] - torch.tensor(explained)).abs().mean()
    assert float(found.rest[8, 5]) == pytest.approx(255 * float(rest), abs=2e-3)
    assert found.own == float(found.weights[8, 5])
    assert (found.rest_size < 1e-3) == (name == "biasfree_6")
