"""The grader and submissions that misbehave: each is found out, and the rest is still judged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader import subject
from grader.process import Endless, JudgedProcess
from grader.subject import Refusal
from tests.grading import ROOT, change, grade, make_project

INIT = "self.network = Sequential(Conv2d(3, 3, 1))"
PREDICT = "output = self.network.forward(check_images(test_input))"
TRAIN = "loss, optimizer = MSE(), SGD(self.network, lr=0.01)"
IMPORT = "Tensor = Any  # the handout does not allow the import of its name\n"
ENDLESS = "while True: print('x' * 10**6)"

ENDINGS = [  # the check, where in model.py, what is done there, what the grader says of it
    (
        "instantiate",
        INIT,
        "__import__('os')._exit(0)",
        "Model() of Miniproject_1: the process ended",
    ),
    ("dummy", PREDICT, "__import__('os')._exit(0)", "the process ended with status 0"),
    ("autograd", TRAIN, "__import__('os')._exit(0)", "the process ended with status 0"),
    ("importing", IMPORT, "__import__('os')._exit(0)", "the import of Miniproject_1: the process"),
    ("dummy", PREDICT, "__import__('ctypes').string_at(0)", "ended by SIGSEGV"),
    ("dummy", PREDICT, "raise SystemExit(0)", "SystemExit: 0"),
    ("dummy", PREDICT, "raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("dummy", PREDICT, "while True: pass", "still running after 5 s, and stopped"),
    ("dummy", PREDICT, ENDLESS, "more than 200 MB were printed, and it was stopped"),
    ("importing", IMPORT, ENDLESS, "still running after 5 s, and stopped"),
    ("dummy", PREDICT, "raise ValueError('x' * 10**8)", "ValueError: xxx"),
    ("dummy", PREDICT, "__import__('os').close(1)", "closes the standard output"),
    ("dummy", PREDICT, "__import__('sys').stdout.close()", "closes the standard output"),
    ("dummy", PREDICT, "__import__('os').closerange(0, 99)", "closes the standard output"),
]


def insert(path: Path, before: str, line: str) -> None:
    """Put a line in front of a line of a file, as deep as that one is."""
    change(path, before, f"{line}\n{'' if before == IMPORT else 8 * ' '}{before}")


@pytest.mark.parametrize(
    ("check", "place", "line", "told"), ENDINGS, ids=[f"{e[0]}: {e[2]}" for e in ENDINGS]
)
def test_ending(project: Path, data: Path, check: str, place: str, line: str, told: str) -> None:
    """A submission that ends, blocks or crashes its process, or closes its output, has failed that
    check; the other one is judged by a new process."""
    insert(project / "Miniproject_1/model.py", place, line)
    options = ["--only", f"{check} of", "--time-limit", "5"]
    status, output = grade(ROOT / "test.py", project, data, *options)
    assert status == 1, output
    mine, other = [row for row in output.splitlines() if f"{check} of" in row]
    assert mine.startswith("FAIL")
    assert told in mine
    assert other.startswith("ok")
    assert output.splitlines()[-1] == "1 passed, 1 failed"
    assert len(mine) < 2000


@pytest.fixture
def few_megabytes() -> Iterator[None]:
    """Refuse that Python holds more than 10 MB at once in what a test does."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.usefixtures("few_megabytes")
def test_output_in_memory(tmp_path: Path) -> None:
    """Of what a process prints, its end alone is held in memory, however much that is."""
    command = [sys.executable, "-c", f"print('begin')\n{ENDLESS}"]
    process = JudgedProcess(command, tmp_path, {})
    try:
        with pytest.raises(Endless):
            process.next_event(time.monotonic() + 60)
        assert set(process.printed()) <= {"x", "\n"}
    finally:
        process.close()


@pytest.mark.usefixtures("few_megabytes")
def test_output_of_a_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that a check starts may print for ever: it is stopped, and fills no memory."""
    with monkeypatch.context() as patch:
        patch.setattr(subject, "PATIENCE", 1)
        with pytest.raises(Refusal, match="still runs after 1 s"):
            subject.run_python(ENDLESS, tmp_path)
    with pytest.raises(Refusal, match=r"^ValueError: the reason$"):
        subject.run_python("print('x' * 10**8); raise ValueError('the reason')", tmp_path)


def test_no_second_try(project: Path, data: Path) -> None:
    """What has blocked a process once, such as the import, is refused at once where it is needed
    again: the time limit is spent once."""
    insert(project / "Miniproject_1/model.py", IMPORT, "while True: pass")
    options = ["--only", "of Miniproject_1", "--time-limit", "5"]
    start = time.monotonic()
    status, output = grade(ROOT / "test.py", project, data, *options)
    assert time.monotonic() - start < 60
    assert status == 1
    told = "the import of Miniproject_1: still running after 5 s, and stopped"
    rows = [row for row in output.splitlines() if row.startswith("FAIL")]
    assert len(rows) > 10
    assert all(told in row or "has failed" in row for row in rows if "conduct" not in row)
    assert "ok    course  structure of Miniproject_1" in output


ARGUMENT = "__import__('sys').argv[-1]"  # the data folder
MISCHIEF = [  # where in model.py, what is done there, what the grader says of it
    (TRAIN, "open('log.txt', 'w').close()", "writes or removes log.txt in the working folder"),
    (TRAIN, "Path('runs').mkdir(exist_ok=True)", "writes or removes runs in the working folder"),
    (PREDICT, "WEIGHTS.with_name('x.pth').write_text('')", "removes Miniproject_1/x.pth"),
    (TRAIN, "open(__import__('sys').argv[-1] + '/val_data.pkl').close()", "opens the validation"),
    (PREDICT, "__import__('importlib').import_module('pyte' + 'st')", "imports pytest"),
    (IMPORT, "PY = __import__('py' + 'test')", "imports pytest"),
    (
        PREDICT,
        "__import__('torch').allclose = lambda *a, **b: True",
        "replaces torch.allclose",
    ),
    (
        PREDICT,
        "__import__('torch').Tensor.abs = lambda self: self * 0",
        "replaces torch.Tensor.abs",
    ),
    (TRAIN, "open('gone.txt', 'w').close(); Path('gone.txt').unlink()", "removes gone.txt in the"),
    (TRAIN, "Path('../above.txt').write_text('')", "/above.txt"),
    (TRAIN, f"Path({ARGUMENT}, 'x.txt').write_text('')", "/x.txt"),
    (PREDICT, "exec('import numpy as np', {})", "imports numpy"),
    (PREDICT, "compile('import P' + 'IL', '', 'exec')", "imports PIL"),
    (
        PREDICT,
        f"__import__('subprocess').run(['true', {ARGUMENT} + '/val_data.pkl'])",
        "gives the validation file to subprocess.Popen",
    ),
    (PREDICT, f"__import__('os').system('true ' + {ARGUMENT} + '/val_data.pkl')", "to os.system"),
    (IMPORT, "__import__('builtins').all = lambda *a: True", "replaces builtins.all"),
    (
        IMPORT,
        "__import__('torch').nn.Sigmoid.forward = lambda self, x: x",
        "replaces torch.nn.modules.activation.Sigmoid.forward",
    ),
    (
        IMPORT,
        "__import__('sys').modules['grader.blocks'].require_same = print",
        "replaces grader.blocks.require_same",
    ),
    (
        IMPORT,
        "__import__('sys').modules['grader.subject'].Subject.psnr = lambda *a: (99, 99)",
        "replaces grader.subject.Subject.psnr",
    ),
]


@pytest.fixture(scope="module")
def conducts(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What is said of a first miniproject that does all of this, and of a second that is right."""
    project = make_project(tmp_path_factory.mktemp("mischief"))
    for place, line, _ in MISCHIEF:
        insert(project / "Miniproject_1/model.py", place, line)
    status, output = grade(ROOT / "test.py", project, data, "--only", "conduct")
    assert status == 1, output
    mine, other = [row for row in output.splitlines() if "conduct of" in row]
    return mine, other


@pytest.mark.parametrize("told", [m[2] for m in MISCHIEF])
def test_conduct(conducts: tuple[str, str], told: str) -> None:
    """What a submission does beside its answers is seen."""
    assert conducts[0].startswith("FAIL  ours    conduct of Miniproject_1: ")
    assert told in conducts[0]


def test_nobody_else_is_blamed(conducts: tuple[str, str]) -> None:
    """What one miniproject does is not laid at the other's door."""
    assert conducts[1] == "ok    ours    conduct of Miniproject_2"


def test_replaced_function_deceives_nobody(project: Path, data: Path) -> None:
    """A submission that makes torch.allclose agree to everything still fails for a wrong block."""
    insert(project / "Miniproject_2/model.py", IMPORT, "__import__('torch').allclose = bool")
    change(project / "Miniproject_2/blocks.py", "x.sigmoid()", "x.sigmoid() * 1.0002")
    status, output = grade(ROOT / "test.py", project, data, "--only", "Sigmoid()")
    assert status == 1
    assert output.splitlines()[0].startswith("FAIL  ours    Sigmoid()")


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="another system tells a process otherwise")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left(project: Path, data: Path, ending: signal.Signals) -> None:
    """A grader that is ended takes a submission that runs for ever with it, and says nothing."""
    number = project.with_name("pid")
    insert(project / "Miniproject_1/model.py", INIT, "__import__('time').sleep(600)")
    line = f"Path({str(number)!r}).write_text(str(__import__('os').getpid()))"
    insert(project / "Miniproject_1/model.py", IMPORT, line)
    command = [sys.executable, str(ROOT / "test.py"), "-p", str(project), "-d", str(data)]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    errors = number.with_name("errors")
    with errors.open("wb") as file:
        streams: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": file}
        grader = subprocess.Popen([*command, "--only", "instantiate"], **streams)
    signal.signal(signal.SIGINT, before)
    while not number.is_file() or not number.read_text():
        assert grader.poll() is None
        time.sleep(0.1)
    grader.send_signal(ending)
    assert grader.wait() in (-ending, 128 + ending)
    assert errors.read_text() == ""
    deadline = time.monotonic() + 20
    while Path("/proc", number.read_text()).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path("/proc", number.read_text()).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="another system has no /proc")
@pytest.mark.parametrize("then", ["pass", "__import__('os')._exit(0)"])
def test_nothing_outlives_its_check(project: Path, data: Path, then: str) -> None:
    """What a submission has started in a session of its own ends with it, however that ends."""
    number = project.with_name("pid")
    start = "__import__('subprocess').Popen(['sleep', '600'], start_new_session=True)"
    line = f"Path({str(number)!r}).write_text(str({start}.pid)); {then}"
    insert(project / "Miniproject_1/model.py", INIT, line)
    grade(ROOT / "test.py", project, data, "--only", "instantiate of Miniproject_1")
    assert not Path("/proc", number.read_text()).exists()


def test_parent_is_alone() -> None:
    """The process that judges imports neither torch nor a check, so it touches no GPU."""
    code = "import sys, test; print([m for m in ('torch', 'grader.checks') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert done.stdout == "[]\n"
