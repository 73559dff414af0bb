"""What moves a denoised pixel: the claims of `others.analysis.influence.claims`, measured.

    python -m others.analysis.measure_influence --net tnet [--data data] [--n 8] [--json PATH]

The claims of the report on TNet are that a noisy pixel has little influence on its own denoised
value, and that pixels beyond an edge have another influence than those before it, which is tested
as an edge that weakens influence. Here each claim says that some difference is positive. The
command prints this difference with its 95 % confidence, and whether the claim holds. The noisy
images are those of val_data.pkl.
"""

import argparse
from pathlib import Path

from others.analysis.influence.claims import measure
from others.analysis.influence.weights import Smoothing
from others.data.course import VALIDATION, load_pair
from others.engine import command
from others.networks.pretrained import load_network
from others.records.json_files import save_json


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    result.add_argument(
        "--net", default="tnet", metavar="NAME", help="a model of others.denoise but miniproject_2"
    )
    result.add_argument("--weights", type=Path, metavar="FILE", help="other weights of the network")
    command.add_data(result)
    result.add_argument(
        "--images", type=command.whole(1), default=1000, help="validation images at most"
    )
    smoothing = Smoothing()
    result.add_argument(
        "--n", type=command.whole(1), default=smoothing.n, help="noisy copies of each image"
    )
    result.add_argument(
        "--sigma",
        type=command.number(0),
        default=smoothing.sigma,
        help="standard deviation of the copies' noise, as a share of the image's range",
    )
    result.add_argument(
        "--json", type=command.output, metavar="FILE", help="write the figures here"
    )
    return result


def run(options: argparse.Namespace) -> None:
    """Measure, print the verdicts, and write the figures if they are asked for."""
    network = load_network(options.net, options.weights)
    pair = load_pair(options.data / VALIDATION)
    noisy, clean = (images[: options.images].float() / 255 for images in pair)
    result = measure(network, noisy, clean, Smoothing(options.n, options.sigma))
    for name in ("one pixel moved", "edges"):
        for claim, figures in result[name].items():
            if claim != "rows":
                interval = f"{figures['mean']:.4f} ± {figures['confidence']:.4f}"
                print(f"{claim}: {interval}, {figures['verdict']}")
    if options.json:
        save_json(options.json, {"net": options.net, **result})
        print(f"{options.json}: all figures")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
