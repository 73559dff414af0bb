"""The grader: it tries both miniprojects of a folder on what is asked of them.

    python test.py -p PROJECT -d DATA [--train-pairs N] [--skip-training] [--only NAME]
                   [--time-limit S] [--long-limit S] [--json F] [--junit F] [--gradescope F]

PROJECT holds Miniproject_1 and Miniproject_2, DATA holds train_data.pkl and val_data.pkl. It needs
torch alone; the checks are in grader/, which must lie beside this file. It prints a line for each
check, a table of scores and the warnings. Status 0 means that every check was seen to pass.

One process imports both miniprojects, as in the course, and its command line is the course's:
`test.py -p PROJECT -d DATA`. It is started by this one, which sees to it that every check ends.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from pathlib import Path

from grader import formats
from grader.process import VARIABLE, Judgement

TIME_LIMIT = 300.0  # seconds for a check
LONG_LIMIT = 5400.0  # seconds for one with all the data: twice what the handout gives a CPU


def parse_arguments() -> argparse.Namespace:
    """The command line; -p and -d are the course's."""
    parser = argparse.ArgumentParser(description="Test the two miniprojects of a folder.")
    parser.add_argument("-p", "--project", type=Path, required=True, help="holds Miniproject_1, _2")
    parser.add_argument("-d", "--data", type=Path, required=True, help="holds the two .pkl files")
    parser.add_argument("--train-pairs", type=int, metavar="N", help="train on the first N pairs")
    parser.add_argument("--skip-training", action="store_true", help="leave the long training out")
    parser.add_argument("--only", metavar="NAME", default="", help="checks with NAME in their name")
    limits = {"type": float, "metavar": "S"}
    text = "seconds for a check (default: %(default)g)"
    parser.add_argument("--time-limit", default=TIME_LIMIT, help=text, **limits)
    text = "seconds for a check with all the data, such as training (default: %(default)g)"
    parser.add_argument("--long-limit", default=LONG_LIMIT, help=text, **limits)
    for name in formats.FORMATS:
        text = f"write the results to FILE, in the format of {name}"
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=text)
    return parser.parse_args()


def check_arguments(arguments: argparse.Namespace) -> None:
    """End with a message if an argument cannot be right, before anything runs."""
    project = arguments.project
    if not (os.path.isdir(project) and os.access(project, os.R_OK | os.X_OK)):
        sys.exit(f"{project} is no folder to be read; -p names that of both miniprojects")
    if arguments.train_pairs is not None and arguments.train_pairs < 1:
        sys.exit(f"--train-pairs {arguments.train_pairs}: expected a positive number")
    if min(arguments.time_limit, arguments.long_limit) <= 0:
        sys.exit("a limit is not positive: expected seconds")
    for name in formats.FORMATS:
        path = vars(arguments)[name]
        if path is not None and not formats.can_be_written(path):
            sys.exit(f"--{name} {path}: cannot be written; expected a file in a folder that exists")


def stop(signal_number: int, frame: object) -> None:
    """End by an exception, so that the judged process is ended too."""
    sys.exit(128 + signal_number)


def main() -> int:
    """Run the checks that the command line asks for, and return the exit status."""
    arguments = parse_arguments()
    check_arguments(arguments)
    signal.signal(signal.SIGTERM, stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a submission may say what no terminal can show
            stream.reconfigure(errors="backslashreplace")
    project, data = arguments.project.resolve(), arguments.data.resolve()
    options = [f"-W{option}" for option in sys.warnoptions]
    script = str(Path(__file__).resolve())
    # Unbuffered, so that what a check prints has been written when it ends, however it ends.
    command = [sys.executable, "-B", "-u", *options, script, "-p", str(project), "-d", str(data)]
    asked = {name: vars(arguments)[name] for name in ("train_pairs", "skip_training", "only")}
    request = {"project": str(project), "data": str(data), **asked}
    limits = (arguments.time_limit, arguments.long_limit)
    judgement = Judgement(command, request, limits, formats.print_result)
    judgement.run()
    formats.print_summary(judgement, project)
    content = formats.everything(judgement, project)
    for name, as_text in formats.FORMATS.items():
        path = vars(arguments)[name]
        try:
            if path is not None:
                formats.write(path, as_text(content))
        except OSError as error:
            sys.exit(f"{path} cannot be written: {error.strerror}")
    return 0 if judgement.passed else 1


def be_judged() -> None:
    """Run checks in this process; only here are torch and the miniprojects imported."""
    folder = Path(os.environ.pop(VARIABLE))
    from grader import worker

    worker.main(folder)


if __name__ == "__main__":
    if VARIABLE in os.environ:
        be_judged()
    else:
        try:
            sys.exit(main())
        except KeyboardInterrupt:  # Ctrl-C, after which the judged process has been ended
            sys.exit(130)
        except BrokenPipeError:  # nobody reads the output any more
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(1)
        except OSError as error:  # a full disk, no folder for temporary files, no process left
            sys.exit(f"test.py cannot go on: {error}")
