"""What a prepared folder says of itself, and whether it is whole. Standard library only."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from xclass.errors import DataError
from xclass.json_object import read_json_object

MANIFEST = "manifest.json"


def write_manifest(folder: Path, document: dict[str, Any], *, has_digests: bool = True) -> None:
    """Write ``manifest.json``: ``document`` and the size of every file of the folder.

    Args:
        folder: as :func:`xclass.data.publish.publishing` gives it.
        document: JSON values, ``format_version`` among them.
        has_digests: with the sha256 of every file, which reads all of it.
    """
    files = {}
    for path in sorted(folder.iterdir()):
        if path.name == "lock":
            continue
        files[path.name] = {"size_bytes": path.stat().st_size}
        if has_digests:
            with path.open("rb") as file:
                files[path.name]["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[assignment]
    (folder / MANIFEST).write_text(json.dumps(document | {"files": files}, indent=1))


def read_manifest_document(folder: Path, *, version: int) -> dict[str, Any]:
    """Read the manifest and compare the size of every file with it.

    Raises:
        DataError: a file is missing, cut short, or of another format; names it and the remedy.
    """
    path = folder / MANIFEST
    try:
        document = read_json_object(path)
        if document["format_version"] != version:
            raise DataError(
                f"{path}: format_version={document['format_version']}, not {version}; {_remedy(folder)}"
            )
        for name, facts in document["files"].items():
            size = (folder / name).stat().st_size
            if size != facts["size_bytes"]:
                raise DataError(
                    f"{folder / name}: {size} bytes instead of {facts['size_bytes']}; {_remedy(folder)}"
                )
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: missing; {_remedy(folder)}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise not_a_manifest(folder, error) from error
    return document


def not_a_manifest(folder: Path, error: Exception) -> DataError:
    """The one line for a manifest that lacks something."""
    return DataError(f"{folder / MANIFEST}: not a manifest ({error!r}); {_remedy(folder)}")


def _remedy(folder: Path) -> str:
    return f"delete the folder {folder} to prepare it again"
