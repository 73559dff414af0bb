"""What surrounds the models changes nothing: imports, torch's modes, copies, threads, processes.

Memory that was freed is kept between steps, and comes back without page faults.
"""

from __future__ import annotations

import os
import pickle
import platform
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from others.records.paths import ROOT
from others.studies.bench import memory
from others.studies.bench.timing import apart
from tests.helpers import fork_server
from tests.subjects import Subject, default_type, noisy_images, weights_of

pytestmark = pytest.mark.usefixtures("narrow")


# Imports

USED = """
import sys
sys.path[:0] = {folders}
{imports}
for model in models:
    assert model.Model().predict(torch.zeros(1, 3, 4, 4)).shape == (1, 3, 4, 4)
print(*(Path(model.__file__).parent.name for model in models))
"""


def run_python(code: str, folder: Path, *arguments: str) -> str:
    """What a process of its own prints that runs `code` in `folder`; it must succeed silently."""
    done = fork_server.run(
        f"import torch\nfrom pathlib import Path\n{code}", *arguments, folder=folder
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_import_from_inside(subject: Subject) -> None:
    """In a miniproject's folder, `from model import Model` works, and the model works too."""
    code = "from model import Model\nprint(Model().predict(torch.zeros(1, 3, 4, 4)).shape)"
    assert run_python(code, ROOT / subject.package) == "torch.Size([1, 3, 4, 4])"


BY_PATH = """
from importlib.util import module_from_spec, spec_from_file_location
for folder in {folders}:
    spec = spec_from_file_location("submitted", Path(folder, "model.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    print(module.Model().predict(torch.zeros(1, 3, 4, 4)).shape)
"""


def test_import_by_path(tmp_path: Path) -> None:
    """`model.py` of both miniprojects can be loaded by its path, from any working directory."""
    folders = [str(ROOT / "Miniproject_1"), str(ROOT / "Miniproject_2")]
    printed = run_python(BY_PATH.format(folders=folders), tmp_path)
    assert printed == "torch.Size([1, 3, 4, 4])\ntorch.Size([1, 3, 4, 4])"


@pytest.mark.parametrize("numbers", [(1, 2), (2, 1)])
def test_both_folders_on_the_path(numbers: tuple[int, int], tmp_path: Path) -> None:
    """With both folders on sys.path, `model` is the first one's; neither package hides the other.

    Python keeps one module of a name, so the second `import model` cannot give the other one.
    """
    folders = [str(ROOT), *(str(ROOT / Subject(number).package) for number in numbers)]
    imports = (
        "import model, Miniproject_1.model, Miniproject_2.model\n"
        "models = [model, Miniproject_1.model, Miniproject_2.model]"
    )
    printed = run_python(USED.format(folders=folders, imports=imports), tmp_path)
    assert printed.split() == [Subject(numbers[0]).package, "Miniproject_1", "Miniproject_2"]


# Modes of torch


MODES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "default type float64": lambda: default_type(torch.float64),
    "default type bfloat16": lambda: default_type(torch.bfloat16),
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}
if hasattr(torch, "set_default_device"):  # from torch 2.0 on
    MODES["default device"] = lambda: torch.device("meta")


def used(
    subject: Subject,
    weights: Path,
    making: Callable[[], AbstractContextManager[Any]] = nullcontext,
    using: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> list[Tensor]:
    """The answers before and after a training of a model made in one mode and used in another."""
    noisy_a, noisy_b, _ = noisy_images(40, 7, 10)
    with making():
        model = subject.untrained()
        model.load_pretrained_model(weights)
    with using():
        before = model.predict(noisy_a)
        model.train(noisy_a, noisy_b, 1)
        return [before, model.predict(noisy_a), *weights_of(model).values()]


@pytest.mark.parametrize("mode", MODES)
def test_modes_of_torch(subject: Subject, mode: str, tmp_path: Path) -> None:
    """Made or used in any mode of torch, a model answers and learns as without it, to the bit."""
    weights = tmp_path / "weights.pth"
    subject.rough().save_model(weights)
    expected = used(subject, weights)
    assert not torch.equal(expected[0], expected[1])
    for modes in ({"making": MODES[mode]}, {"using": MODES[mode]}):
        found = used(subject, weights, **modes)
        assert all(torch.equal(ours, other) for ours, other in zip(found, expected))


@pytest.mark.parametrize("enabled", [True, False])
def test_no_graph(subject: Subject, enabled: bool) -> None:
    """Whether autograd is on or off, a training leaves no graph and no gradients of torch's."""
    model, (noisy_a, noisy_b, _) = subject.rough(), noisy_images(20)
    with torch.set_grad_enabled(enabled):
        model.train(noisy_a, noisy_b, 1)
    values = model.network.state_dict().values()
    assert all(value.grad_fn is None and value.grad is None for value in values)


# Threads


def test_threads(subject: Subject) -> None:
    """Images of several threads that share a model are answered as they are one after the other."""
    model = subject.rough()
    images = [noisy_images(3, 8 + 4 * n, 12, seed=n)[0] for n in range(8)]
    expected = [model.predict(noisy) for noisy in images]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(model.predict, images * 4))
    assert all(torch.equal(one, other) for one, other in zip(found, expected * 4))


def test_answers_during_a_training(subject: Subject) -> None:
    """Who asks while another thread trains gets an answer of the weights before or after it."""
    model, (noisy_a, noisy_b, _) = subject.rough(), noisy_images(60)
    before = model.predict(noisy_a)
    with ThreadPoolExecutor(2) as pool:
        training = pool.submit(model.train, noisy_a, noisy_b, 3)
        answers = [model.predict(noisy_a) for _ in range(3)]
        training.result()
    after = model.predict(noisy_a)
    assert not torch.equal(before, after)
    assert all(torch.equal(answer, before) or torch.equal(answer, after) for answer in answers)


def test_an_error_in_another_thread(subject: Subject) -> None:
    """What is raised in the thread that a mode of torch makes necessary reaches the caller."""
    with torch.inference_mode(), pytest.raises(ValueError, match="got the shape"):
        subject.rough().predict(torch.zeros(0, 3, 4, 4))


# Processes

FORKED = """
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of any fork with threads
torch.set_num_threads(2)
from {package}.model import Model
from tests.subjects import noisy_images
noisy_a, noisy_b, _ = noisy_images(20, 32, 32)
model = Model()
before = model.predict(noisy_a)[:2].tolist()  # starts threads for parallel loops
assert len(os.listdir("/proc/self/task")) > 1 or not os.path.isdir("/proc/self/task")
child = os.fork()
if child == 0:
    same = model.predict(noisy_a)[:2].tolist() == before
    model.train(noisy_a, noisy_b, 1)
    same = same and Model().predict(noisy_a)[0].tolist() != before
    os._exit(0 if same else 1)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork processes")
def test_forked(subject: Subject) -> None:
    """A process forked after a prediction by two threads predicts and trains, and does not hang."""
    assert run_python(FORKED.format(package=subject.package), ROOT) == "0"


FORKED_FIRST = """
import multiprocessing
torch.set_num_threads(2)
large = torch.ones(1000, 1000)
noisy = large.exp()[:240, :256].reshape(20, 3, 32, 32)  # starts threads for parallel loops

def predict():
    from {package}.model import Model
    print(Model().predict(noisy).shape, flush=True)

child = multiprocessing.get_context("fork").Process(target=predict)
child.start()
child.join(60)
print(child.exitcode)
child.kill()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork processes")
def test_imported_in_a_fork(subject: Subject) -> None:
    """A worker process that is the first to import a model, after parallel loops of its parent."""
    printed = run_python(FORKED_FIRST.format(package=subject.package), ROOT)
    assert printed == "torch.Size([20, 3, 32, 32])\n0"


SPAWNED = """
import pickle
model, noisy, answer = pickle.loads(Path("{path}").read_bytes())
print(torch.equal(model.predict(noisy), answer))
"""


def test_spawned(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is sent to a process of its own answers there as it does here."""
    monkeypatch.undo()  # a new process makes networks of the usual width
    model, noisy, path = subject.rough(), noisy_images(2)[0], tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps((model, noisy, model.predict(noisy))))
    assert run_python(SPAWNED.format(path=path), ROOT) == "True"


CLOSED = """
import os, sys
from {package}.model import Model
{how}
model = Model()
pairs = torch.randint(256, (2, 4, 3, 8, 8), dtype=torch.uint8)
model.train(*pairs, 1)
model.predict(pairs[0])
model.save_model(Path(sys.argv[1]))
print("done")
"""


@pytest.mark.parametrize("how", ["", "sys.stderr = None", "sys.stderr.close()"])
def test_closed_stderr(subject: Subject, how: str, tmp_path: Path) -> None:
    """Where the shell or the program has closed stderr, a model trains and saves all the same."""
    code = CLOSED.format(package=subject.package, how=how)
    if how:
        assert run_python(code, ROOT, str(tmp_path / "weights.pth")) == "done"
        return
    # What the shell closes is closed before the interpreter starts, so this needs a new one.
    code = f"import torch\nfrom pathlib import Path\n{code}"
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "weights.pth")]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.close(2)
    )
    assert (done.returncode, done.stdout) == (0, "done\n")


# Memory

FAULTS = """
import resource
from Miniproject_1.noise2noise.memory import keep_freed_memory

def faults():
    start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        blocks = [torch.ones(2**16) for _ in range(64)]  # 16 MiB
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start

first = faults()
keep_freed_memory()
faults()
print(first, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc is told")
def test_freed_memory_is_kept() -> None:
    """Blocks that are taken, filled and freed in turn fault their pages in once, not each time."""
    first, kept = map(int, run_python(FAULTS, ROOT).split())
    assert kept < first / 10


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc is told")
def test_faults_are_measured() -> None:
    """A training step of a new model has far fewer faults where freed memory is kept.

    None would be left but for memory that a process asks for the first time, which enough steps
    average out.
    """
    row, kept = (apart(memory.measure, "ours", kept, 20) for kept in (False, True))
    assert row["faults"] > 4 * kept["faults"]
    assert 0 < row["system_seconds"] < row["seconds"]
