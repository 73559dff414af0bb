"""Results as small JSON files."""

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
