"""What is installed: each package with a version and a reason, and a hash for each of its files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PIN = re.compile(r"[a-z-]+(\[[a-z]+\])?==[\d.]+  # \w.+")
LOCKED = re.compile(
    r"^([a-z0-9-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE
)
UNLOCKED = "torch"  # it has a build for CPUs on another server than PyPI, with other hashes


def pinned() -> Iterator[Requirement]:
    """What requirements*.txt ask for."""
    for path in ROOT.glob("requirements*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("-r "):
                yield Requirement(line.split("  #")[0])


def locked() -> dict[str, str]:
    """The versions in requirements.lock by the names of the packages."""
    found = LOCKED.findall((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    return {name: version for name, version, _ in found}


def needed(requirement: Requirement, seen: set[str]) -> set[str]:
    """The names of a package and of all that it needs here, as far as they are installed.

    What torch needs is left out: with CUDA, these are packages that the lock does not have.
    """
    name = canonicalize_name(requirement.name)
    if name in seen or name == UNLOCKED:
        return seen
    seen.add(name)
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return seen
    for one in map(Requirement, lines):
        extras = requirement.extras or {""}
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras):
            needed(one, seen)
    return seen


def test_pins() -> None:
    """Every requirement has a version and a reason."""
    for path in ROOT.glob("requirements*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert line.startswith("-r ") or PIN.fullmatch(line), f"{path.name}: {line}"


def test_the_lock_is_of_these_requirements() -> None:
    """requirements.lock has every pinned package but torch, in the pinned version; where it has
    not, the command in CONTRIBUTING.md makes it anew."""
    found = locked()
    wanted = {
        canonicalize_name(one.name): str(one.specifier)[2:]
        for one in pinned()
        if one.name != UNLOCKED
    }
    assert {name: found.get(name) for name in wanted} == wanted


def test_the_lock_is_complete() -> None:
    """What the pinned packages need is locked as well, and nothing has two versions or no hash."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    names = re.findall(r"^([^\s#-]\S*?)==", text, re.MULTILINE)
    assert sorted(names) == sorted(locked())
    seen: set[str] = set()
    for one in pinned():
        needed(one, seen)
    assert seen <= set(names)
