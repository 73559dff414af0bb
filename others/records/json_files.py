"""Results and settings as small JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from Miniproject_1.noise2noise.files import write_atomically


def save_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file, whole or not at all; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
    write_atomically(path, lambda file: file.write(data))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no JSON, nested too deeply, or something else than an object; the message names
            the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected one with JSON")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}; expected an object in braces")
    return content
