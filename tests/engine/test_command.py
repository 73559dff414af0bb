"""The helper of all command lines: help that can be read, errors of one line, exit statuses."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from others.engine import command


def made() -> argparse.ArgumentParser:
    """A parser with one option of each kind."""
    parser = command.parser(__spec__, "First line.\n\n    python -m example --count 3\n")
    parser.add_argument("--count", type=command.whole(1), default=100, help="images at most")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--name", help="of the model")
    return parser


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


@pytest.mark.parametrize("count", ["0", "-3", "1.5", "some"])
def test_usage_errors_have_status_2(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A number that cannot be is refused with what is expected, before anything runs."""
    with pytest.raises(SystemExit) as stop:
        command.main(made(), lambda options: pytest.fail(str(options)), ["--count", count])
    assert stop.value.code == 2
    assert f"'{count}' is no whole number from 1 on" in capsys.readouterr().err


@pytest.mark.parametrize("kind", command.EXPECTED)
def test_other_errors_are_one_line_and_status_1(kind: type[Exception]) -> None:
    """sys.exit prints its text and exits with 1; the line begins with the command's name."""

    def run(options: argparse.Namespace) -> None:
        raise kind("x.pkl is no file")

    with pytest.raises(SystemExit, match=r"^python -m (tests\.)?test_command: x\.pkl is no file$"):
        command.main(made(), run, [])


def test_options_that_do_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    """They are a usage error too, though only the command itself can know."""

    def run(options: argparse.Namespace) -> None:
        raise command.UsageError("expected --name with --count")

    with pytest.raises(SystemExit) as stop:
        command.main(made(), run, [])
    assert stop.value.code == 2
    assert "expected --name with --count" in capsys.readouterr().err


def test_a_status_is_passed_on() -> None:
    """A command that did a part of its work says so by its status."""
    with pytest.raises(SystemExit) as stop:
        command.main(made(), lambda options: 1, [])
    assert stop.value.code == 1


def test_a_closed_pipe_is_no_error() -> None:
    """`command | head -1` prints its line and no traceback."""
    code = (
        "from others.engine import command\n"
        "parser = command.parser(None, None)\n"
        "command.main(parser, lambda _: print('line\\n' * 10**6), [])\n"
    )
    shell = f'"{sys.executable}" -c "$CODE" | head -1'
    done = subprocess.run(
        shell,
        shell=True,
        env={"CODE": code, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("line\n", "")
