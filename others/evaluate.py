"""Both pretrained models on the validation images: a table of scores and a picture.

    python -m others.evaluate [--data data] [--picture out/denoised.png] [--json PATH]

The models get uint8 batches of 100 images, as from the course's script, and answer with
self-ensemble, as `predict` does unless it is told otherwise. With generated images the scores are
not those of photographs: the first line says which file they are about. The networks of
the DnCNN assignment are scored by `python -m others.studies.assignment.evaluate`.
"""

import argparse
import hashlib
import platform

import torch

from others.data.course import VALIDATION, load_pair
from others.engine import command
from others.engine.contact_sheet import save_picture
from others.records.json_files import save_json
from others.studies.submission.models import evaluate, table


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    command.add_data(result)
    result.add_argument(
        "--picture", type=command.output, default="out/denoised.png", help="where images are shown"
    )
    result.add_argument("--json", type=command.output, help="also write the scores to this file")
    return result


def run(options: argparse.Namespace) -> None:
    """Score both models and show what they do."""
    path = options.data / VALIDATION
    noisy, clean = load_pair(path)
    rows, images = evaluate(noisy, clean)
    print(f"{path}: {len(noisy)} images of {noisy.shape[-1]}x{noisy.shape[-2]}")
    print(table(rows))
    save_picture(options.picture, images)
    print(f"{options.picture}: noisy, denoised by each model, clean")
    if options.json:
        digest = hashlib.sha256(noisy.numpy().tobytes()).hexdigest()[:16]
        versions = {"torch": torch.__version__, "python": platform.python_version()}
        content = {"images": len(noisy), "sha256_of_noisy": digest, **versions, "rows": rows}
        save_json(options.json, content)
        print(f"{options.json}: the scores, of a single pass too")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
