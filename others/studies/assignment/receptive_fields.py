"""Parameters, products and receptive field of networks, as a table."""

from __future__ import annotations

import argparse
import sys

from torch import nn

from others.networks.catalogue import NETS, make_network
from others.networks.receptive_field import SIDE, computed_sizes, multiply_adds, parameters_of


def described(name: str, net: nn.Module) -> str:
    """A line of the table that the command prints."""
    try:
        sizes = " or ".join(map(str, computed_sizes(net)))
    except ValueError:
        sizes = "no chain"
    cost = multiply_adds(net, SIDE, SIDE) / SIDE**2 / 1000
    return f"{name:16} {parameters_of(net).total:>9,} {cost:>10.1f}  {sizes}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.assignment.receptive_fields", description=__doc__
    )
    parser.add_argument("--net", nargs="+", default=list(NETS), metavar="NAME", help="(all)")
    options = parser.parse_args()
    print(f"{'network':16} {'values':>9} {'1000 MAC':>10}  field, pixels along an axis")
    print(f"{'':16} {'':>9} {'per pixel':>10}")
    try:
        for name in options.net:
            print(described(name, make_network(name)))
    except ValueError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
