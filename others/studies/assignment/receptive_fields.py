"""Print what networks cost and what they see: parameters, multiply-adds, receptive fields.

    python -m others.studies.assignment.receptive_fields [--net NAME ...]
    python -m others.studies.assignment.receptive_fields --depth D [D ...]

The second form is about the assignment's networks DnCNN(D), UDnCNN(D) and DUDnCNN(D).
The last column has `no chain` for a network with layers whose field is not known here.
"""

from __future__ import annotations

import argparse

from torch import nn

from others.engine import command
from others.networks.catalogue import NETS, make_network
from others.networks.dncnn import DnCNN, DUDnCNN, UDnCNN
from others.networks.receptive_field import SIDE, computed_sizes, multiply_adds, parameters_of
from others.records.formats import decimals, plain, whole, with_digits
from others.records.table import Column, Table, markdown

ASSIGNED = (DnCNN, UDnCNN, DUDnCNN)


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
    which = result.add_mutually_exclusive_group()
    command.add_names(which, "--net", NETS, "networks")
    which.add_argument(
        "--depth", nargs="+", type=command.whole(0), default=[], metavar="D", help="hidden layers"
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
    nets = {name: make_network(name) for name in options.net}
    if options.depth:
        nets = {f"{net.__name__}({d})": net(d) for d in options.depth for net in ASSIGNED}
    rows = [described(name, net) for name, net in nets.items()]
    print(markdown(Table(columns, rows)))


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
