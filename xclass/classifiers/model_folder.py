"""A saved model: a folder of .npy / .faiss files and ``model.json``; memory-mapped, never pickle."""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.errors import ModelError
from xclass.json_object import read_json_object
from xclass.npy_file import map_npy

FORMAT_VERSION = 1
MANIFEST = "model.json"
WEIGHTS = "weights.npy"
_STORED_DTYPES = {"float32": np.float32, "bfloat16": np.uint16}
"""Value of the fact ``dtype`` -> type of the array in the file."""
_PARTS: dict[str, Callable[[Any], bool]] = {
    "num_classes": lambda value: type(value) is int and value >= 0,
    "dim": lambda value: type(value) is int and value >= 0,
    "facts": lambda value: isinstance(value, dict),
    "files": lambda value: isinstance(value, dict),
}
"""Key of the manifest -> whether a value can be its."""


def write_manifest(folder: Path, *, kind: str, shape: dict[str, int], facts: dict[str, Any]) -> None:
    """Describe the folder as it is now; written last, so that a folder without it is incomplete.

    Args:
        folder: holds the model's files already.
        kind: which server opens it: ``linear`` or ``faiss``.
        shape: ``num_classes`` and ``dim``.
        facts: what that server needs besides, as JSON values.
    """
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if _is_listed(path)}
    document = {"format_version": FORMAT_VERSION, "kind": kind, **shape, "facts": facts, "files": files}
    (folder / MANIFEST).write_text(json.dumps(document, indent=1), encoding="utf-8")


def _is_listed(path: Path) -> bool:
    # A frozen encoder has a folder of its own, which is the encoder's to check.
    return path.is_file() and path.name != MANIFEST


def read_manifest(folder: Path, *, kind: str | tuple[str, ...], facts: Sequence[str] = ()) -> dict[str, Any]:
    """Read and check the manifest.

    Args:
        folder: what :func:`write_manifest` was called on.
        kind: ``linear`` or ``faiss``, or those that are allowed.
        facts: names of the facts that the server will look up.

    Raises:
        ModelError: no manifest, an incomplete one, another format or kind, or a file missing or of another
            size.
    """
    path = folder / MANIFEST
    try:
        document = read_json_object(path)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not a readable model manifest ({error}); train the model again") from error
    kinds = (kind,) if isinstance(kind, str) else kind
    if document.get("format_version") != FORMAT_VERSION or document.get("kind") not in kinds:
        raise ModelError(
            f"{path}: format {document.get('format_version')} of kind {document.get('kind')}; this program "
            f"opens format {FORMAT_VERSION} of kind {' or '.join(kinds)}; train the model again"
        )
    missing = [name for name, is_right in _PARTS.items() if not is_right(document.get(name))]
    if not missing:
        missing = [f"facts.{name}" for name in facts if name not in document["facts"]]
    if missing:
        raise ModelError(f"{path}: lacks {', '.join(missing)}; the model is damaged, train it again")
    for name, size in document["files"].items():
        if _size(folder / name) != size:
            raise ModelError(
                f"{folder / name}: missing or not {size} bytes long; the model is damaged, train it again"
            )
    return document


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size if file.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


def check_num_classes(folder: Path, manifest: dict[str, Any]) -> None:
    """Whether the fact ``of_classes``, of a model without one row per class, fits the manifest.

    Raises:
        ModelError: it does not.
    """
    if manifest["facts"]["of_classes"] != manifest["num_classes"]:
        raise ModelError(
            f"{folder / MANIFEST}: num_classes={manifest['num_classes']} of a model of "
            f"{manifest['facts']['of_classes']}; train the model again"
        )


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write one .npy file without copying the array."""
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def map_array(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """Open one .npy file memory-mapped, read-only: its pages come when touched and can be dropped again.

    Args:
        path: of the file.
        shape: it must have.
        dtype: it must have; bfloat16 values are stored as uint16, their bits.

    Raises:
        ModelError: not values of this type and shape.
    """
    try:
        array = map_npy(path)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not a readable array ({error}); train the model again") from error
    if array.shape != shape or array.dtype != dtype:
        raise ModelError(
            f"{path}: {array.dtype} of shape {array.shape}, not {np.dtype(dtype)} of {shape}; "
            "train the model again"
        )
    return array


def advise_kernel(array: Any, advice: int) -> None:
    """Tell the kernel how the file below a mapped array will be read.

    Args:
        array: a view, however indirect, of an ``mmap.mmap``.
        advice: ``mmap.MADV_*``; MADV_DONTNEED unmaps the pages, which stay in the file.

    Source: man madvise(2).
    """
    while not isinstance(array, mmap.mmap):
        array = array.base
    array.madvise(advice)


def map_class_vectors(folder: Path, manifest: dict[str, Any]) -> npt.NDArray[Any]:
    """Map the class vectors of a linear model: float32, or uint16 with the bits of bfloat16 values.

    Raises:
        ModelError: another format, or not what the manifest says.
    """
    dtype = manifest["facts"].get("dtype", "float32")
    if dtype not in _STORED_DTYPES:
        raise ModelError(
            f"{folder}: class vectors of dtype={dtype}; this program opens {' and '.join(_STORED_DTYPES)}; "
            "train the model again"
        )
    shape = (manifest["num_classes"], manifest["dim"])
    return map_array(folder / WEIGHTS, shape, _STORED_DTYPES[dtype])
