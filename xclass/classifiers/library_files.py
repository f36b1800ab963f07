"""Models in a library's own files: checked whole before the library sees them.

Libraries trust their files: one that was damaged ends the process, or answers nonsense. They read them whole
anyway, so a checksum costs one more pass over pages that are in memory by then.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from xclass.classifiers.model_folder import MANIFEST, read_manifest, write_manifest
from xclass.errors import ModelError

_CHECKSUM = "crc32"
_CHUNK_BYTES = 1 << 20


def write_library_manifest(folder: Path, *, kind: str, shape: dict[str, int], facts: dict[str, Any]) -> None:
    """As :func:`xclass.classifiers.model_folder.write_manifest`, with a checksum of every file.

    The checksums begin with the numbers of ``shape``, so that those are covered too.
    """
    checksums = {
        path.name: _checksum(path, shape) for path in sorted(folder.iterdir()) if path.name != MANIFEST
    }
    write_manifest(folder, kind=kind, shape=shape, facts={**facts, _CHECKSUM: checksums})


def read_library_manifest(folder: Path, *, kind: str, facts: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read and check the manifest and every byte of the files that it names.

    Args:
        folder: what :func:`write_library_manifest` was called on.
        kind: that is allowed.
        facts: names of the facts that the server will look up.

    Raises:
        ModelError: incomplete, damaged, or of another format or kind.

    Memory:
        1 MiB.
    """
    manifest = read_manifest(folder, kind=kind, facts=(*facts, _CHECKSUM))
    shape = {name: manifest[name] for name in ("num_classes", "dim")}
    for name, expected in manifest["facts"][_CHECKSUM].items():
        if _checksum(folder / name, shape) != expected:
            raise ModelError(
                f"{folder / name}: not the bytes that were saved with {shape}; the model is damaged, "
                "train it again"
            )
    return manifest


def _checksum(path: Path, shape: dict[str, int]) -> int:
    found = zlib.crc32(f"{shape['num_classes']} {shape['dim']}".encode())
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            found = zlib.crc32(chunk, found)
    return found
