"""What a submission does beside its answers: files, foreign imports, functions replaced.

A `Watch` sits in the judged process. Python tells it of every file that is opened and every text
that is compiled (an audit hook), and asks it for every module that is not loaded yet (it is a
finder that never finds one); the rest it sees by comparing, after each check, with how things were
before.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import os
import stat
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator

import torch

from grader.sources import COMPUTED, imports, is_allowed
from grader.subject import Subject

MODULES = (builtins, torch, torch.nn, torch.nn.functional, torch.optim)
WATCHED_CLASSES = ("torch.nn.", "grader.")  # whose methods are looked at: the modules they are from
MACHINERY = ("<frozen importlib", str(Path("importlib", "__init__.py")))  # where imports pass by


def functions_of_judge() -> dict[str, Any]:
    """Every function, class and method that a judge may use, by its name: Python's, torch's, ours.

    A method of a class hides that of its base class, whichever of the two is replaced.
    """
    ours = [module for name, module in list(sys.modules.items()) if name.startswith("grader.")]
    found = {
        f"{module.__name__}.{name}": value
        for module in (*MODULES, *ours)
        for name, value in vars(module).items()
        if not name.startswith("_")
    }
    classes = [value for value in found.values() if isinstance(value, type)]
    watched = [c for c in classes if c.__module__.startswith(WATCHED_CLASSES)]
    for owner in dict.fromkeys((torch.Tensor, *watched)):
        for place in reversed(owner.__mro__[:-1]):
            start = f"{owner.__module__}.{owner.__qualname__}"
            found.update({f"{start}.{name}": value for name, value in vars(place).items()})
    return {name: value for name, value in found.items() if callable(value)}


def is_same(old: Any, new: Any) -> bool:
    """Whether a function is what it was, or is wrapped by torch itself.

    Torch does the latter to `manual_seed` when the first optimizer is made.
    """
    code = getattr(new, "__code__", None)
    by_torch = code is not None and Path(torch.__file__).parent in Path(code.co_filename).parents
    return new is old or (by_torch and getattr(new, "__wrapped__", None) is old)


def files_in(folder: Path, inner: bool = True) -> dict[str, tuple[int, int]]:
    """Size and time of all in `folder`, and in its `inner` folders; not what Python compiles."""
    found: dict[str, tuple[int, int]] = {}
    entries: list[os.DirEntry[str]] = []
    with contextlib.suppress(OSError):  # missing, or nothing that this user may look into
        entries += (entry for entry in os.scandir(folder) if entry.name != "__pycache__")
    for entry in entries:
        with contextlib.suppress(OSError):  # gone since it was listed
            status = entry.stat(follow_symlinks=False)
            is_folder = stat.S_ISDIR(status.st_mode)
            found[entry.path] = (0, 0) if is_folder else (status.st_size, status.st_mtime_ns)
            if is_folder and inner:
                found.update(files_in(Path(entry.path)))
    return found


def identity(path: Any) -> tuple[int, int] | None:
    """What tells a file from all others, whichever way its path goes; None if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError, TypeError):
        return None
    return status.st_dev, status.st_ino


class Watch:
    """Sees what the submissions do, and blames the one that is being checked.

    Args:
        project: the folder that holds both miniprojects.
        secret: the validation file, which no submission has a reason to read.
    """

    def __init__(self, project: Path, secret: Path) -> None:
        self.project, self.work, self.secret = project, Path.cwd(), identity(secret)
        # Where no file belongs; a folder with all temporary files in it says nothing.
        self.places = {project, secret.parent} - {*self.work.parents} | {self.work.parent}
        self.name = secret.name
        self.subject: Subject | None = None
        self.functions, self.files = functions_of_judge(), self.all_files()
        sys.addaudithook(self.hear)
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]  # a finder needs no more

    @contextlib.contextmanager
    def on(self, subject: Subject) -> Iterator[None]:
        """Blame `subject` for what happens inside."""
        self.subject, subject.look = subject, self.look
        try:
            yield
        finally:
            self.look()
            self.subject = None

    def blame(self, offence: str) -> None:
        """Note an offence of the submission that is being checked, once."""
        if self.subject is not None and offence not in self.subject.offences:
            self.subject.offences.append(offence)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook: is told of files, processes and source texts before they are used."""
        if self.subject is None:
            return
        if event == "open" and not isinstance(arguments[0], int):
            if self.secret is not None and identity(arguments[0]) == self.secret:
                self.blame("opens the validation file")
            self.judge_write(arguments[0], arguments[2])
        elif event.startswith(("os.", "subprocess.")) and self.name in repr(arguments):
            self.blame(f"gives the validation file to {event}")
        elif event == "compile" and self.subject.holds(sys._getframe(1).f_code.co_filename):
            self.judge_text(arguments[0])

    def judge_text(self, source: Any) -> None:
        """Blame what a text imports that is compiled, such as that of `exec`.

        `find_spec` is not told of it if the module has been loaded before, by torch for example.
        """
        with contextlib.suppress(SyntaxError, ValueError, TypeError):  # it may be no text
            for name, level in imports(ast.parse(source)):
                if not level and name != COMPUTED:
                    self.judge_import(name)

    def judge_write(self, path: Any, flags: int) -> None:
        """Blame a file that is opened for writing, were it removed again, where none belongs."""
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and self.subject is not None:
            file, frame = Path(os.path.realpath(os.fsdecode(path))), sys._getframe(1)
            if not {*self.places, self.subject.folder.resolve()} & {*file.parents}:
                return
            while frame is not None:
                if self.subject.holds(frame.f_code.co_filename):
                    self.blame_file(file)
                frame = frame.f_back

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Called by Python before a module is loaded: judge the import if the submission wants it.

        It finds no module itself; those that stand behind it do.
        """
        frame = sys._getframe(1)
        while frame.f_back is not None and any(m in frame.f_code.co_filename for m in MACHINERY):
            frame = frame.f_back
        if self.subject is not None and self.subject.holds(frame.f_code.co_filename):
            self.judge_import(name)

    def judge_import(self, name: str) -> None:
        """Blame the import of what the handout does not allow."""
        if self.subject is not None and not is_allowed(self.subject, name):
            self.blame(f"imports {name}")

    def blame_file(self, path: Path) -> None:
        """Blame that a file is written or removed, by its shortest name."""
        place = str(path)
        if self.project in path.parents:
            place = os.path.relpath(path, self.project)
        elif self.work in path.parents:
            place = f"{os.path.relpath(path, self.work)} in the working folder"
        self.blame(f"writes or removes {place}")

    def all_files(self) -> dict[str, tuple[int, int]]:
        """The working folder, the project folder and both miniprojects."""
        found = {**files_in(self.work), **files_in(self.project, inner=False)}
        for number in (1, 2):
            found.update(files_in(self.project / f"Miniproject_{number}"))
        return found

    def look(self) -> None:
        """Blame what has changed since the last look."""
        files = self.all_files()
        for path in sorted(files.keys() | self.files.keys()):
            if files.get(path) != self.files.get(path):
                self.blame_file(Path(path))
        self.files = files
        functions = functions_of_judge()
        replaced = {
            id(functions.get(name)): name  # once, though classes that are derived have it too
            for name, value in reversed(self.functions.items())
            if not is_same(value, functions.get(name))
        }
        for name in replaced.values():
            self.blame(f"replaces {name}")
        self.functions = functions
        self.look_into_modules()

    def look_into_modules(self) -> None:
        """Blame the modules that its own hold: no finder is asked for one that was loaded."""
        if self.subject is None:
            return
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if file and self.subject.holds(file):
                for value in list(vars(module).values()):
                    if isinstance(value, ModuleType):
                        self.judge_import(value.__name__)
