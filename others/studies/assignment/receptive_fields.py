"""Print what networks cost and what they see: parameters, multiply-adds, receptive fields.

    python -m others.studies.assignment.receptive_fields [--net NAME ...]

The last column has `no chain` for a network with layers whose field is not known here.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from torch import nn

from others.engine import command
from others.networks.catalogue import NETS, make_network
from others.networks.receptive_field import SIDE, computed_sizes, multiply_adds, parameters_of
from others.records.formats import decimals, plain, whole, with_digits
from others.records.table import Column, Table, markdown


def described(name: str, net: nn.Module) -> list[object]:
    """A row of the table that the command prints."""
    try:
        sizes = " or ".join(map(str, computed_sizes(net)))
    except ValueError:
        sizes = "no chain"
    cost = multiply_adds(net, SIDE, SIDE) / SIDE**2 / 1000
    return [name, parameters_of(net).total, cost, sizes]


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument(
        "--net",
        nargs="+",
        choices=NETS,
        default=list(NETS),
        metavar="NAME",
        help=f"networks, of {', '.join(NETS)} (all)",
    )
    return result


def run(options: argparse.Namespace) -> None:
    """Print the table."""
    columns = [
        Column("network"),
        Column("parameters", whole),
        Column("1000 multiply-adds per pixel", with_digits(decimals, 1)),
        Column("receptive field, pixels along an axis", plain),
    ]
    rows = [described(name, make_network(name)) for name in options.net]
    print(markdown(Table(columns, rows)))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    command.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
