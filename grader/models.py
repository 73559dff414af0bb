"""The checks that both miniprojects must pass; the docstring of each is its claim.

A check takes a miniproject, raises an error if the claim does not hold, and may return a remark.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.machinery
import inspect
import io
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from grader.subject import (
    Subject,
    no_graph,
    nothing_changes,
    require,
    require_image,
    require_same_image,
    run_python,
    settings_and_rng,
)

ALLOWED_LOSS = 0.02  # dB per image that an epoch from the pretrained weights may cost
TIME_LIMIT = 45 * 60  # seconds for training on a CPU, from the handout
QUICK = 5  # CPU seconds in which bad input is refused: enough to look at it, not to train
HANDOUT_IMPORTS = {
    "torch.empty",
    "torch.cat",
    "torch.arange",
    "torch.nn.functional.fold",
    "torch.nn.functional.unfold",
}
BAD_IMAGES = [  # x is a good batch in 0..255
    "x.tolist()",
    "x[0, 0]",
    "x[None]",
    "x[:, :1]",
    "torch.cat((x, x), 1)",
    "x[:0]",
    "x[..., :0]",
    "x * float('nan')",
    "x * float('inf')",
    "x - 256",
    "x + 256",
]
BAD_CALLS = [
    *(f"predict({bad})" for bad in BAD_IMAGES),
    *(f"train({bad}, {bad}, 1)" for bad in BAD_IMAGES),
    *(f"train(x, {bad}, 1)" for bad in [*BAD_IMAGES, "x[:1]", "x[..., 1:]"]),
    *(f"train(x, x, {bad})" for bad in ["0", "-1", "1.5", "True", "'1'"]),
]


def structure(s: Subject) -> None:
    """The folder holds what the handout lists; what is not code draws a warning only."""
    for name in ("__init__.py", "model.py"):
        require((s.folder / name).is_file(), f"{s.folder / name} is missing")
    for name in ("bestmodel.pth", f"Report_{s.number}.pdf"):
        if not (s.folder / name).is_file():
            s.warnings.append(f"{s.name}/{name} is missing")


def importing(s: Subject) -> None:
    """Importing model.py of the named folder prints nothing and changes nothing global."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, nothing_changes(settings_and_rng):
        file = Path(s.module.__file__).resolve()
    require(s.folder in file.parents, f"{file} is imported instead of {s.folder / 'model.py'}")
    require(not printed.getvalue(), f"prints {printed.getvalue()!r}")


def allowed_imports(s: Subject) -> None:
    """Only the standard library, the folder's own, and torch: in 2, what the handout allows."""
    for file in sorted(s.folder.rglob("*.py")):
        place = file.relative_to(s.folder)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names, level = [], getattr(node, "level", 0)
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and level == 0:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            foreign = [name for name in names if not is_allowed(s, name)]
            require(not foreign, f"{place} imports {', '.join(foreign)}")
            require(level <= len(place.parts), f"{place} imports from outside {s.name}")


def is_allowed(s: Subject, name: str) -> bool:
    """Whether the miniproject may import the dotted `name`."""
    top = name.split(".")[0]
    if top == "torch":
        return s.number == 1 or name in HANDOUT_IMPORTS
    own = top == s.name or (s.folder / top).is_dir() or (s.folder / f"{top}.py").is_file()
    standard = [str(Path(os.__file__).parent), *(p for p in sys.path if p.endswith("lib-dynload"))]
    found = importlib.machinery.PathFinder.find_spec(top, standard)
    return own or top in sys.builtin_module_names or found is not None


def interface(s: Subject) -> None:
    """Model() takes nothing; its methods take what the handout says, num_epochs also by name."""
    with nothing_changes():
        model = s.module.Model()
    inspect.signature(model.load_pretrained_model).bind()
    inspect.signature(model.predict).bind("test_input")
    inspect.signature(model.train).bind("train_input", "train_target", 1)
    inspect.signature(model.train).bind("train_input", "train_target", num_epochs=1)
    if s.number == 2:
        inspect.signature(model.train).bind("train_input", "train_target")


def dummy(s: Subject) -> None:
    """A fresh model predicts a 512x512 dummy: the same size, float, in 0..255."""
    images = torch.rand(1, 3, 512, 512) * 255
    output = require_image(images, s.module.Model().predict(images))
    if output.max() <= 1:
        s.warnings.append(f"{s.name} predicts at most {output.max():.2f}: is that in 0..1?")


def predict(s: Subject) -> None:
    """The same images come out however they go in, of any size; the input is not modified."""
    model, images = s.pretrained(), s.noisy[:103].clone()  # 103: few sizes of chunk divide it
    floats, turned = images.float(), images.transpose(2, 3).contiguous().transpose(2, 3)
    whole = require_image(images, model.predict(images))
    require_same_image("predict of floats", model.predict(floats), whole)
    require_same_image("predict of a transposed view", model.predict(turned), whole)
    require_same_image("predict of one image", model.predict(images[:1]), whole[:1])
    ragged = torch.cat([model.predict(part) for part in images.split(50)])
    require_same_image("predict of ragged batches", ragged, whole)
    untouched = torch.equal(images, s.noisy[:103]) and torch.equal(floats, images.float())
    require(untouched, "predict modifies its input")
    for height, width in ((33, 47), (5, 7), (1, 1)):
        odd = torch.rand(2, 3, height, width) * 255
        require_image(odd, model.predict(odd))


def autograd(s: Subject) -> None:
    """predict and train work with autograd globally off and on; in 2 they never build a graph."""
    images, targets = s.noisy[:256].clone(), s.clean[:256]
    for enabled in (False, True):
        graphs = no_graph() if s.number == 2 else contextlib.nullcontext()
        with torch.set_grad_enabled(enabled), graphs, nothing_changes():
            model = s.module.Model()
            before = require_image(images, model.predict(images))
            model.train(images, targets, num_epochs=1)
            after = require_image(images, model.predict(images))
        state = "on" if enabled else "off"
        require(not torch.equal(before, after), f"train does nothing with autograd {state}")
        require(torch.equal(images, s.noisy[:256]), "train modifies its input")


def bad_input(s: Subject) -> None:
    """Bad input is refused at once, by a clear error, and leaves the model as it was."""
    model, file = s.pretrained(), s.folder / "bestmodel.pth"
    weights, x = file.read_bytes(), s.noisy[:4].float().clamp(1, 254)
    before = model.predict(x)
    for call in BAD_CALLS:
        start, outcome = time.process_time(), "is accepted"
        try:
            eval(f"model.{call}", {"model": model, "x": x, "torch": torch})
        except (ValueError, TypeError, FileNotFoundError) as error:
            outcome = "" if str(error) else "is refused without a message"
        except Exception as error:  # noqa: BLE001 - any other is what the check is after
            outcome = f"raises {type(error).__name__}: {error}"
        require(not outcome, f"{call} {outcome}")
        require(time.process_time() - start < QUICK, f"{call} is refused only after {QUICK} s")
    require_same_image("predict after bad input", model.predict(x), before)
    require(file.read_bytes() == weights, "bestmodel.pth was overwritten")


LOADING = """
from pathlib import Path
from {name}.model import Model
file = Path("{name}/bestmodel.pth")
whole, foreign = file.read_bytes(), Path("foreign.pth").read_bytes()
cases = dict(missing=None, empty=b"", truncated=whole[:len(whole) // 2], foreign=foreign)
for what, content in cases.items():
    file.unlink() if content is None else file.write_bytes(content)
    try:
        Model().load_pretrained_model()
    except (ValueError, TypeError, FileNotFoundError):
        continue
    except Exception as error:
        raise SystemExit(f"a {{what}} bestmodel.pth raises {{type(error).__name__}}")
    raise SystemExit(f"a {{what}} bestmodel.pth is accepted")
"""


def bad_weights(s: Subject) -> None:
    """A missing, empty, truncated or foreign bestmodel.pth is refused by a clear error."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(s.folder, Path(folder, s.name))
        torch.save({"foreign": torch.zeros(3)}, Path(folder, "foreign.pth"))
        run_python(LOADING.format(name=s.name), Path(folder))


def pretrained(s: Subject) -> str:
    """The pretrained model, found from any working folder, beats the noisy input by both PSNRs."""
    model, start = s.pretrained(), time.perf_counter()
    ours = s.psnr(model.predict)
    seconds = time.perf_counter() - start
    noisy = s.psnr(Tensor.float)
    s.scores.update({"per image": ours[0], "pooled": ours[1], "images/s": len(s.noisy) / seconds})
    text = f"{ours[0]:.2f} dB per image and {ours[1]:.2f} dB pooled"
    better = ours[0] > noisy[0] and ours[1] > noisy[1]
    require(better, f"{text}, the noisy input has {noisy[0]:.2f} and {noisy[1]:.2f} dB")
    return f"{text}, {len(s.noisy)} images in {seconds:.1f} s"


def training(s: Subject) -> str:
    """One epoch from the pretrained weights costs no more than 0.02 dB per image."""
    model = s.pretrained()
    before, start = s.psnr(model.predict), time.perf_counter()
    with no_graph() if s.number == 2 else contextlib.nullcontext(), nothing_changes():
        model.train(*s.training, num_epochs=1)
    seconds = time.perf_counter() - start
    after = s.psnr(model.predict)
    s.scores.update({"epoch": seconds, "per image after": after[0], "pooled after": after[1]})
    if seconds > TIME_LIMIT:
        s.warnings.append(f"{s.name} trained for {seconds:.0f} s, the limit is {TIME_LIMIT} s")
    text = (
        f"{before[0]:.3f} to {after[0]:.3f} dB per image, {before[1]:.3f} to {after[1]:.3f} dB "
        f"pooled, {len(s.training[0])} pairs in {seconds:.1f} s"
    )
    require(after[0] >= before[0] - ALLOWED_LOSS, text)
    return text
