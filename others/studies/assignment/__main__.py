"""The assignment "Image Denoising with Deep CNNs": all figures and all answers, by one command.

    python -m others.studies.assignment --data BSDS --output DIR [--weights DIR] [--results JSON]
    python -m others.studies.assignment --quick --output DIR

The first takes the trained weights and the results of `others.studies.assignment.study` as they
are. The
second needs neither images nor weights: it generates images and trains each network for a moment,
to show that everything runs. DIR/answers.md is the page, question_N.png its figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from Miniproject_1.noise2noise.files import write_atomically
from others.data.scenes import generate
from others.records.paths import PRETRAINED, RESULTS
from others.studies.assignment import answers, figures
from others.studies.assignment.dataset import NoisyBSDSDataset
from others.studies.assignment.evaluate import TITLES, load
from others.studies.assignment.initialisation import responses
from others.studies.assignment.study import SHOWN, Study

SAMPLE = 12  # the test image of question 3
EXAMPLES = (SAMPLE, 30, SHOWN)  # the test images of questions 12 and 22
INITIAL = 180  # pixels along a side of the crop of questions 6 and 8
QUICK = (
    "Images are generated and trainings last a moment: the numbers show that everything runs, "
    "not what the networks can do."
)


def default_results() -> Path:
    """Those of the full protocol if they are there, else of the short one."""
    full = RESULTS / "full.json"
    return full if full.is_file() else RESULTS / "short.json"


def read_results(path: Path) -> dict[str, Any]:
    """What the study wrote, if it has all three networks with clean targets."""
    if not path.is_file():
        command = "python -m others.studies.assignment.study"
        raise FileNotFoundError(f"{path}: no results here; `{command}` writes them")
    results = json.loads(path.read_text(encoding="utf-8"))
    missing = [name for name in TITLES if name not in results.get("rows", {})]
    if missing:
        raise ValueError(f"{path} has no row {', '.join(missing)}; the study is not finished")
    return results


def examples(test: NoisyBSDSDataset) -> list[tuple[Tensor, Tensor]]:
    """The pairs that are shown; of a small folder other ones."""
    return [test[index % len(test)] for index in EXAMPLES]


def draw(output: Path, data: Path, results: dict[str, Any], weights: Path) -> answers.Findings:
    """Write all figures, and return what the page needs to know.

    Everything is read before anything is written.
    """
    nets: dict[str, nn.Module] = {TITLES[name]: load(name, weights) for name in TITLES}
    size = results["test_crop"]
    test = NoisyBSDSDataset(data, "test", (size, size), results["sigma"], seed=0)
    train = NoisyBSDSDataset(data, "train", (INITIAL, INITIAL), results["sigma"], seed=0)

    noisy, clean = train[-1]
    plain, initialised = (responses(noisy[None], clean[None], plain) for plain in (True, False))
    figures.initial(output / "question_6.png", noisy, plain)
    figures.initial(output / "question_8.png", noisy, initialised)

    figures.sample(output / "question_3.png", *test[SAMPLE % len(test)])
    noisy, clean = test[SHOWN % len(test)]
    first, denoised = TITLES["dncnn"], figures.denoise(nets[TITLES["dncnn"]], noisy)
    history = results["rows"]["dncnn"]["history"]
    figures.training(output / "question_11.png", noisy, clean, denoised, history)

    shown = examples(test)
    figures.comparison(output / "question_12.png", {first: nets[first]}, shown)
    figures.comparison(output / "question_22.png", nets, shown)
    kept = {
        name: fmean(answers.kept_gradient(figures.denoise(nets[title], x), d) for x, d in shown)
        for name, title in TITLES.items()
    }
    return answers.Findings(results, plain, initialised, kept)


def quick(output: Path) -> tuple[Path, dict[str, Any], Path]:
    """Generated images, briefly trained networks: the folder, the results, the weights."""
    data = output / "generated"
    generate(data)
    study = Study("quick", data, output)
    return data, study.run(list(TITLES)), study.folder


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.assignment", description=__doc__
    )
    parser.add_argument("--data", type=Path, help="folder with train/ and test/")
    parser.add_argument("--output", type=Path, default=Path("out/assignment"))
    parser.add_argument("--weights", type=Path, default=PRETRAINED, help="others/pretrained")
    parser.add_argument("--results", type=Path, default=default_results(), help="of the study")
    parser.add_argument("--quick", action="store_true", help="generated images, short trainings")
    options = parser.parse_args()
    try:
        if options.quick:
            data, results, weights = quick(options.output)
            source = QUICK
        elif options.data is None:
            raise ValueError("expected --data with a folder of train/ and test/, or --quick")
        else:
            data, weights, results = options.data, options.weights, read_results(options.results)
            count = results["test"]["source"]["images"]
            source = f"Protocol of the trainings: {results['protocol']}; {count} test images."
        found = draw(options.output, data, results, weights)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    path = options.output / "answers.md"
    with torch.random.fork_rng([]):
        text = answers.page(found, source)
    write_atomically(path, lambda file: file.write(text.encode()))
    print(f"{path}: the answers, with six figures beside it")


if __name__ == "__main__":
    main()
