"""The assignment's networks scored on the test images: the table of question 22.

Of each test image one random crop is denoised, in float32. The PSNR is the assignment's (question
9): 10 log10(4 / MSE) in [-1, 1], of each image by itself, so that the mean is over images; nothing
is clipped. The score is repeated for several draws of crops and noise, which are the same for every
network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import torch
from torch import nn

from Miniproject_1.noise2noise.surroundings import gpu_or_cpu
from others.data.seeds import seed_of, seeded
from others.engine.stats_manager import DenoisingStatsManager, Figures
from others.networks.catalogue import make_network
from others.networks.pretrained import load_network
from others.networks.receptive_field import parameters_of
from others.records.formats import (
    Spread,
    decimals,
    in_words,
    plain,
    spread,
    spread_of,
    whole,
    with_digits,
)
from others.records.paths import PRETRAINED, RESULTS
from others.records.study import Row, read_study, values
from others.records.table import Column, Table, markdown
from others.studies.assignment.dataset import NoisyBSDSDataset

Result = dict[str, Any]
TEST_SIZE = 320  # pixels along a side of the crops of the test images
DRAWS = 5
ALIKE = 0.2  # dB by which a second training of the same network might differ
EARLY = RESULTS / "assignment" / "early.json"  # short trainings with several seeds
NOISY = "noisy"  # the row of the noisy images as they are, which no network has changed
TITLES = {"dncnn": "DnCNN(6)", "udncnn": "UDnCNN(6)", "dudncnn": "DUDnCNN(6)"}


class Contestant(NamedTuple):
    """A network of the table, and what it was trained towards."""

    net: str  # its name in networks.catalogue
    noisy_targets: bool = False  # Noise2Noise: a second noisy copy of each crop

    def row(self) -> Row:
        """The row of the study."""
        changes = {"net": self.net, "targets": "noisy" if self.noisy_targets else "clean"}
        return Row(changes, about={"parameters": parameters_of(make_network(self.net)).total})


CONTESTANTS: dict[str, Contestant] = {
    **{net: Contestant(net) for net in TITLES},
    **{f"{net}_n2n": Contestant(net, noisy_targets=True) for net in TITLES},
}


def study_rows() -> dict[str, Row]:
    """All rows of the study: the noisy images, and the contestants."""
    rows = {name: contestant.row() for name, contestant in CONTESTANTS.items()}
    return {NOISY: Row({"net": None}, seeds=1), **rows}


@torch.no_grad()
def figures_of_draw(net: nn.Module, test: NoisyBSDSDataset, draw: int) -> Figures:
    """Loss and PSNR of a network on images in [-1, 1], one crop of each test image.

    Args:
        test: on the CPU, so that crops and noise are the same wherever the network is.
        draw: which crops and which noise.
    """
    stats = DenoisingStatsManager()
    device = next((values.device for values in net.parameters()), torch.device("cpu"))
    for index in range(len(test)):
        noisy, clean = test.batch(torch.tensor([index]), seeded(seed_of("test", draw, index)))
        x, d = noisy.to(device), clean.to(device)
        y = net(x)
        stats.accumulate((y - d).square().mean(), x, y, d)
    return stats.summarize()


def score(net: nn.Module, test: NoisyBSDSDataset, draws: int = DRAWS) -> Result:
    """PSNR in dB and loss of a network on images in [-1, 1], as mean and std over draws."""
    net.eval()
    # Faster on a CPU; the overloads of `to` in torch's stubs forget the argument.
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    results = [figures_of_draw(net, test, draw) for draw in range(draws)]
    psnr = [result["PSNR"] for result in results]
    return {
        "psnr_unclipped_db": round(fmean(psnr), 4),
        "psnr_unclipped_std_db": round(stdev(psnr), 4) if draws > 1 else 0.0,
        "psnr_unclipped_draws_db": [round(value, 4) for value in psnr],
        "psnr_per_image_db": round(fmean(result["psnr_per_image_db"] for result in results), 4),
        "mse": round(fmean(result["loss"] for result in results), 6),
    }


def psnr_over_draws(row: Result) -> Spread:
    """The PSNR in dB of a row: means over its trainings of mean and deviation over draws."""
    mean, std = (values(row, f"psnr_unclipped_{kind}") for kind in ("db", "std_db"))
    # A single draw shows no deviation.
    return Spread(fmean(mean), fmean(std) if several_draws(row) else None)


def several_draws(row: Result) -> bool:
    """Whether a row was scored on more than one draw of crops and noise."""
    return any(len(run["psnr_unclipped_draws_db"]) > 1 for run in row["seeds"].values())


def ahead(results: dict[str, Any], one: str, other: str) -> str:
    """Which of two rows is better, and by how much, as far as their trainings can tell.

    Several trainings of each are compared seed by seed, for one seed gives both networks the same
    initial weights and the same batches; the standard error is that of these differences. One
    training does not show it: then a difference of less than ALIKE decides nothing.
    """
    rows = [results["rows"][name] for name in (one, other)]
    titles = [TITLES[row["changes"]["net"]] for row in rows]
    seeds = [seed for seed in rows[0]["seeds"] if seed in rows[1]["seeds"]]
    differences = [
        rows[0]["seeds"][seed]["psnr_unclipped_db"] - rows[1]["seeds"][seed]["psnr_unclipped_db"]
        for seed in seeds
    ]
    difference = fmean(differences)
    better, worse = titles if difference >= 0 else titles[::-1]
    if len(seeds) > 1:
        error = stdev(differences) / len(seeds) ** 0.5
        by = f"{abs(difference):.2f} dB ± {error:.2f} dB (standard error over trainings)"
        return f"{better} is {by} ahead of {worse}"
    if abs(difference) < ALIKE:
        by = f"{abs(difference):.2f} dB lie between them, and each was trained once"
        return f"which of {better} and {worse} is better is not known: {by}"
    return f"{better} is {abs(difference):.2f} dB ahead of {worse} (each trained once)"


def score_table(results: Result) -> Table:
    """The rows of a study's results: mean over draws ± standard deviation over draws.

    Where a network was trained more than once, the figures are means over its trainings, and a
    further column has the standard deviation over them.
    """
    several = any(len(row["seeds"]) > 1 for row in results["rows"].values())
    columns = [
        Column(""),
        Column("targets", plain),
        Column("parameters", whole),
        Column("PSNR", spread, "dB"),
        Column("MSE", with_digits(decimals, 5)),
    ]
    rows = []
    for name, row in results["rows"].items():
        title = TITLES.get(row["changes"]["net"], name)
        cells = [row["changes"].get("targets"), row.get("parameters"), psnr_over_draws(row)]
        over_trainings = spread_of(values(row, "psnr_unclipped_db")).std
        rows.append([title, *cells, fmean(values(row, "mse")), over_trainings])
    if several:
        return Table([*columns, Column("std over trainings", decimals, "dB")], rows)
    return Table(columns, [row[:-1] for row in rows])


def early_section(path: Path = EARLY) -> str:
    """What several short trainings of two networks say, or a sentence that says how to run them."""
    if not path.is_file():
        return (
            "Not run: `python -m others.studies.assignment.study --protocol early "
            "--only dncnn dudncnn --seeds 3 --data BSDS --install` runs it."
        )
    results = read_study(path)
    use = results["setting"]
    steps = use["epochs"] * use["steps_per_epoch"]
    return f"""Early learning, {steps:,} steps each, scored on {in_words(use["draws"])} draws of
crops of {use["test_crop"]} pixels a side: {ahead(results, "dudncnn", "dncnn")}.

{markdown(score_table(results))}"""


def load_contestant(name: str, weights: Path = PRETRAINED) -> nn.Module:
    """The trained network of a row, for images in [-1, 1], on the CPU and in evaluation mode.

    FileNotFoundError or ValueError if weights/NAME.pth is missing or fits another network.
    """
    inner: Any = load_network(CONTESTANTS[name].net, weights / f"{name}.pth")
    return inner.net


def scores_of_weights(data: Path, weights: Path, draws: int, names: Sequence[str]) -> Result:
    """The noisy input and the rows `names`, each scored on all images in data/test.

    All weights are read before anything is computed. The result has the rows of a study.
    """
    nets = {name: load_contestant(name, weights) for name in names}
    test = NoisyBSDSDataset(data, "test", (TEST_SIZE, TEST_SIZE))
    device = gpu_or_cpu()
    rows = study_rows()
    found = {NOISY: score(nn.Identity(), test, draws)}
    found |= {name: score(net.to(device), test, draws) for name, net in nets.items()}
    return {
        "draws": draws,
        "rows": {
            name: {**rows[name].about, "changes": dict(rows[name].changes), "seeds": {"0": result}}
            for name, result in found.items()
        },
    }
