"""The archive that is handed in, Proj_SCIPER_SCIPER_SCIPER.zip: its name, its contents, its bytes.

It uncompresses into two folders, Miniproject_1/ and Miniproject_2/, as the course demands. For a
reader, the experiments in others/ can be added as a third. The grader, the tests and the Makefile
stay out: the course grades with a script of its own. The same files give the same bytes on every
machine.
"""

import argparse
import hashlib
import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from others.engine import command
from others.records.json_files import save_file
from others.records.paths import ROOT

LIMIT = 25_000_000  # bytes

REQUIRED = tuple(
    f"Miniproject_{number}/{name}"
    for number in (1, 2)
    for name in ("__init__.py", "model.py", "bestmodel.pth")
)
REPORTS = ("Miniproject_1/Report_1.pdf", "Miniproject_2/Report_2.pdf")
# A single star stays inside its folder: beside model.py there is no other code.
CODE = ("Miniproject_1/*/**/*.py", "Miniproject_2/*/**/*.py")
OTHERS = tuple(f"others/**/*.{kind}" for kind in ("py", "md", "json", "png", "pth", "css", "js"))

SCREENSHOTS = "others/demo/screenshots/"  # README.md alone shows them, which stays out as well


def archive_name(scipers: Sequence[str]) -> str:
    """The name that the course's script expects; ValueError unless `scipers` are three numbers."""
    good = all(re.fullmatch("[0-9]{6}", sciper) for sciper in scipers)
    if not good or len(scipers) != 3 or len(set(scipers)) != 3:
        raise ValueError(
            f"expected three different SCIPER numbers of six digits each, got {' '.join(scipers)!r}"
        )
    return f"Proj_{'_'.join(scipers)}.zip"


def tracked_files(root: Path) -> set[str] | None:
    """The files that git tracks, relative to `root`; None if that is no checkout or has no git."""
    if not (root / ".git").exists():
        return None
    command = ["git", "ls-files", "-z"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return set(listed.stdout.decode("utf-8", "surrogateescape").split("\0"))


def matching(root: Path, patterns: Sequence[str]) -> set[str]:
    """The files below `root` that match, as paths relative to it, but SCREENSHOTS and hidden."""
    found = [path for pattern in patterns for path in root.glob(pattern) if not path.is_dir()]
    names = {path.relative_to(root).as_posix() for path in found}
    return {name for name in names if "/." not in name and not name.startswith(SCREENSHOTS)}


def archive_files(root: Path, with_others: bool = False) -> list[str]:
    """The files below `root` that belong into the archive, sorted, as paths relative to it.

    In a git checkout, code and experiments belong if git tracks them, so that what lies around
    stays out. FileNotFoundError where code or weights are missing; a missing report is no error.
    ValueError where a file is a link to what does not belong.
    """
    missing = [name for name in REQUIRED if not (root / name).is_file()]
    if missing:
        raise FileNotFoundError(f"the archive needs {', '.join(missing)}, not found in {root}")
    names = matching(root, CODE + (OTHERS if with_others else ()))
    tracked = tracked_files(root)
    names = names if tracked is None else names & tracked
    names |= matching(root, REQUIRED + REPORTS)
    refuse_links(root, names)
    return sorted(names)


def refuse_links(root: Path, names: set[str]) -> None:
    """ValueError if one of `names`, or a folder on the way to it, leads to what is not in them."""
    belonging = {root.resolve() / name for name in names}
    for name in sorted(names):
        target = Path(os.path.realpath(root / name))  # unlike resolve, it takes a link to itself
        if target not in belonging:
            raise ValueError(f"{name} is a link to {target}, which does not belong to the archive")
        if not target.is_file():
            raise ValueError(f"{name} is no plain file, expected one")


def left_out(root: Path, with_others: bool = False) -> list[str]:
    """What would belong into the archive if git tracked it."""
    names = matching(root, CODE + (OTHERS if with_others else ()))
    return sorted(names - set(archive_files(root, with_others)))


def archive_bytes(root: Path, names: Sequence[str]) -> bytes:
    """A zip file of `names` below `root`; ValueError if it is larger than LIMIT.

    Nothing is compressed: deflate's output differs between versions of zlib, and weights hardly
    shrink.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))  # zip's first day
            entry.create_system = 3  # Unix, wherever this runs: the meaning of the next line
            entry.external_attr = 0o100644 << 16  # a plain file that its owner may write
            archive.writestr(entry, (root / name).read_bytes())
    content = buffer.getvalue()
    if len(content) > LIMIT:
        largest = max(names, key=lambda name: (root / name).stat().st_size)
        raise ValueError(
            f"the archive would have {len(content):,} bytes, expected at most {LIMIT:,}; "
            f"its largest file is {largest}"
        )
    return content


def write_archive(root: Path, scipers: Sequence[str], out: Path, with_others: bool = False) -> Path:
    """Write the archive of `root` into the folder `out`, whole or not at all; return its path."""
    target = out / archive_name(scipers)
    content = archive_bytes(root, archive_files(root, with_others))
    save_file(target, content)
    return target


def describe(target: Path) -> str:
    """The archive in a line: its size, its digest and its folders."""
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    with zipfile.ZipFile(target) as archive:
        folders = sorted({name.split("/")[0] for name in archive.namelist()})
    size = f"{target.stat().st_size:,} bytes, sha256 {digest[:16]}"
    return f"{target}: {size}, {len(folders)} folders: {', '.join(folders)}"


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument(
        "--scipers", nargs="+", required=True, metavar="SCIPER", help="three numbers of six digits"
    )
    result.add_argument("--out", type=Path, default=Path("dist"), help="folder of the archive")
    text = "add the experiments for a reader; the course asks for the miniprojects alone"
    result.add_argument("--with-others", action="store_true", help=text)
    return result


def run(options: argparse.Namespace) -> None:
    """Write the archive of this project and say what it is; what is missing gives warnings."""
    target = write_archive(ROOT, options.scipers, options.out, options.with_others)
    for report in REPORTS:
        if not (ROOT / report).is_file():
            print(f"warning: {report} is missing from the archive", file=sys.stderr)
    for name in left_out(ROOT, options.with_others):
        print(f"warning: {name} is left out, because git does not track it", file=sys.stderr)
    if options.with_others:
        print("warning: others/ is for a reader, the course asks for two folders", file=sys.stderr)
    print(describe(target))


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
