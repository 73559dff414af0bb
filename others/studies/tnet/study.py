"""The TNet study as a whole: its file of results, all its runs, the claims, and a small version."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from others.analysis.influence.claims import measure
from others.analysis.influence.weights import Smoothing
from others.data.course import make_data
from others.data.sets import checksum
from others.networks.receptive_field import multiply_adds, parameters_of
from others.records.checkpoints import LAST
from others.records.json_files import save_json
from others.records.paths import PRETRAINED
from others.records.study import Row, Study
from others.records.weights import load_weights, save_weights
from others.studies.tnet import tables
from others.studies.tnet.rows import ROWS, TNetRow
from others.studies.tnet.runs import Budget, StudyImages, run

CLAIMS = "claims"  # asked for like a row: what the report says about the influence of pixels
CLAIMED = "tnet_taught"  # the row on whose weights the claims are measured
CLAIM_IMAGES = 1000  # validation images that they are measured on, at most
SMOOTHINGS = (Smoothing(1, 0.0), Smoothing(8, 0.1), Smoothing(8, 0.3))
QUICK_PAIRS, QUICK_VALIDATION = 96, 24  # images of the small version
SIDE = 32  # pixels on a side of the image that multiply-adds are counted for


def setting_of(budget: Budget, images: StudyImages) -> dict[str, Any]:
    """What all rows share unless a row changes it; results of anything else are refused."""
    about_images = {
        "validation": len(images.clean),
        "checksums": [checksum(part) for part in vars(images).values()],
    }
    return {**asdict(budget), "images": about_images, **TNetRow("").settings()}


def study_row(row: TNetRow) -> Row:
    """The row as the study's file has it, with the size of its network."""
    net = row.make()
    about = {
        "title": row.title,
        "parameters": parameters_of(net).total,
        "multiply_adds": multiply_adds(net, SIDE, SIDE),
    }
    return Row(row.changes(), about, row.seeds)


class TNetStudy:
    """The runs of `rows` with one budget on the same images.

    Args:
        output: the folder of the trainings' states, OUTPUT/ROW/SEED.
        results: the folder of study.json, claims.json and README.md.
        install: the folder for the weights of rows that are meant to be kept; None: they are not.

    Raises:
        ValueError: `results` has results of another budget, or of other images.
    """

    def __init__(
        self,
        rows: Mapping[str, TNetRow],
        budget: Budget,
        images: StudyImages,
        output: Path,
        results: Path,
        install: Path | None = None,
    ) -> None:
        self.rows, self.budget, self.images = rows, budget, images
        self.output, self.results, self.install = output, results, install
        table = {name: study_row(row) for name, row in rows.items()}
        self.study = Study(results / tables.STUDY, setting_of(budget, images), table)

    def run(self, names: Sequence[str], seeds: int) -> None:
        """All missing runs of the rows `names`, and the claims if they are among the names."""
        trained = [name for name in names if name != CLAIMS]
        self.study.run(self._measure, trained, seeds, self._say)
        if CLAIMS in names:
            self.measure_claims()

    def _measure(self, name: str, _: Row, seed: int) -> dict[str, Any]:
        row, folder = self.rows[name], self.output / name / str(seed)
        result, net = run(row, seed, self.budget, self.images, folder)
        if row.pretrained and self.install is not None:
            save_weights(net, self.install / f"{row.pretrained}.pth")
        return result

    def _say(self, line: str) -> None:
        tables.write(self.results)
        print(line, flush=True)

    def measure_claims(self) -> None:
        """The report's two claims about the influence of pixels, with each of SMOOTHINGS.

        The network has the weights that this study trained in the row CLAIMED; if it has not
        trained any, those in others/pretrained.
        """
        weights = self.output / CLAIMED / "0" / LAST
        if not weights.is_file():
            weights = PRETRAINED / f"{ROWS[CLAIMED].pretrained}.pth"
        net = ROWS[CLAIMED].make().eval()
        load_weights(net, weights)
        noisy, clean = (
            part[:CLAIM_IMAGES].float() / 255 for part in (self.images.noisy, self.images.clean)
        )
        found = [measure(net, noisy, clean, smoothing) for smoothing in SMOOTHINGS]
        save_json(self.results / tables.CLAIMS, {"row": CLAIMED, "measured": found})
        tables.write(self.results)


def run_quickly(names: Sequence[str]) -> str:
    """The study with one seed and one epoch on a few generated images; its tables.

    It shows that everything runs. Its numbers mean nothing, and no file of it is left.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        make_data(path, QUICK_PAIRS, QUICK_VALIDATION)
        budget = Budget(QUICK_PAIRS, epochs=1)
        images = StudyImages.read(path, budget.pairs)
        rows = {name: replace(row, epochs=None) for name, row in ROWS.items()}
        study = TNetStudy(rows, budget, images, path / "runs", path / "results", path / "weights")
        study.run(names, seeds=1)
        return tables.render(path / "results")
