"""What a prepared folder says of itself, and whether it is whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xclass.errors import DataError

FORMAT_VERSION = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The counts and the origin of a prepared folder."""

    source: str
    """Package and version."""
    languages: tuple[str, ...]
    num_classes: int
    num_train: int
    num_test: int
    num_train_bytes: int
    num_test_bytes: int
    train_sha256: str
    """Checksum of the training texts: equal data has it equal, on every machine."""


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest and compare the size of every file with it.

    Raises:
        DataError: a file is missing, cut short, or of another format; names it and the remedy.
    """
    path = folder / MANIFEST
    remedy = f"delete the folder {folder} to prepare it again"
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        if document["format_version"] != FORMAT_VERSION:
            raise DataError(
                f"{path}: format_version={document['format_version']}, not {FORMAT_VERSION}; {remedy}"
            )
        for name, facts in document["files"].items():
            size = (folder / name).stat().st_size
            if size != facts["size_bytes"]:
                raise DataError(f"{folder / name}: {size} bytes instead of {facts['size_bytes']}; {remedy}")
        counts = {key: int(document[key]) for key in Manifest.__dataclass_fields__ if key.startswith("num_")}
        return Manifest(
            source=str(document["source"]),
            languages=tuple(document["languages"]),
            train_sha256=str(document["files"]["train.bytes"]["sha256"]),
            **counts,
        )
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: missing; {remedy}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not a manifest ({error!r}); {remedy}") from error
