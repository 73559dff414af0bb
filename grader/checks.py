"""The list of all checks: each with a name, with whose it is, and with what it needs."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from grader import blocks, models, sources
from grader.subject import Subject

OF_BOTH = [  # (the course's or ours, the check)
    ("course", sources.structure),
    ("ours", models.importing),
    ("ours", sources.allowed_imports),
    ("ours", models.plain_import),
    ("course", models.instantiate),
    ("ours", models.interface),
    ("course", models.dummy),
    ("ours", models.predict),
    ("ours", models.unclipped),
    ("ours", models.autograd),
    ("ours", models.device),
    ("ours", models.bad_input),
    ("ours", models.bad_weights),
]
OF_BLOCKS = [
    ("ours", blocks.names),
    ("course", blocks.as_handed_out),
    ("ours", blocks.mse),
    ("ours", blocks.loading_keeps_pairs),
]
LONG = [  # with the whole validation set or training set
    ("course", models.pretrained),
    ("ours", models.beats_noise),
    ("course", models.training),
    ("ours", models.keeps_quality),
]
NEEDS = {"beats_noise": "pretrained", "training": "pretrained", "keeps_quality": "training"}
TRAINS = ("training", "keeps_quality")  # what --skip-training leaves out


class Check(NamedTuple):
    """One line of the output."""

    name: str
    origin: str  # "course": the script that was handed out is known to do it; else "ours"
    subject: Subject
    function: Callable[..., Any]  # raises an error if it fails, returns a remark or None
    arguments: tuple[Any, ...] = ()
    needs: str = ""  # the name of the check without which this one has nothing to look at

    @property
    def is_long(self) -> bool:
        """Whether it goes through all the data, and so has the longer time limit."""
        return any(function is self.function for _, function in LONG)

    def described(self) -> dict[str, Any]:
        """What the parent and the reports need to know of it."""
        function = f"{self.function.__module__}.{self.function.__name__}"
        described = {"name": self.name, "origin": self.origin, "function": function}
        return {**described, "miniproject": self.subject.number, "long": self.is_long}


def list_checks(one: Subject, two: Subject) -> list[Check]:
    """All checks in the order in which they run."""

    def of(s: Subject, origin: str, function: Callable[..., Any]) -> Check:
        need = NEEDS.get(function.__name__, "")
        name, needs = (f"{what} of {s.name}" if what else "" for what in (function.__name__, need))
        return Check(name, origin, s, function, needs=needs)

    checks = [of(s, *entry) for s in (one, two) for entry in OF_BOTH]
    checks += [Check(f.__name__, origin, two, f) for origin, f in OF_BLOCKS]
    checks += [
        Check(f"{text} of {size}", "ours", two, blocks.layer, (text, size))
        for text, size in blocks.LAYERS
    ]
    checks += [Check(t, "ours", two, blocks.optimizer, (t,)) for t in blocks.OPTIMIZERS]
    checks += [of(s, *entry) for s in (one, two) for entry in LONG]
    return checks + [of(s, "ours", models.conduct) for s in (one, two)]
