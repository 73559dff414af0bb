"""The helper of all command lines: help that can be read, errors of one line, exit statuses."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from others.engine import command
from others.records.paths import ROOT


def made() -> argparse.ArgumentParser:
    """A parser with one option of each kind."""
    parser = command.parser(__spec__, "First line.\n\n    python -m example --count 3\n")
    parser.add_argument("--count", type=command.whole(1), default=100, help="images at most")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--name", help="of the model")
    parser.add_argument("--sigma", type=float, nargs="+", default=[10.0, 2.5], help="levels")
    parser.add_argument("--share", nargs="+", default=["5%"], help="of the pairs")
    command.add_names(parser, "--rows", ["one", "two"], "rows to train")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", type=command.output)
    parser.add_argument("--output", type=command.folder)
    return parser


def refused(arguments: list[str]) -> None:
    """A command whose arguments are wrong, so that it never runs."""
    command.main(made(), lambda options: pytest.fail(str(options)), arguments)


def test_help_keeps_the_docstring_and_shows_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """An indented example stays on its line, and only options with a default show one."""
    with pytest.raises(SystemExit) as stop:
        command.main(made(), lambda options: None, ["-h"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert "\n    python -m example --count 3\n" in text
    assert "images at most (default: 100)" in text
    assert "of the noise (default: 0)" in text  # though 0 == False
    assert "of the model\n" in text
    assert "levels (default: 10.0 2.5)" in text  # as it would be typed, not as Python has it
    assert "of the pairs (default: 5%)" in text
    assert "rows to train, of one, two (default: all)" in text


@pytest.mark.parametrize("count", ["0", "-3", "1.5", "some"])
def test_usage_errors_have_status_2(count: str, usage_error: Callable[..., str]) -> None:
    """A number that cannot be is refused with what is expected, before anything runs."""
    assert f"'{count}' is no whole number from 1 on" in usage_error(refused, "--count", count)


@pytest.mark.parametrize("share", ["-0.1", "1.5", "nan", "inf", "some"])
def test_a_number_is_finite_and_in_its_range(share: str) -> None:
    """What is no number of the range is refused with the range, before anything runs."""
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{share}' is no number from 0 to 1"):
        command.number(0, 1)(share)
    with pytest.raises(argparse.ArgumentTypeError, match="is no number from 2 on"):
        command.number(2)("1")
    assert command.number(0, 1)("0.5") == 0.5


def test_numbers_have_a_top(usage_error: Callable[..., str]) -> None:
    """A number that torch, or a port, has no room for is refused before anything runs."""
    for count in (2**63, 10**400):
        said = usage_error(refused, "--count", str(count))
        assert "is no whole number up to 9223372036854775807" in said
    assert command.whole(0, 65535)("65535") == 65535
    with pytest.raises(argparse.ArgumentTypeError, match="'65536' is no whole number up to 65535"):
        command.whole(0, 65535)("65536")


@pytest.mark.parametrize("option", ["--folder", "--json", "--output"])
def test_an_empty_name_is_no_folder(option: str, usage_error: Callable[..., str]) -> None:
    """A variable of the shell that is not set does not stand for the current folder."""
    assert "an empty name; expected a file or a folder" in usage_error(refused, option, "")


@pytest.mark.parametrize("kind", command.EXPECTED)
def test_other_errors_are_one_line_and_status_1(kind: type[Exception]) -> None:
    """sys.exit prints its text and exits with 1; the line begins with the command's name."""

    def run(options: argparse.Namespace) -> None:
        raise kind("x.pkl is no file")

    with pytest.raises(SystemExit, match=r"^python -m (tests\.)?test_command: x\.pkl is no file$"):
        command.main(made(), run, [])


@pytest.mark.parametrize("take", [bytearray, partial(torch.empty, dtype=torch.uint8)])
def test_a_lack_of_memory_is_one_line(take: Callable[[int], object]) -> None:
    """Python and torch say in their own ways that there is no memory; other faults pass."""
    with pytest.raises(SystemExit, match="there is not enough memory"):
        command.main(made(), lambda options: print(take(2**60)), [])
    with pytest.raises(RuntimeError, match="shape"):
        command.main(made(), lambda options: print(torch.ones(2).view(3)), [])


def test_options_that_do_not_go_together(usage_error: Callable[..., str]) -> None:
    """Options that only the command itself can judge end as a usage error too."""

    def run(options: argparse.Namespace) -> None:
        raise command.UsageError("expected --name with --count")

    assert "expected --name with --count" in usage_error(partial(command.main, made(), run))


def test_a_status_is_passed_on() -> None:
    """A command that did a part of its work says so by its status."""
    with pytest.raises(SystemExit) as stop:
        command.main(made(), lambda options: 1, [])
    assert stop.value.code == 1


def test_a_closed_pipe_is_no_error() -> None:
    """`command | head -1` prints its line and no traceback; the status tells a shell why."""
    code = (
        "from others.engine import command\n"
        "parser = command.parser(None, None)\n"
        "command.main(parser, lambda _: print('line\\n' * 10**6), [])\n"
    )
    shell = f'set -o pipefail; "{sys.executable}" -c "$CODE" | head -1'
    done = subprocess.run(
        ["bash", "-c", shell],
        env={"CODE": code, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("line\n", "", 141)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("imports", [False, True], ids=["at work", "in an import"])
def test_a_stopped_command(number: int, imports: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Both signals let the work clean up, end in a line and have the status of their number; the
    handler that the process had is back then. A module in C makes an ImportError of them."""
    cleaned = []

    def run(options: argparse.Namespace) -> None:
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        except KeyboardInterrupt as stop:
            if imports:
                raise ImportError("initialization failed") from stop
            raise
        finally:
            cleaned.append(number)

    before = signal.getsignal(signal.SIGTERM)
    interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)  # as while a command imports
    try:
        with pytest.raises(SystemExit) as stop:
            command.main(made(), run, [])
    finally:
        assert signal.signal(signal.SIGINT, interrupt) == signal.SIG_DFL
    assert stop.value.code == 128 + number
    assert "stopped; the same command goes on where it can" in capsys.readouterr().err
    assert cleaned == [number]
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")
@pytest.mark.parametrize("name", ["denoise", "train", "studies.submission.train", "report"])
def test_stopped_while_it_imports(name: str, tmp_path: Path) -> None:
    """Ctrl-C ends a command that has not imported everything yet by the signal, without a word."""
    stop = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)"
    (tmp_path / "torch.py").write_text(stop)  # in the place of torch, which every command imports
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"others.{name}"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_an_output_is_tried_before_the_work(tmp_path: Path) -> None:
    """The folder of an output is made; what cannot be written is an error before anything runs."""
    parser = command.parser(None, None)
    parser.add_argument("--json", type=command.output, default=str(tmp_path / "by" / "default"))
    parser.add_argument("--figures", type=command.folder, default=str(tmp_path / "figures"))
    command.main(parser, lambda options: None, [])
    assert list((tmp_path / "figures").iterdir()) == []
    assert list((tmp_path / "by").iterdir()) == []
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "inside"):
        with pytest.raises(SystemExit, match=str(tmp_path)):
            command.main(parser, lambda options: pytest.fail("ran"), ["--json", str(place)])
