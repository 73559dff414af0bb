"""Train variants of a miniproject on the same budget, each with several seeds, and score them.

    python -m others.studies.submission.ablate miniproject_2 --data DIR [--seeds 3] [--only ROW ...]
    python -m others.studies.submission.ablate miniproject_2 --list

The ablation `frameworks` trains the network of Miniproject 2 on our framework and on torch.nn. DIR
holds train_data.pkl, and the noisy and clean images that the rows are scored on: tune_data.pkl, or
else val_data.pkl. The results go to others/results/ablations after every run, and nothing that is
there is run again, so the command can be stopped and repeated. The table shows the PSNR per
image, in a single pass as the mean ± the standard deviation over seeds, and with self-ensemble.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from others.engine import command
from others.records.estimates import estimate
from others.records.paths import RESULTS
from others.records.study import values
from others.studies.submission.ablations import miniproject_1, muon, sgd
from others.studies.submission.ablations.study import Ablation, run_ablation

ABLATIONS: dict[str, Ablation] = {
    "miniproject_1": miniproject_1.ABLATION,
    "miniproject_1_full": miniproject_1.FULL,
    "miniproject_2": muon.ABLATION,
    "miniproject_2_full": muon.FULL,
    "miniproject_2_sgd": sgd.ABLATION,
    "frameworks": sgd.FRAMEWORKS,
}


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("ablation", choices=ABLATIONS, help="which table of rows")
    command.add_data(result)
    number = command.whole(1)
    result.add_argument("--seeds", type=number, default=3, help="runs of each row")
    result.add_argument("--only", nargs="+", metavar="ROW", help="run these rows (all)")
    result.add_argument("--pairs", type=number, help="training pairs (those of the ablation)")
    result.add_argument("--epochs", type=number, help="passes over them (those of the ablation)")
    result.add_argument("--list", action="store_true", help="print the rows and stop")
    result.add_argument(
        "--json", type=Path, help="file of the results (others/results/ablations/ABLATION.json)"
    )
    return result


def run(options: argparse.Namespace) -> None:
    """Print the rows, or run what is missing of them and print a table of all results."""
    ablation = ABLATIONS[options.ablation]
    ablation = replace(
        ablation, pairs=options.pairs or ablation.pairs, epochs=options.epochs or ablation.epochs
    )
    unknown = [name for name in options.only or [] if name not in ablation.rows]
    if unknown:
        raise command.UsageError(
            f"unknown rows {unknown}; expected some of {', '.join(map(repr, ablation.rows))}"
        )
    if options.list:
        print("\n".join(f"{name}: {dict(row.changes)}" for name, row in ablation.rows.items()))
        return
    path = options.json or RESULTS / "ablations" / f"{options.ablation}.json"
    names = options.only or list(ablation.rows)
    results = run_ablation(ablation, names, options.data, options.seeds, path)
    for name, row in results["rows"].items():
        single = estimate(values(row, "psnr_per_image_db"))
        ensemble = estimate(values(row, "self_ensemble_psnr_per_image_db"))
        spread = f" ± {single.std:.2f}" if single.count > 1 else ""  # one seed does not show any
        print(f"{name:40} {single.mean:.2f}{spread} dB, self-ensemble {ensemble.mean:.2f} dB")
    print(f"{path}: the results")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
