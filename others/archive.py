"""The archive that is handed in, Proj_SCIPER_SCIPER_SCIPER.zip: its name, its contents, its bytes.

It uncompresses into Miniproject_1/, Miniproject_2/ and others/. The grader, the tests and the
Makefile stay out: the course grades with a script of its own. The same files give the same bytes
on every machine.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from Miniproject_1.noise2noise.files import write_atomically
from others.records.paths import ROOT

LIMIT = 25_000_000  # bytes

REQUIRED = tuple(
    f"Miniproject_{number}/{name}"
    for number in (1, 2)
    for name in ("__init__.py", "model.py", "bestmodel.pth")
)
REPORTS = ("Miniproject_1/Report_1.pdf", "Miniproject_2/Report_2.pdf")
OTHERS = (  # a single star stays inside its folder
    "Miniproject_1/noise2noise/*.py",
    "Miniproject_2/framework/*.py",
    "others/**/*.py",
    "others/studies/biasfree/configs/*.json",
    "others/README.md",
    "others/results/**/*.json",
    "others/pretrained/**/*.pth",
    "others/pretrained/**/*.json",
)


def archive_name(scipers: Sequence[str]) -> str:
    """The name that the course's script expects; ValueError unless `scipers` are three numbers."""
    good = all(re.fullmatch("[0-9]{6}", sciper) for sciper in scipers)
    if not good or len(scipers) != 3 or len(set(scipers)) != 3:
        raise ValueError(
            f"expected three different SCIPER numbers of six digits each, got {' '.join(scipers)!r}"
        )
    return f"Proj_{'_'.join(scipers)}.zip"


def archive_files(root: Path) -> list[str]:
    """The files below `root` that belong into the archive, sorted, as paths relative to it.

    FileNotFoundError where code or weights are missing; a missing report is none.
    """
    missing = [name for name in REQUIRED if not (root / name).is_file()]
    if missing:
        raise FileNotFoundError(f"the archive needs {', '.join(missing)}, not found in {root}")
    found = [path for pattern in (*REQUIRED, *REPORTS, *OTHERS) for path in root.glob(pattern)]
    names = sorted(path.relative_to(root).as_posix() for path in found if path.is_file())
    return [name for name in names if "/." not in name]  # what editors and notebooks hide


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


def write_archive(root: Path, scipers: Sequence[str], out: Path) -> Path:
    """Write the archive of `root` into the folder `out`, whole or not at all; return its path."""
    target = out / archive_name(scipers)
    content = archive_bytes(root, archive_files(root))
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(target, lambda file: file.write(content))
    return target


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: write the archive of this project and say what it is."""
    parser = argparse.ArgumentParser(prog="python -m others.archive", description=main.__doc__)
    parser.add_argument("--scipers", nargs="+", required=True, metavar="SCIPER")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder (default: dist)")
    options = parser.parse_args(arguments)
    try:
        target = write_archive(ROOT, options.scipers, options.out)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    for report in REPORTS:
        if not (ROOT / report).is_file():
            print(f"warning: {report} is missing from the archive", file=sys.stderr)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"{target}: {target.stat().st_size:,} bytes, sha256 {digest[:16]}")


if __name__ == "__main__":
    main()
