"""Both pretrained models on the validation images: a table of scores and a picture.

    python -m others.evaluate [--data data] [--picture out/denoised.png] [--json PATH]
    python -m others.evaluate --assignment BSDS [--json PATH]

The models get uint8 batches of 100 images, as from the course's script. With generated images the
scores are not those of photographs: the table says which file it is about. The second form is
`others.studies.assignment.evaluate`: the networks of the DnCNN assignment on the images in
BSDS/test.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import sys
from pathlib import Path

import torch

from others.data.course import VALIDATION, load_pair
from others.engine.contact_sheet import save_picture
from others.records.json_files import save_json
from others.studies.assignment import evaluate as assignment
from others.studies.submission.models import evaluate, table


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m others.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of val_data.pkl")
    parser.add_argument("--picture", type=Path, default=Path("out/denoised.png"))
    parser.add_argument("--json", type=Path, help="also write the scores here")
    parser.add_argument("--assignment", metavar="BSDS", help="score the DnCNN assignment instead")
    options = parser.parse_args()
    if options.assignment is not None:
        json_path = ["--json", str(options.json)] if options.json else []
        return assignment.main(["--data", options.assignment, *json_path])
    try:
        noisy, clean = load_pair(options.data / VALIDATION)
        rows, images = evaluate(noisy, clean)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    print(
        f"{options.data / VALIDATION}: {len(noisy)} images of {noisy.shape[-1]}x{noisy.shape[-2]}"
    )
    print(table(rows))
    save_picture(options.picture, images)
    print(f"{options.picture}: noisy, denoised by each model, clean")
    if options.json:
        digest = hashlib.sha256(bytes(noisy.flatten().tolist())).hexdigest()[:16]
        versions = {"torch": torch.__version__, "python": platform.python_version()}
        content = {"images": len(noisy), "sha256_of_noisy": digest, **versions, "rows": rows}
        save_json(options.json, content)


if __name__ == "__main__":
    main()
