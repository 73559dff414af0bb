"""The assignment's networks on the test images: the table of question 22, from the weights.

    python -m others.studies.assignment.evaluate --data BSDS [--weights DIR] [--draws 5]
        [--json PATH]

BSDS is a folder with a subfolder test/ of images, DIR holds NAME.pth of each row. Of each image one
random crop is denoised, in float32. The PSNR is the assignment's (question 9): 10 log10(4 / MSE)
in [-1, 1], a mini-batch being one image, so that the mean is over images; nothing is clipped.
That is done for several draws of crops and noise, which are the same for every network: the table
gives the mean over draws and their standard deviation.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Generator, nn

from others.data.seeds import seed_of
from others.engine.stats_manager import DenoisingStatsManager, Figures
from others.networks.pretrained import load_network
from others.networks.receptive_field import parameters_of
from others.records.json_files import save_json
from others.records.paths import PRETRAINED
from others.studies.assignment.dataset import NoisyBSDSDataset

Row = dict[str, Any]
TEST_SIZE = 320  # pixels along a side of the crops of the test images
DRAWS = 5


class Contestant(NamedTuple):
    """A row of the table: which network, and what it was trained towards."""

    net: str
    noisy_targets: bool = False

    @property
    def targets(self) -> str:
        """In words."""
        return "noisy" if self.noisy_targets else "clean"


ROWS: dict[str, Contestant] = {
    "dncnn": Contestant("dncnn"),
    "udncnn": Contestant("udncnn"),
    "dudncnn": Contestant("dudncnn"),
    "dncnn_n2n": Contestant("dncnn", noisy_targets=True),
    "udncnn_n2n": Contestant("udncnn", noisy_targets=True),
    "dudncnn_n2n": Contestant("dudncnn", noisy_targets=True),
}
TITLES = {"dncnn": "DnCNN(6)", "udncnn": "UDnCNN(6)", "dudncnn": "DUDnCNN(6)"}


def check_rows(names: list[str]) -> list[str]:
    """The names, if they are rows; ValueError that lists the rows for an unknown one."""
    for name in names:
        if name not in ROWS:
            raise ValueError(f"unknown row {name!r}; expected one of {', '.join(ROWS)}")
    return names


@torch.no_grad()
def figures(net: nn.Module, test: NoisyBSDSDataset, draw: int) -> Figures:
    """Loss and PSNR of a network on images in [-1, 1], one crop of each test image.

    Args:
        test: on the CPU, so that crops and noise are the same wherever the network is.
        draw: which crops and which noise.
    """
    stats = DenoisingStatsManager()
    device = next((values.device for values in net.parameters()), torch.device("cpu"))
    for index in range(len(test)):
        generator = Generator().manual_seed(seed_of("test", draw, index))
        noisy, clean = test.batch(torch.tensor([index]), generator)
        x, d = noisy.to(device), clean.to(device)
        y = net(x)
        stats.accumulate((y - d).square().mean(), x, y, d)
    return stats.summarize()


def score(net: nn.Module, test: NoisyBSDSDataset, draws: int = DRAWS) -> Row:
    """PSNR in dB and loss of a network on images in [-1, 1], as mean and std over draws."""
    net.eval()
    results = [figures(net, test, draw) for draw in range(draws)]
    values = [result["PSNR"] for result in results]
    return {
        "psnr_unclipped_db": round(statistics.fmean(values), 4),
        "psnr_unclipped_std_db": round(statistics.stdev(values), 4) if draws > 1 else 0.0,
        "psnr_unclipped_draws_db": [round(value, 4) for value in values],
        "psnr_per_image_db": round(statistics.fmean(r["psnr_per_image_db"] for r in results), 4),
        "mse": round(statistics.fmean(result["loss"] for result in results), 6),
    }


def table(rows: dict[str, Row]) -> str:
    """The rows as Markdown."""
    lines = ["| | targets | parameters | PSNR | MSE |", "|---|---|---|---|---|"]
    for name, row in rows.items():
        title = TITLES.get(row.get("net", ""), name)
        count = f"{row['parameters']:,}" if "parameters" in row else ""
        psnr = f"{row['psnr_unclipped_db']:.2f} ± {row['psnr_unclipped_std_db']:.2f} dB"
        lines.append(
            f"| {title} | {row.get('targets', '')} | {count} | {psnr} | {row['mse']:.5f} |"
        )
    return "\n".join(lines)


def contestant_row(name: str, net: nn.Module, test: NoisyBSDSDataset, draws: int) -> Row:
    """What the table says about the network of a row, which is for images in [-1, 1]."""
    row = ROWS[name]
    count = parameters_of(net).total
    # Faster on a CPU; the overloads of `to` in torch's stubs forget the argument.
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    result = score(net, test, draws)
    return {"net": row.net, "targets": row.targets, "parameters": count, **result}


def load(name: str, weights: Path = PRETRAINED) -> nn.Module:
    """The trained network of a row, for images in [-1, 1], on the CPU and in evaluation mode.

    FileNotFoundError or ValueError if weights/NAME.pth is missing or fits another network.
    """
    inner: Any = load_network(ROWS[name].net, weights / f"{name}.pth")
    return inner.net


def evaluate(data: Path, weights: Path, draws: int, names: list[str]) -> dict[str, Row]:
    """The noisy input and the rows, each scored on all images in data/test.

    All weights are read before anything is computed.
    """
    nets = {name: load(name, weights) for name in check_rows(names)}
    test = NoisyBSDSDataset(data, "test", (TEST_SIZE, TEST_SIZE))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    rows = {"noisy": score(nn.Identity(), test, draws)}
    for name, net in nets.items():
        rows[name] = contestant_row(name, net.to(device), test, draws)
    return rows


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m others.studies.assignment.evaluate")
    parser.description = __doc__
    parser.add_argument("--data", type=Path, required=True, help="folder with test/")
    parser.add_argument("--weights", type=Path, default=PRETRAINED, help="others/pretrained")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of crops and noise (5)")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), metavar="NAME", help="(all)")
    parser.add_argument("--json", type=Path, help="also write the scores here")
    options = parser.parse_args(arguments)
    try:
        if options.draws < 1:
            raise ValueError(f"--draws is {options.draws}; expected 1 at least")
        rows = evaluate(options.data, options.weights, options.draws, options.rows)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    print(table(rows))
    if options.json:
        save_json(options.json, {"draws": options.draws, "rows": rows})


if __name__ == "__main__":
    main()
