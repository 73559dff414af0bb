"""Answer the assignment "Image Denoising with Deep CNNs": all figures and all 23 answers.

    python -m others.studies.assignment --data BSDS --output DIR [--weights DIR] [--results JSON]
    python -m others.studies.assignment --quick --output DIR

The first form takes the trained weights and the results of `others.studies.assignment.study` as
they are. The second needs neither images nor weights: it generates images and trains each network
for a moment, to show that everything runs. DIR/answers.md is the page, DIR/question_N.png its
figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from others.data.generated import generate
from others.engine import command
from others.records.json_files import save_file
from others.records.paths import PRETRAINED, RESULTS
from others.records.study import read_study
from others.studies.assignment import answers, figures
from others.studies.assignment.dataset import NoisyBSDSDataset
from others.studies.assignment.initialisation import responses
from others.studies.assignment.scores import TITLES, Result, load_contestant
from others.studies.assignment.trainings import SHOWN, AssignmentStudy

SAMPLE = 12  # the test image of question 3
EXAMPLES = (SAMPLE, 30, SHOWN)  # the test images of questions 12 and 22
INITIAL = 180  # pixels along a side of the crop of questions 6 and 8
QUICK = (
    "Images are generated and trainings last a moment: the numbers show that everything runs, "
    "not what the networks can do."
)


def default_results() -> Path:
    """Those of the full protocol if they are there, else of the short one."""
    full, short = (RESULTS / "assignment" / f"{name}.json" for name in ("full", "short"))
    return full if full.is_file() else short


def read_results(path: Path) -> Result:
    """What the study wrote, if it has all three networks with clean targets."""
    if not path.is_file():
        command_of_study = "python -m others.studies.assignment.study"
        raise FileNotFoundError(f"{path}: no results here; `{command_of_study}` writes them")
    results = read_study(path)
    missing = [name for name in TITLES if name not in results["rows"]]
    if missing:
        raise ValueError(f"{path} has no row {', '.join(missing)}; the study is not finished")
    return results


def examples(test: NoisyBSDSDataset) -> list[tuple[Tensor, Tensor]]:
    """The pairs with the numbers EXAMPLES; a folder of fewer images has others in their place."""
    return [test[index % len(test)] for index in EXAMPLES]


def draw(output: Path, data: Path, results: Result, weights: Path) -> answers.Findings:
    """Write all figures, and return what the page needs to know.

    Everything is read before anything is written.
    """
    nets = {TITLES[name]: load_contestant(name, weights) for name in TITLES}
    size, sigma = results["setting"]["test_crop"], results["setting"]["sigma"]
    test = NoisyBSDSDataset(data, "test", (size, size), sigma, seed=0)
    train = NoisyBSDSDataset(data, "train", (INITIAL, INITIAL), sigma, seed=0)

    noisy, clean = train[-1]
    plain, initialised = (responses(noisy[None], clean[None], plain) for plain in (True, False))
    figures.initial(output / "question_6.png", noisy, plain)
    figures.initial(output / "question_8.png", noisy, initialised)

    figures.sample(output / "question_3.png", *test[SAMPLE % len(test)])
    noisy, clean = test[SHOWN % len(test)]
    dncnn = TITLES["dncnn"]
    history = results["rows"]["dncnn"]["seeds"]["0"]["history"]
    denoised = figures.denoise(nets[dncnn], noisy)
    figures.training(output / "question_11.png", noisy, clean, denoised, history)

    shown = examples(test)
    figures.comparison(output / "question_12.png", {dncnn: nets[dncnn]}, shown)
    figures.comparison(output / "question_22.png", nets, shown)
    kept, followed = (
        {
            name: fmean(measure(figures.denoise(nets[title], x), d) for x, d in shown)
            for name, title in TITLES.items()
        }
        for measure in (answers.kept_gradient, answers.followed_gradient)
    )
    return answers.Findings(results, plain, initialised, kept, followed)


def quick(output: Path) -> tuple[Path, Result, Path]:
    """Generated images, briefly trained networks: the folder, the results, the weights."""
    data = output / "generated"
    generate(data)
    study = AssignmentStudy("quick", data, output)
    return data, study.run(list(TITLES)), study.folder / "weights_0"


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--data", type=Path, help="folder with train/ and test/")
    text = "folder of page and figures"
    result.add_argument("--output", type=command.folder, default="out/assignment", help=text)
    result.add_argument("--weights", type=Path, default=PRETRAINED, help="folder of the weights")
    result.add_argument(
        "--results", type=Path, default=default_results(), help="what the study wrote"
    )
    result.add_argument("--quick", action="store_true", help="generated images, short trainings")
    return result


def run(options: argparse.Namespace) -> None:
    """Write the page and its figures."""
    if options.quick and options.data:
        raise command.UsageError("--quick generates its images; expected no --data beside it")
    if options.quick:
        data, results, weights = quick(options.output)
        source = QUICK
    elif options.data is None:
        raise command.UsageError("expected --data with a folder of train/ and test/, or --quick")
    else:
        data, weights, results = options.data, options.weights, read_results(options.results)
        count = results["setting"]["test"]["source"]["images"]
        protocol = results["setting"]["protocol"]
        source = f"Protocol of the trainings: {protocol}; {count} test images."
    found = draw(options.output, data, results, weights)
    path = options.output / "answers.md"
    with torch.random.fork_rng([]):
        text = answers.page(found, source)
    save_file(path, text)
    print(f"{path}: the answers, with six figures beside it")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
