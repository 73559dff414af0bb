"""A live training in a process of its own, so that the page which shows it stays responsive.

A pipe connects the two processes. The training looks into it after every step, and stops when the
page's end of it is closed, however the page's process has ended.
"""

import math
import multiprocessing
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import torch

from others.studies.live.training import Report, Run, train

# A fork of the caller would share its threads. A server without any imports torch once, and each
# training is a fork of it, which starts at once. Else a training imports torch itself.
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


class LiveTraining:
    """A training that has been started. It ends by `close`, or with the process that started it.

    Attributes:
        reports: what it has told so far; `poll` brings more.
        paused: whether it has been told to wait.
        waits: whether it does: nothing is reported until it goes on.
        ended: whether it is over and all of its reports have been taken.
    """

    def __init__(self, run: Run) -> None:
        context: Any = multiprocessing.get_context(METHOD)
        context.set_forkserver_preload([__name__])
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_work, args=(run, other), daemon=True)
        self._process.start()
        other.close()
        self.reports: list[Report] = []
        self.paused = self.waits = self.ended = False

    @property
    def pid(self) -> int | None:
        """The number of the process."""
        return self._process.pid

    def pause(self, paused: bool) -> None:
        """Wait after the step that is being taken, or go on."""
        self.paused = paused
        with suppress(OSError):  # it has ended
            self._connection.send(paused)

    def poll(self) -> list[Report]:
        """All reports, with those that have come meanwhile; it waits for none."""
        try:
            while self._connection.poll():
                told = self._connection.recv()
                if isinstance(told, bool):
                    self.waits = told
                else:
                    images = torch.from_numpy(told.images)
                    self.reports.append(told._replace(images=images))
        except (EOFError, OSError):
            self.ended = True
        return self.reports

    def __str__(self) -> str:
        """How it is going, a line each."""
        if not self.reports:
            return "failed: the server's terminal says why" if self.ended else "starting …"
        last = self.reports[-1]
        doing = "done" if self.ended else "paused" if self.waits else "training"
        doing = doing if math.isfinite(last.psnr) else "diverged: no number any more"
        loss = f"{last.loss:.4f}" if last.step else "–"  # before the first step there is none
        return (
            f"{doing}, {last.seconds:.0f} s\nstep {last.step} of {last.steps}\n"
            f"loss {loss}\nPSNR {last.psnr:.2f} dB"
        )

    def close(self) -> None:
        """End the process, wherever it is."""
        self._connection.close()
        self._process.kill()
        self._process.join()
        self.ended = True


def _work(run: Run, connection: Any) -> None:
    """What the new process does: train, send reports, and stop when the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the one that holds the pipe
    torch.set_num_threads(1)
    with suppress(EOFError, OSError):
        for report in train(run):
            if report is not None:
                # A tensor would be sent as a handle on memory of this process, which may have ended
                # before the other one reads it; an array is sent as its bytes.
                connection.send(report._replace(images=report.images.numpy()))
            _obey(connection)


def _obey(connection: Connection) -> None:
    """Wait while the last message said so, and confirm it; EOFError if the other end is closed."""
    paused = False
    while paused or connection.poll():
        paused = connection.recv()
        connection.send(paused)
