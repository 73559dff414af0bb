"""The parent's side of the grader: it starts judged processes, and sees all checks through.

A submission may end its process, block it or crash it: then the check that ran has failed, and a
new process goes on with the next. The parent imports neither torch nor any submission, so nothing
that is handed in can speak in its name, and no GPU is touched here.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Callable

VARIABLE = "GRADER_FOLDER"  # tells a process that it is a judged one, and where its request lies
POLL = 0.02  # seconds between two looks at what the judged process has written
KEPT = 10_000  # bytes that are kept of what a check prints: a progress bar may print for hours
PRINTED = 200_000_000  # bytes that a process may print: they lie on the disk until it ends
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux's <sys/prctl.h>


class Endless(Exception):
    """A process has printed more than anybody could read."""


def adopt_orphans() -> None:
    """Make this process, on Linux, the parent of all that its descendants leave behind.

    A process in a session of its own is not ended with the group of the one that started it; but
    when that one ends, it becomes a child of this process, where `children` finds it.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # a system library without prctl
            ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def children() -> list[int]:
    """The numbers of the processes whose parent is this one; none where there is no /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            # "12 (its name) S 1 ...": the parent's number is the second field after the name.
            parent = path.read_bytes().rpartition(b")")[2].split()[1]
            found += [int(path.parent.name)] if int(parent) == os.getpid() else []
    return found


class JudgedProcess:
    """A process that runs checks, seen from outside.

    Args:
        command: its command line.
        folder: an empty one, for the request, the events, the output, the working folder and
            temporary files.
        request: what it is asked to do.
    """

    def __init__(self, command: list[str], folder: Path, request: dict[str, Any]) -> None:
        (folder / "request").write_text(json.dumps(request), encoding="utf-8")
        (folder / "events").touch()
        # What it leaves of temporary files is removed with the folder, however it ends.
        temporary, work = folder / "temporary", folder / "above" / "work"
        for place in (temporary, work):
            place.mkdir(parents=True)
        self.others = set(children())  # where this program took the place of a shell with jobs
        self.events = (folder / "events").open("rb")
        with (folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=work,
                env={**os.environ, VARIABLE: str(folder), "TMPDIR": str(temporary)},
                start_new_session=True,  # so that what it starts can be ended with it
            )
        self.output = (folder / "output").open("rb")

    def next_event(self, deadline: float) -> dict[str, Any] | None:
        """The next event, None once the process has ended.

        Raises:
            TimeoutError: there is none until `deadline`.
            Endless: the process has printed more than PRINTED bytes.
        """
        while True:
            has_ended = self.process.poll() is not None  # asked first: then no event comes later
            place = self.events.tell()
            line = self.events.readline()
            if os.fstat(self.output.fileno()).st_size > PRINTED:
                raise Endless
            if line.endswith(b"\n"):
                return json.loads(line)
            self.events.seek(place)
            if has_ended:
                return None
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(POLL)

    def ending(self) -> str:
        """How the process has ended, in words."""
        status = self.process.wait()
        with suppress(ValueError):
            return f"the process was ended by {signal.Signals(-status).name}"
        return f"the process ended with status {status}"

    def printed(self) -> str:
        """What it has printed since the last call, or the end of it."""
        end = os.fstat(self.output.fileno()).st_size
        self.output.seek(max(self.output.tell(), end - KEPT))
        return self.output.read(KEPT).decode("utf-8", errors="replace")

    def close(self) -> None:
        """End it and all that it has started; without Linux's /proc, only those in its group."""
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        while left := set(children()) - self.others:  # each leaves its own to this process
            for number in left:
                os.kill(number, signal.SIGKILL)
                os.waitpid(number, 0)
        self.events.close()
        self.output.close()


class Judgement:
    """All checks of a submission, seen through to the end.

    Args:
        command: starts a judged process.
        request: the project, the data and which checks; see `worker.main`.
        limits: seconds for a check, and for one that goes through all the data.
        show: is given each result as soon as it is there.
    """

    def __init__(
        self,
        command: list[str],
        request: dict[str, Any],
        limits: tuple[float, float],
        show: Callable[[dict[str, Any]], None],
    ) -> None:
        self.command, self.request, self.limits, self.show = command, request, limits, show
        self.plan: list[dict[str, Any]] = []
        self.results: dict[str, dict[str, Any]] = {}
        self.state: dict[str, Any] = {}  # scores, warnings and offences of each miniproject
        self.broken: dict[str, str] = {}  # steps that ended a process, which none tries again
        self.noisy: dict[str, float] = {}
        self.environment: dict[str, str] = {}
        self.data: dict[str, int] = {}  # how many training pairs and validation images there are
        self.running, self.step, self.started = "", "", 0.0

    @property
    def passed(self) -> bool:
        """Whether every check that was planned has been seen to pass."""
        names = [check["name"] for check in self.plan]
        return bool(names) and all(n in self.results and self.results[n]["passed"] for n in names)

    def run(self) -> None:
        """Start processes until every check has its result; SystemExit if none can be started."""
        adopt_orphans()
        while not self.plan or len(self.results) < len(self.plan):
            known = len(self.results)
            with tempfile.TemporaryDirectory() as folder, closing(self.start(folder)) as process:
                reason = self.follow(process)
                if self.running:
                    self.fail(reason, process.printed())
                elif len(self.results) == known:
                    sys.exit(f"{reason} before its first check\n{process.printed().strip()}")

    def start(self, folder: str) -> JudgedProcess:
        """A process for the checks that have no result yet."""
        request = {
            **self.request,
            "done": list(self.results),
            "failed": [name for name, result in self.results.items() if not result["passed"]],
            "broken": self.broken,
            "state": self.state,
        }
        return JudgedProcess(self.command, Path(folder), request)

    def follow(self, process: JudgedProcess) -> str:
        """Take the events of a process until it ends or has to be ended; returns why."""
        self.running, self.step, self.started = "", "", time.monotonic()
        while not self.plan or len(self.results) < len(self.plan):
            limit = self.limit()
            try:
                event = process.next_event(self.started + limit)
            except TimeoutError:
                return f"still running after {limit:g} s, and stopped"
            except Endless:
                return f"more than {PRINTED // 10**6} MB were printed, and it was stopped"
            if event is None:
                return process.ending()
            self.take(event)
            if "end" in event:
                self.keep({**event["end"], "output": process.printed()})
        return "all is done"

    def limit(self) -> float:
        """Seconds for the check that is running, or for reading all the data before the first."""
        short = [check["name"] for check in self.plan if not check["long"]]
        return self.limits[self.running not in short]

    def take(self, event: dict[str, Any]) -> None:
        """Keep what an event tells; one that nothing can be done after ends the program."""
        if "error" in event:
            sys.exit(event["error"])
        if "plan" in event:
            self.plan = self.plan or event["plan"]
            self.noisy, self.environment = event["noisy"], event["environment"]
            self.data = event["data"]
        if "begin" in event:
            self.running, self.step, self.started = event["begin"], "", time.monotonic()
        if "end" in event:
            self.running, self.state = "", event["state"]
        self.step = event.get("step", self.step)

    def fail(self, reason: str, output: str) -> None:
        """The check that was running has failed, and for good what it was in the middle of."""
        if self.step:
            self.broken[self.step] = reason
            reason = f"{self.step}: {reason}"
        check = next(check for check in self.plan if check["name"] == self.running)
        seconds = round(time.monotonic() - self.started, 3)
        result = {**check, "passed": False, "text": reason, "seconds": seconds}
        self.keep({**result, "output": output})

    def keep(self, result: dict[str, Any]) -> None:
        """A result is final."""
        self.results[result["name"]] = result
        self.show(result)
