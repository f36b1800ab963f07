"""What a prepared folder says of itself, and whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xclass.data.manifest import not_a_manifest, read_manifest_document

FORMAT_VERSION = 1


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
    document = read_manifest_document(folder, version=FORMAT_VERSION)
    try:
        counts = {key: int(document[key]) for key in Manifest.__dataclass_fields__ if key.startswith("num_")}
        return Manifest(
            source=str(document["source"]),
            languages=tuple(document["languages"]),
            train_sha256=str(document["files"]["train.bytes"]["sha256"]),
            **counts,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise not_a_manifest(folder, error) from error
