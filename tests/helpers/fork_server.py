"""Runs of Python that begin with torch imported: forks of one process that has imported it.

A new interpreter takes a second for that, each time. What a run needs of a process of its own, its
modules, memory, streams, working folder and way to end, a fork has too.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
SERVER = "from tests.helpers.fork_server import serve; serve()"


def run(
    code: str, *arguments: str, folder: Path = ROOT, limit: int = 900
) -> subprocess.CompletedProcess[str]:
    """What `python -c code arguments` says in a folder; a run of more than `limit` seconds ends by
    SIGALRM."""
    command = [sys.executable, "-c", code, *arguments]
    if not hasattr(os, "fork"):
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=limit)
    with TemporaryDirectory() as place:
        files = [str(Path(place, name)) for name in ("stdout", "stderr")]
        request = [code, arguments, str(folder), dict(os.environ), limit, files]
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        status = os.waitstatus_to_exitcode(int(server.stdout.readline()))
        said = [Path(file).read_text(encoding="utf-8", errors="replace") for file in files]
    return subprocess.CompletedProcess(command, status, *said)


@lru_cache(maxsize=None)
def _server() -> subprocess.Popen[str]:
    """The process that forks: it is started when first needed, and ends with this one."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)  # closes its stdin, and waits
    return server


def serve() -> None:
    """Fork for each line of stdin, and answer with the status of that fork."""
    import torch  # noqa: F401 - what all of this is for

    gc.freeze()  # collecting in a fork would write to, and so copy, everything that is here
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends all without a word
    for line in sys.stdin:
        process = os.fork()
        if not process:
            _become(*json.loads(line))
        print(os.waitpid(process, 0)[1], flush=True)


def _become(
    code: str,
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    limit: int,
    files: list[str],
) -> NoReturn:
    """Run `code` in this process, as a new interpreter would, and end."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(limit)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, file in enumerate([os.devnull, *files]):
        opened = os.open(file, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    open_streams()
    sys.argv[:] = ["-c", *arguments]
    leave(lambda: exec(compile(code, "<string>", "exec"), {"__name__": "__main__"}))


def open_streams() -> None:
    """Give this process streams of its own: what its parent has not written yet is the parent's.

    They are written through, as by `python -u`.
    """
    sys.stdin, *written = (
        open(number, mode, buffering, closefd=False)  # noqa: SIM115 - as long as the process lives
        for number, mode, buffering in ((0, "r", -1), (1, "wb", 0), (2, "wb", 0))
    )
    sys.stdout, sys.stderr = (io.TextIOWrapper(raw, write_through=True) for raw in written)


def leave(work: Callable[[], object]) -> NoReturn:
    """Do some work and end this process, with the status and the words that an interpreter has."""
    status = 1
    try:
        work()
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - whatever it is, an interpreter prints it
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None and not stream.closed:
                    stream.flush()
            except OSError:
                status = 120
        os._exit(status)
