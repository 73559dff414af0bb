"""The checks that both miniprojects must pass; the docstring of each is its claim.

A check takes a miniproject, raises an error if the claim does not hold, and may return a remark.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, equal  # bound before a submission could replace it

from grader import blocks
from grader.handout import NO_GPU
from grader.subject import (
    LONGEST,
    Refusal,
    Subject,
    no_graph,
    nothing_changes,
    require,
    require_image,
    require_range,
    require_same_image,
    require_tensor,
    require_untouched,
    run_python,
    settings_and_rng,
)

ALLOWED_LOSS = 0.02  # dB per image that an epoch from the pretrained weights may cost
TIME_LIMIT = 45 * 60  # seconds for training on a CPU, from the handout
QUICK = 5  # CPU seconds in which bad input is refused: enough to look at it, not to train
CALLS = [  # a method, and arguments that the handout gives it
    ("load_pretrained_model", "()"),
    ("predict", "(x)"),
    ("train", "(x, y, 1)"),
    ("train", "(x, y, num_epochs=1)"),
]
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
]
BAD_CALLS = [
    *(f"predict({bad})" for bad in BAD_IMAGES),
    *(f"train({bad}, {bad}, 1)" for bad in BAD_IMAGES),
    *(f"train(x, {bad}, 1)" for bad in [*BAD_IMAGES, "x[:1]", "x[..., 1:]"]),
    *(f"train(x, x, {bad})" for bad in ["0", "-1", "1.5", "True", "'1'"]),
]


class Beginning(io.RawIOBase):
    """A stream of bytes that keeps the beginning of what is written to it, and is never closed.

    A submission may put another stream around it, which closes it when that is forgotten.
    """

    def __init__(self) -> None:
        self.kept = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def write(self, data: Any) -> int:
        self.kept += bytes(data[: LONGEST - len(self.kept)])
        return len(data)

    def close(self) -> None:
        pass


class Output(io.TextIOWrapper):
    """What stands in for the standard output, with all that it has; it tells if it was closed."""

    def __init__(self) -> None:
        self.beginning, self.was_closed = Beginning(), False
        super().__init__(self.beginning, "utf-8", "backslashreplace", write_through=True)  # type: ignore[arg-type]

    def close(self) -> None:
        self.was_closed = True


def importing(s: Subject) -> None:
    """Importing model.py of the named folder changes nothing global; a print is a warning."""
    torch.rand(1)  # now the random state is none that a seed gives, such as the 0 of every check
    with contextlib.redirect_stdout(Output()) as output, nothing_changes(settings_and_rng):
        file, expected = Path(s.module.__file__), s.folder / "model.py"
    require(file.samefile(expected), f"{file} is imported instead of {expected}")
    require(not output.was_closed, "closes the standard output")
    printed = output.beginning.kept.decode("utf-8", errors="replace")
    if printed:
        s.warn("ours", f"the import of {s.name} prints {printed!r}")


def plain_import(s: Subject) -> None:
    """`from model import ...` works with the miniproject's folder as the working folder.

    The handout shows it for the blocks of Miniproject_2; a test of Miniproject_1 may do the same.
    """
    module = s.module  # what cannot be imported at all is refused at once
    wanted = [*blocks.REQUIRED, *blocks.EITHER] if s.number == 2 else []
    found = [name for name in wanted if hasattr(module, name)]
    run_python(f"from model import {', '.join(['Model', *found])}; Model()", s.folder)


def instantiate(s: Subject) -> None:
    """Model() takes no arguments."""
    s.new()


def interface(s: Subject) -> None:
    """The methods take what the handout says, num_epochs also by name; Model() changes nothing."""
    with nothing_changes():
        model = s.new()
    for method, arguments in CALLS if s.number == 1 else [*CALLS, ("train", "(x, y)")]:
        bind = inspect.signature(getattr(model, method)).bind
        try:
            eval(f"bind{arguments}", {"bind": bind, "x": None, "y": None})
        except TypeError as error:
            raise Refusal(f"{method}{arguments} is not taken: {error}") from error


def dummy(s: Subject) -> None:
    """A fresh model predicts a 512x512 dummy: the same size, in 0..255."""
    images = torch.rand(1, 3, 512, 512) * 255
    output = require_range(images, s.new().predict(images))
    if output.max() <= 1:
        s.warn("course", f"{s.name} predicts at most {output.max():.2f}: is that in 0..1?")


def predict(s: Subject) -> None:
    """predict answers alike whatever the type, the batches and the memory layout of its input.

    It takes images of any size, and does not modify its input.
    """
    model, images = s.pretrained(), s.noisy[:103].clone()  # 103: few sizes of chunk divide it
    floats, turned = images.float(), images.transpose(2, 3).contiguous().transpose(2, 3)
    whole = require_image(s, images, model.predict(images))
    require_same_image("predict of floats", model.predict(floats), whole)
    require_same_image("predict of a transposed view", model.predict(turned), whole)
    require_same_image("predict of one image", model.predict(images[:1]), whole[:1])
    ragged = torch.cat([model.predict(part) for part in images.split(50)])
    require_same_image("predict of ragged batches", ragged, whole)
    require_untouched("the input of predict", images, s.noisy[:103])
    require_untouched("the input of predict", floats, images.float())
    for height, width in ((33, 47), (5, 7), (1, 1)):
        odd = torch.rand(2, 3, height, width) * 255
        require_image(s, odd, model.predict(odd))


def unclipped(s: Subject) -> None:
    """Images with noise that leaves [0, 255] are data: predict and train take them.

    The handout says that noise characteristics may vary, and Gaussian noise is not clipped by
    itself; an error there costs every point.
    """
    model, images = s.new(), s.clean[:16].float()
    noisy_a, noisy_b = (images + 50 * torch.randn(images.shape) for _ in range(2))
    require_image(s, noisy_a, model.predict(noisy_a))
    model.train(noisy_a, noisy_b, num_epochs=1)
    require_image(s, noisy_a, model.predict(noisy_a))


def autograd(s: Subject) -> None:
    """predict and train work with autograd globally off and on; in 2 they never build a graph."""
    images, targets = s.noisy[:256].clone(), s.clean[:256]
    for enabled in (False, True):
        graphs = no_graph() if s.number == 2 else contextlib.nullcontext()
        with torch.set_grad_enabled(enabled), graphs, nothing_changes():
            model = s.new()
            before = require_image(s, images, model.predict(images))
            model.train(images, targets, num_epochs=1)
            after = require_image(s, images, model.predict(images))
        state = "on" if enabled else "off"
        require(not equal(before, after), f"train does nothing with autograd {state}")
        require_untouched("the input of train", images, s.noisy[:256])


def device(s: Subject) -> str:
    """Where there is a GPU, predict uses it unasked, and answers where its input was."""
    if not torch.cuda.is_available():
        return NO_GPU
    torch.cuda.reset_peak_memory_stats()
    before, model = torch.cuda.max_memory_allocated(), s.pretrained()
    for images in (s.noisy[:8], s.noisy[:8].cuda()):
        answer = require_image(s, images, model.predict(images))
        require(answer.device == images.device, f"{images.device} in, {answer.device} out")
    require(torch.cuda.max_memory_allocated() > before, "the GPU is not used")
    return torch.cuda.get_device_name()


def bad_input(s: Subject) -> None:
    """Bad input is refused at once, by a clear error, and leaves the model as it was."""
    model, file = s.pretrained(), s.folder / "bestmodel.pth"
    weights, x = file.read_bytes(), s.noisy[:4].float().clamp(1, 254)
    before = require_tensor(model.predict(x))
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
    _ = s.module  # what cannot be imported at all is refused at once
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(s.folder, Path(folder, s.name))
        torch.save({"foreign": torch.zeros(3)}, Path(folder, "foreign.pth"))
        run_python(LOADING.format(name=s.name), Path(folder))


def pretrained(s: Subject) -> str:
    """load_pretrained_model and predict work on uint8 batches of 100, from any working folder."""
    model, start = s.pretrained(), time.perf_counter()
    ours = s.psnr(model.predict)
    seconds = time.perf_counter() - start
    s.scores.update({"per image": ours[0], "pooled": ours[1], "images/s": len(s.noisy) / seconds})
    return f"{text_of(s, '')}, {len(s.noisy)} images in {seconds:.1f} s"


def text_of(s: Subject, when: str) -> str:
    """Both PSNRs of the pretrained model, or with `when` " after" those after its training."""
    scores = [s.scores[f"{kind}{when}"] for kind in ("per image", "pooled")]
    return f"{scores[0]:.3f} dB per image and {scores[1]:.3f} dB pooled"


def beats_noise(s: Subject) -> str:
    """The pretrained model beats the noisy input by both PSNRs."""
    if "per image" not in s.scores:
        pretrained(s)
    noisy = s.psnr(Tensor.float)
    better = s.scores["per image"] > noisy[0] and s.scores["pooled"] > noisy[1]
    text = f"{text_of(s, '')}, the noisy input has {noisy[0]:.3f} and {noisy[1]:.3f} dB"
    require(better, text)
    return text


def training(s: Subject) -> str:
    """One epoch from the pretrained weights runs through, and predict works after it.

    More than the handout's 45 minutes draw a warning.
    """
    model = s.pretrained()
    start = time.perf_counter()
    model.train(*s.training, num_epochs=1)
    seconds = time.perf_counter() - start
    after = s.psnr(model.predict)
    s.scores.update({"epoch": seconds, "per image after": after[0], "pooled after": after[1]})
    if seconds > TIME_LIMIT:
        s.warn("ours", f"{s.name} trained for {seconds:.0f} s, the limit is {TIME_LIMIT} s")
    return f"{text_of(s, ' after')}, {len(s.training[0])} pairs in {seconds:.1f} s"


def keeps_quality(s: Subject) -> str:
    """One epoch from the pretrained weights costs no more than 0.02 dB per image."""
    if "per image" not in s.scores:
        pretrained(s)
    if "per image after" not in s.scores:
        training(s)
    text = f"from {text_of(s, '')} to {text_of(s, ' after')}"
    require(s.scores["per image after"] >= s.scores["per image"] - ALLOWED_LOSS, text)
    return text


def conduct(s: Subject) -> None:
    """In no check has it done what an answer does not need; a short training is one more try.

    It writes no file into the working folder or the one above, the project or the data, does not
    read the validation file, imports nothing foreign while it runs, and leaves alone the functions
    of Python, torch and the grader.
    """
    with contextlib.suppress(Exception):  # errors are what the other checks are about
        model = s.pretrained()
        model.predict(s.noisy[:8])
        model.train(s.noisy[:16], s.clean[:16], num_epochs=1)
    s.look()
    require(not s.offences, "; ".join(s.offences))
