"""The command line that all commands share: a readable `-h`, one line for an error, exit statuses.

A command's module has three parts, and nothing but its tests imports it:

    def parser() -> argparse.ArgumentParser:
        result = command.parser(__spec__, __doc__)
        result.add_argument("--count", type=command.whole(1), default=100, help="images at most")
        return result

    def run(options: argparse.Namespace) -> None:
        ...

    main = command.main_of(parser, run)

The exit status is 0 if all went well, 2 for options that cannot be, and 1 for everything else that
goes wrong. A command that was stopped ends with 128 and the number of the signal, as shells count:
130 after Ctrl-C, 143 after SIGTERM, 141 where nobody reads its output any more.
"""

import argparse
import io
import math
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Callable, Union

from Miniproject_1.noise2noise.files import check_writable

Run = Callable[[argparse.Namespace], Union[int, None]]
EXPECTED = (ValueError, OSError, FloatingPointError, ModuleNotFoundError)
NO_MEMORY = ("can't allocate memory", "out of memory")  # torch says so on a CPU, and on a GPU


class UsageError(ValueError):
    """Options that do not go together; raised by a command's `run`, it gives the exit status 2."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, which a command treats as Ctrl-C: trained weights and files are put in order."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """The docstring as it was written, and after each option its default where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = action.help or ""
        default = action.default
        if default is None or default is False or default == argparse.SUPPRESS or default == []:
            return shown
        if isinstance(default, (list, tuple)):  # as it would be typed
            every = action.choices is not None and list(default) == list(action.choices)
            text = "all" if every else " ".join(map(str, default)).replace("%", "%%")
            return f"{shown} (default: {text})".lstrip()
        return f"{shown} (default: %(default)s)".lstrip()


def parser(spec: ModuleSpec | None, description: str | None) -> argparse.ArgumentParser:
    """A parser without options for the module whose `__spec__` and `__doc__` these are.

    What it converts to a Path by `type=Path` may not be empty.
    """
    name = spec.name.removesuffix(".__main__") if spec is not None else "command"
    result = argparse.ArgumentParser(
        prog=f"python -m {name}", description=description, formatter_class=Formatter
    )
    result.register("type", Path, named)
    return result


def named(text: str | Path) -> Path:
    """A path, but none for the empty text that a shell makes of "$FOLDER" where it is not set.

    For pathlib that is the current folder, which nobody has asked for.
    """
    if text == "":
        raise argparse.ArgumentTypeError("an empty name; expected a file or a folder")
    return Path(text)


def whole(least: int, most: int = 2**63 - 1) -> Callable[[str], int]:
    """The type of an option that takes a whole number from `least` to `most`.

    The default is the largest number that torch has room for.
    """

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            expected = f"from {least} on" if number < least else f"up to {most}"
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number {expected}")
        return number

    return parse


def number(least: float, most: float = math.inf) -> Callable[[str], float]:
    """The type of an option that takes a finite number from `least` to `most`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and least <= value <= most):
            to = "on" if most == math.inf else f"to {most:g}"
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least:g} {to}")
        return value

    return parse


def output(text: str | Path) -> Path:
    """The type of an option that names a file to write: it is tried before the work, not after it.

    A default has to be a text for that, because argparse converts texts alone. The folder of the
    file is made if need be.
    """
    path = named(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    check_writable(path)
    return path


def folder(text: str | Path) -> Path:
    """The type of an option that names a folder for files, which is made if it is not there.

    It is tried before the work, as by `output`, so a default has to be a text here too.
    """
    return output(named(text) / "file").parent


def add_data(parser: argparse.ArgumentParser) -> None:
    """The option that names the folder of train_data.pkl and val_data.pkl."""
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the .pkl files")


def add_json(parser: argparse.ArgumentParser, default: Path) -> None:
    """The option that names the file of the results."""
    parser.add_argument("--json", type=output, default=str(default), help="file of the results")


def add_names(parser: Any, option: str, names: Iterable[str], meaning: str) -> None:
    """An option that takes some of these names, and all of them unless it is given.

    Args:
        parser: or a group of one's options.
        meaning: what the chosen names stand for, as in "rows to train".
    """
    known = list(names)
    text = f"{meaning}, of {', '.join(known)}"
    parser.add_argument(option, nargs="+", choices=known, default=known, metavar="NAME", help=text)


def main_of(parser: Callable[[], argparse.ArgumentParser], run: Run) -> Callable[..., None]:
    """The `main` of a command: it takes arguments, or else those of the process."""
    return lambda arguments=None: main(parser(), run, arguments)


def main(parser: argparse.ArgumentParser, run: Run, arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments (those of the process by default) and run the command.

    `run` may return an exit status. An error of the kinds in EXPECTED becomes one line on stderr
    and the status 1, with no traceback, and so does a lack of memory, for which torch raises plain
    RuntimeErrors; other exceptions are faults of the code and pass.
    """
    prepare_streams()
    try:
        with terminable():
            status = run(parser.parse_args(arguments))
            sys.stdout.flush()  # here, so that a closed pipe is noticed below and not at exit
    except BrokenPipeError:  # `| head -1`: nobody reads on, which needs no message
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):  # so that what is still to be flushed at exit meets no closed pipe
            os.dup2(nowhere, number)
        sys.exit(128 + 13)
    except UsageError as error:
        parser.error(str(error))
    except EXPECTED as error:
        sys.exit(f"{parser.prog}: {error}")
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(text in str(error) for text in NO_MEMORY):
            raise
        sys.exit(f"{parser.prog}: there is not enough memory; smaller batches or images need less")
    except KeyboardInterrupt as stop:
        print(f"{parser.prog}: stopped; the same command goes on where it can", file=sys.stderr)
        sys.exit(128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT))
    if status:
        sys.exit(status)


def prepare_streams() -> None:
    """Let stdout and stderr take any text, also where the shell has closed them."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - to the end
        elif isinstance(stream, io.TextIOWrapper):  # names of files need not be text it can show
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` meanwhile: by itself it would end the process at once.

    Ctrl-C raises KeyboardInterrupt, also where `others/__init__.py` has changed that. Only a
    command may do so, because the handler of a signal belongs to the whole process.
    """

    def terminate(*_: object) -> None:
        raise Terminated

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, terminate)
    if before[signal.SIGINT] == signal.SIG_DFL:  # not where a shell lets its jobs ignore Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except Exception as error:
        # A module in C that is stopped while it is imported makes an ImportError of the stop.
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise error.__cause__ from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
