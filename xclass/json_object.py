"""A JSON object from a file that nobody vouches for: never gigabytes, never a RecursionError."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MAX_BYTES = 16 << 20
"""Of a document about files: a model of 100 000 files needs as much, the largest that we write 20 KiB."""


def read_json(path: Path, *, max_bytes: int = MAX_BYTES) -> Any:
    """Read one JSON value.

    Args:
        path: of the file.
        max_bytes: that it may have.

    Raises:
        OSError: it cannot be read.
        ValueError: it is too long, no UTF-8, no JSON, or nested too deeply.

    Memory:
        the file, at most ``max_bytes``, and what Python makes of it, about 10 times as much.
    """
    with path.open("rb") as file:
        # Not read(max_bytes + 1): Python would take that much memory for every file, however small.
        size = min(os.fstat(file.fileno()).st_size, max_bytes)
        content = file.read(size + 1)
    if len(content) > size:
        raise ValueError(f"more than {size} bytes")
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_json_object(path: Path, *, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Read one JSON object: see :func:`read_json`.

    Raises:
        OSError: it cannot be read.
        ValueError: as :func:`read_json`, or it is no object.
    """
    document = read_json(path, max_bytes=max_bytes)
    if not isinstance(document, dict):
        raise ValueError(f"a {type(document).__name__}, not an object")
    return document
